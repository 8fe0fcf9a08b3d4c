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

package io.durablenotify.wakeup;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.measure.Tally;

/**
 * Counts what a feature's poll has found and no wake-up has announced. What a poll finds
 * counts when the next one begins: until then its wake-up may be under way. Thread-safe.
 */
public final class PollFindings {

	private final Tally rounds;

	private final Tally found;

	/**
	 * What the last poll has found, by the ids of wake-ups.
	 */
	private final Map<Long, Long> unannounced = new ConcurrentHashMap<>();

	/**
	 * Create findings that begin at 0.
	 */
	public PollFindings() {
		this(new Tally(), new Tally());
	}

	private PollFindings(Tally rounds, Tally found) {
		this.rounds = rounds;
		this.found = found;
	}

	/**
	 * Return findings of another poll for the same feature, which count together with
	 * these.
	 * @return the findings
	 */
	public PollFindings ofAnother() {
		return new PollFindings(this.rounds, this.found);
	}

	/**
	 * A poll begins.
	 */
	public void beginRound() {
		this.rounds.increment();
		this.unannounced.keySet().forEach((id) -> {
			Long count = this.unannounced.remove(id);
			this.found.add((count != null) ? count : 0);
		});
	}

	/**
	 * The poll has found something.
	 * @param id the id in wake-ups
	 * @param count how much it was
	 */
	public void found(long id, long count) {
		this.unannounced.merge(id, count, Long::sum);
	}

	/**
	 * A wake-up has come.
	 * @param id its id
	 */
	public void announced(long id) {
		if (!this.unannounced.isEmpty()) {
			this.unannounced.remove(id);
		}
	}

	/**
	 * A resync has come, which stands for everything.
	 */
	public void announcedAll() {
		this.unannounced.clear();
	}

	/**
	 * Return how many polls there were.
	 * @return the counter
	 */
	public Tally rounds() {
		return this.rounds;
	}

	/**
	 * Return what was found and not announced.
	 * @return the counter
	 */
	public Tally found() {
		return this.found;
	}

}
