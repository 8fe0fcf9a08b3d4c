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

package io.durablenotify.log;

import java.time.Instant;
import java.util.function.Supplier;

import io.durablenotify.log.LogMeasures.Ending;
import org.jspecify.annotations.Nullable;

/**
 * What one reader counts and times, which it shares with others.
 */
final class ReaderMeasures {

	private final LogMeasures measures;

	private final HandlerMeasures handlers;

	/**
	 * Whether the last fetch has found that there is no more. Owned by the fetching
	 * thread.
	 */
	private boolean live;

	/**
	 * Whether the reader had all before, when it received what came last.
	 */
	private volatile boolean receivedLive;

	ReaderMeasures(LogMeasures measures, @Nullable String family) {
		this.measures = measures;
		this.handlers = measures.handlers(family);
	}

	HandlerMeasures handlers() {
		return this.handlers;
	}

	void fetched(int count) {
		this.handlers.fetched().add(count);
		this.receivedLive = this.live;
	}

	void handedOver() {
		this.handlers.handedOver().increment();
		this.receivedLive = this.live;
	}

	/**
	 * A fetch is over.
	 * @param more whether there is more
	 */
	void fetchEnded(boolean more) {
		this.live = !more;
	}

	/**
	 * An entry is given to the consumer, the first one of its turn.
	 */
	void given(Supplier<Instant> createdAt) {
		if (this.receivedLive && this.measures.age().isRecorded()) {
			this.measures.given(createdAt.get());
		}
	}

	void ended(Ending ending) {
		this.measures.ended().of(ending).increment();
	}

}
