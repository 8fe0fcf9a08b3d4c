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

import org.springframework.web.client.RestClient;

/**
 * Customizes how a sender of {@code durable-notify.outbox.http} sends: its credentials,
 * interceptors, or request factory. All beans of this type are called at the start, in
 * their order.
 * <p>
 * What an interceptor throws is logged and stored with the event by its class only, since
 * its message may show a credential. The messages of an {@link java.io.IOException}, a
 * {@link io.durablenotify.work.PermanentFailureException} and a
 * {@link io.durablenotify.work.RetryLaterException} are shown.
 */
@FunctionalInterface
public interface OutboxHttpCustomizer {

	/**
	 * Customize a sender.
	 * @param sender the sender's name
	 * @param builder builds its client
	 */
	void customize(String sender, RestClient.Builder builder);

}
