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

package io.durablenotify.observation;

import org.jspecify.annotations.Nullable;

/**
 * How an observation has ended, as far as its feature has said.
 */
final class Conclusion {

	private volatile @Nullable Outcome outcome;

	private volatile @Nullable Long number;

	private volatile boolean failed;

	void setOutcome(Outcome outcome) {
		this.outcome = outcome;
	}

	void setNumber(long number) {
		this.number = number;
	}

	void fail() {
		this.failed = true;
	}

	@Nullable Outcome outcome() {
		Outcome outcome = this.outcome;
		return (outcome == null && this.failed) ? Outcome.FAILED : outcome;
	}

	@Nullable Long number() {
		return this.number;
	}

}
