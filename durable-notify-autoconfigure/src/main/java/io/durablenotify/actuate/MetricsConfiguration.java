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

package io.durablenotify.actuate;

import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.channel.ChannelDelivery;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.event.EventMeasures;
import io.durablenotify.instance.LeaseMeasures;
import io.durablenotify.listener.ListenerMeasures;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.outbox.OutboxMeasures;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.stream.ConsumerDelivery;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.stream.append.AppendWrite;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.WakeupMeasures;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.web.SseMeasures;
import io.durablenotify.work.WorkBacklog;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkHealth;
import io.durablenotify.work.WorkMeasures;
import io.micrometer.core.instrument.binder.MeterBinder;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.ResolvableType;

/**
 * The metrics' beans.
 */
@Configuration(proxyBeanMethods = false)
public class MetricsConfiguration {

	/**
	 * Without PostgreSQL there is nothing to measure, and none of the beans.
	 */
	@Bean
	@ConditionalOnMissingBean(name = "durableNotifyMetrics")
	MeterBinder durableNotifyMetrics(DatabaseProduct product, BeanFactory beans) {
		return new DurableNotifyMetrics(() -> (product.isPostgres()) ? sources(beans) : List.of());
	}

	@Bean
	@RequiresPostgres
	DatabaseSampler durableNotifyDatabaseSampler(ApplicationDatabase database, Schema schema, WorkBacklog work,
			WorkMeasures labels, ServerWatch server) {
		return new DatabaseSampler(database, schema.name(), work, labels, server);
	}

	/**
	 * A child context counts into those of its parent, which has the meters.
	 */
	@Bean
	@ConditionalOnMissingBean
	SseMeasures durableNotifySseMeasures() {
		return new SseMeasures();
	}

	private static List<MeterSource> sources(BeanFactory beans) {
		List<MeterSource> sources = new ArrayList<>();
		sources.add(new ListenerMeters(beans.getBean(NotificationListener.class), beans.getBean(ListenerMeasures.class),
				Clock.systemUTC()));
		sources.add(new WakeupMeters(beans.getBean(Wakeups.class), beans.getBean(WakeupMeasures.class),
				beans.getBean(Poll.class)));
		sources.add(new AppendMeters(beans.getBean(AppendPipeline.class), beans.getBean(AppendWrite.class).measures(),
				beans.getBean(EventMeasures.class)));
		beans.getBeanProvider(ResolvableType.forClass(LogSubscriptions.class))
			.orderedStream()
			.map((readers) -> new ReaderMeters((LogSubscriptions<?>) readers))
			.forEach(sources::add);
		sources.add(new ChangeMeters(beans.getBean(ChangeDelivery.class)));
		sources.add(new ConsumerMeters(beans.getBean(ConsumerDelivery.class)));
		DatabaseSampler sampler = beans.getBean(DatabaseSampler.class);
		sources.add(new DatabaseMeters(sampler));
		sources.add(new WorkMeters(beans.getBean(WorkMeasures.class), beans.getBean(WorkHandling.class),
				beans.getBean(WorkHealth.class), sampler));
		if (beans.getBean(DurableChannels.class) instanceof ChannelDelivery delivery) {
			sources.add(new ChannelMeters(delivery));
		}
		sources.add(new OutboxMeters(beans.getBean(OutboxMeasures.class), sampler));
		sources.add(new LeaseMeters(beans.getBean(LeaseMeasures.class)));
		sources.add(new CleanupMeters(
				beans.getBeanProvider(PeriodicTask.class).stream().map(PeriodicTask::measures).toList()));
		sources.add(new SseMeters(beans.getBean(SseMeasures.class)));
		return sources;
	}

}
