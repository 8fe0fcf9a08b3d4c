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

package io.durablenotify.event;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Cache of the runs that this instance appends to, by their ids. It saves the search for
 * the last event; a stale entry is detected by the append.
 */
final class KnownRuns {

	private static final int MAX_RUNS = 10_000;

	private final Map<String, KnownRun> runs = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {

		@Override
		protected boolean removeEldestEntry(Map.Entry<String, KnownRun> eldest) {
			return size() > MAX_RUNS;
		}

	});

	/**
	 * Take a run whose last event is likely to be known, so that no other append tries
	 * the same. That is not so where instances append in turns: each would try in vain.
	 * @param expectedSequence the sequence that its last event must have, or
	 * {@link EventAppends#ANYWHERE}
	 */
	@Nullable KnownRun take(String runId, long expectedSequence) {
		KnownRun known = this.runs.get(runId);
		return (known != null && known.isAlone()
				&& (expectedSequence == EventAppends.ANYWHERE || expectedSequence == known.lastSequence())
				&& this.runs.remove(runId, known)) ? known : null;
	}

	/**
	 * This instance has appended an event.
	 * @param alone whether the event before is known to be this instance's
	 */
	void appended(String runId, long id, long sequence, boolean alone) {
		this.runs.merge(runId, new KnownRun(id, sequence, alone || sequence == 1), KnownRun::then);
	}

	/**
	 * Another instance or a transaction appends to the run.
	 */
	void forget(String runId) {
		this.runs.remove(runId);
	}

	/**
	 * A run that is known.
	 *
	 * @param id its number
	 * @param lastSequence the sequence of the last event that this instance has appended
	 * @param isAlone whether the event before is this instance's too, or there is none
	 */
	record KnownRun(long id, long lastSequence, boolean isAlone) {

		/**
		 * Threads may come in another order than their events.
		 */
		private KnownRun then(KnownRun other) {
			if (other.id == this.id && other.lastSequence < this.lastSequence) {
				return this;
			}
			return new KnownRun(other.id, other.lastSequence,
					other.isAlone || other.id == this.id && other.lastSequence == this.lastSequence + 1);
		}

	}

}
