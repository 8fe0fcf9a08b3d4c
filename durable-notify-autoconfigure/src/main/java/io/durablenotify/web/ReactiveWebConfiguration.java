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

package io.durablenotify.web;

import java.util.Set;
import java.util.concurrent.Executor;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.EventProperties;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.stream.StreamProperties;
import io.durablenotify.stream.StreamReader;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.web.server.WebFilter;

/**
 * The beans of streams over HTTP, for WebFlux.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class ReactiveWebConfiguration {

	@Bean(defaultCandidate = false)
	ResponseChecks durableNotifyResponseChecks(SseProperties properties, ObjectProvider<SseMeasures> measures) {
		return new ResponseChecks(properties, measures.getIfAvailable(SseMeasures::new));
	}

	@Bean(defaultCandidate = false)
	ReactiveSseResponses durableNotifyReactiveSseResponses(
			@Qualifier("durableNotifyResponseChecks") ResponseChecks checks,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor,
			ObjectProvider<Observations> observations) {
		return new ReactiveSseResponses(checks, executor, Observations.of(observations));
	}

	@Bean
	@ConditionalOnMissingBean
	ReactiveSseStreams durableNotifyReactiveSseStreams(StreamReader reader, StreamProperties properties,
			@Qualifier("durableNotifyReactiveSseResponses") ReactiveSseResponses responses) {
		return new DefaultReactiveSseStreams(reader, properties::familyOf, responses);
	}

	@Bean
	@ConditionalOnMissingBean
	ReactiveSseRuns durableNotifyReactiveSseRuns(EventLog log, EventProperties properties,
			@Qualifier("durableNotifyReactiveSseResponses") ReactiveSseResponses responses) {
		return new DefaultReactiveSseRuns(log, Set.copyOf(properties.terminalTypes()), responses);
	}

	@Bean
	@Lazy(false)
	WebFilter durableNotifySseWebFilter() {
		return new SseWebFilter();
	}

}
