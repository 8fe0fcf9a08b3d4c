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

import io.durablenotify.web.SseClients;

/**
 * The meters of server-sent events.
 *
 * @param clients the clients
 */
record SseMeters(SseClients clients) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.gauge(DurableNotifyMeters.SSE_CLIENTS, this.clients, (clients) -> clients.state().open(), "open");
		registrar.gauge(DurableNotifyMeters.SSE_CLIENTS, this.clients, (clients) -> clients.state().waiting(),
				"waiting");
		registrar.gauge(DurableNotifyMeters.SSE_CLIENTS, this.clients, (clients) -> clients.state().givenUp(),
				"given_up");
		registrar.counter(DurableNotifyMeters.SSE_GIVEN_UP, this.clients.givenUp());
	}

}
