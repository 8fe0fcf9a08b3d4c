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

package io.durablenotify.benchmarks.harness;

import java.time.Duration;

/**
 * How much is measured.
 */
public enum Size {

	/**
	 * For the record.
	 */
	FULL,

	/**
	 * While tuning: the same work, less of it.
	 */
	QUICK,

	/**
	 * To see that it works: times mean nothing.
	 */
	SMOKE;

	public int pick(int full, int quick, int smoke) {
		return switch (this) {
			case FULL -> full;
			case QUICK -> quick;
			case SMOKE -> smoke;
		};
	}

	/**
	 * Return a time.
	 * @param fullMillis the time of a full run; quick is half of it
	 */
	public Duration time(int fullMillis) {
		return Duration.ofMillis(pick(fullMillis, fullMillis / 2, Math.min(150, fullMillis / 10)));
	}

}
