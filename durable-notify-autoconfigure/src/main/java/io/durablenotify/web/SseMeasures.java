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
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.function.ToIntFunction;

import io.durablenotify.measure.Tally;

/**
 * What is counted of clients of server-sent events. An application context and its
 * children are one instance here.
 *
 * @param clients the clients of each context that serves some
 * @param givenUp the clients that were given up since the start: they have taken nothing
 * for {@code durable-notify.sse.write-timeout}
 */
public record SseMeasures(Set<SseClients> clients, Tally givenUp) {

	/**
	 * Create measures that begin at 0.
	 */
	public SseMeasures() {
		this(new CopyOnWriteArraySet<>(), new Tally());
	}

	/**
	 * Return how many clients there are.
	 * @return the state, taken now
	 */
	public SseState state() {
		return new SseState(sum(SseState::open), sum(SseState::waiting), sum(SseState::givenUp));
	}

	private int sum(ToIntFunction<SseState> count) {
		return this.clients.stream().map(SseClients::state).mapToInt(count).sum();
	}

}
