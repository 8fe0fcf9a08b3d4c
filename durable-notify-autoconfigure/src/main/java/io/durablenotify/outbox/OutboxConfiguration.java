/*
 * Copyright 2026-present the durable-notify authors.
 *
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at
 *
 *      https://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */
package io.durablenotify.outbox;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.work.PayloadJson;
import io.durablenotify.work.QueueProbes;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkProperties;
import io.durablenotify.work.WorkQueue;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;

/**
 * The beans of the outbox.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class OutboxConfiguration {

	@Bean
	@ConditionalOnMissingBean
	Outbox durableNotifyOutbox(WorkQueue queue, ApplicationDatabase database, OutboxProperties properties,
			Environment environment, BeanFactory beanFactory, ObjectProvider<OutboxSenders> senders,
			ObjectProvider<Observations> observations) {
		return new DefaultOutbox(queue, () -> isInTransaction(database), () -> senders.getObject().byName().keySet(),
				new ValueJson(PayloadJson.of(beanFactory)), source(properties, environment), Clock.systemUTC(),
				Observations.of(observations));
	}

	/**
	 * Not in a transaction of another DataSource, which would not roll back what is
	 * written, and not after the commit.
	 */
	private static boolean isInTransaction(ApplicationDatabase database) {
		return database.isTransactionOpen() && !database.isTransactionCommitting()
				&& database.execute("publish an event", (connection, joined) -> joined);
	}

	/**
	 * The name of the application as a path, with what a path cannot have escaped.
	 */
	private static String source(OutboxProperties properties, Environment environment) {
		if (properties.source() != null) {
			return properties.source();
		}
		String name = environment.getProperty("spring.application.name");
		String path = "/"
				+ URLEncoder.encode((StringUtils.hasText(name)) ? name : "application", StandardCharsets.UTF_8)
					.replace("+", "%20");
		return (OutboxEvent.isSource(path)) ? path : "/application";
	}

	/**
	 * A child context counts into those of its parent, which has the meters.
	 */
	@Bean
	@ConditionalOnMissingBean
	OutboxMeasures durableNotifyOutboxMeasures() {
		return new OutboxMeasures();
	}

	@Bean
	SentEvents durableNotifySentEvents(ApplicationDatabase database, Schema schema, OutboxProperties properties) {
		return new SentEvents(database, schema.name(), properties.retention());
	}

	@Bean
	Lifecycle durableNotifyOutboxJanitor(SentEvents sent) {
		return new OutboxJanitor(sent);
	}

	@Bean
	OutboxSenders durableNotifyOutboxSenders(OutboxProperties properties, ObjectProvider<OutboxSender> senders,
			ObjectProvider<SenderSource> configured) {
		SenderSettings.requireLibraries(properties);
		return new OutboxSenders(() -> all(senders, configured));
	}

	private static List<OutboxSender> all(ObjectProvider<OutboxSender> senders,
			ObjectProvider<SenderSource> configured) {
		List<OutboxSender> all = new ArrayList<>(senders.orderedStream().toList());
		configured.orderedStream().forEach((source) -> all.addAll(source.senders()));
		return all;
	}

	/**
	 * The senders are asked for at the start, since they may use the outbox.
	 */
	@Bean
	Lifecycle durableNotifyOutboxSenderRegistrar(OutboxSenders senders, WorkListeners listeners, QueueProbes probes,
			WorkProperties work, OutboxProperties properties, Environment environment, SentEvents sent,
			OutboxMeasures measures, ObjectProvider<Observations> observations) {
		String source = source(properties, environment);
		return new SenderRegistrar(senders, listeners, new SenderSettings(properties, work)::spec,
				(name) -> new OutboxCircuit(probes, name, properties.circuit()),
				(sender, circuit) -> new OutboxDispatcher(measures.measured(sender), circuit, sent::add, source,
						properties.maxAge(), Observations.of(observations)));
	}

	/**
	 * Not in a child of a context that has one: what a child publishes, its parent
	 * publishes too.
	 */
	@Bean
	@Lazy(false)
	@ConditionalOnMissingBean
	static ExternalizedEvents durableNotifyExternalizedEvents(ObjectProvider<Outbox> outbox) {
		return new ExternalizedEvents(outbox::getIfAvailable);
	}

}
