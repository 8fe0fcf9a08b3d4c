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

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import org.springframework.aop.support.AopUtils;

/**
 * The senders of this application: beans, and those that properties configure.
 *
 * @param all returns them, which creates the beans
 */
record OutboxSenders(Supplier<List<OutboxSender>> all) {

	/**
	 * Return the senders by name.
	 * @throws OutboxSetupException if two have the same name, or a name is not valid
	 */
	Map<String, OutboxSender> byName() {
		Map<String, OutboxSender> byName = new LinkedHashMap<>();
		for (OutboxSender sender : this.all.get()) {
			String name = requireName(sender);
			OutboxSender other = byName.putIfAbsent(name, sender);
			if (other != null) {
				throw new OutboxSetupException(
						"The outbox has two senders with the name '%s': %s and %s.".formatted(name, shown(other),
								shown(sender)),
						"Give one of them another name. Senders are beans of type OutboxSender, and what %s.http and "
							.formatted(OutboxProperties.PREFIX)
								+ "%s.kafka configure.".formatted(OutboxProperties.PREFIX));
			}
		}
		return byName;
	}

	private static Object shown(OutboxSender sender) {
		return (sender instanceof HttpOutboxSender || sender instanceof KafkaOutboxSender) ? sender
				: "a bean of type " + AopUtils.getTargetClass(sender).getName();
	}

	private static String requireName(OutboxSender sender) {
		try {
			return OutboxQueues.requireSender(sender.name());
		}
		catch (IllegalArgumentException ex) {
			throw new OutboxSetupException(
					"The outbox has a sender of type %s without a valid name: %s"
						.formatted(AopUtils.getTargetClass(sender).getName(), ex.getMessage()),
					"Correct what its method name() returns.");
		}
	}

}
