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

import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkProperties;

import org.springframework.util.ClassUtils;

/**
 * What properties say of senders and their queues.
 *
 * @param outbox the properties of the outbox
 * @param work the properties of work, which those of a queue are too
 */
record SenderSettings(OutboxProperties outbox, WorkProperties work) {

	/**
	 * Return how the events of a queue are handled.
	 */
	WorkListenerSpec spec(String queue) {
		WorkListenerSpec spec = WorkListenerSpec.of(queue).onDead(this.outbox.onDead());
		WorkProperties.Queue own = this.work.queues().get(queue);
		return (own != null && own.maxAttempts() != null) ? spec : spec.maxAttempts(this.outbox.maxAttempts());
	}

	/**
	 * Require that senders which properties configure can be there.
	 * @throws OutboxSetupException if not
	 */
	static void requireLibraries(OutboxProperties properties) {
		require(properties.http().isEmpty(), "http", "org.springframework.web.client.RestClient", "spring-web");
		require(properties.kafka().isEmpty(), "kafka", "org.springframework.kafka.core.KafkaTemplate",
				"spring-boot-starter-kafka");
	}

	private static void require(boolean unused, String kind, String className, String library) {
		if (!unused && !ClassUtils.isPresent(className, SenderSettings.class.getClassLoader())) {
			throw new OutboxSetupException("%s.%s is set, but %s is not on the class path."
				.formatted(OutboxProperties.PREFIX, kind, className),
					"Add %s to the application's dependencies.".formatted(library));
		}
	}

}
