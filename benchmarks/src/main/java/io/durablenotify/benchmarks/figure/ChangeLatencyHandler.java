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

package io.durablenotify.benchmarks.figure;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeHandler;

/**
 * Records the age of changes whose keys have their number and time of publication.
 *
 * @param latency what records
 */
record ChangeLatencyHandler(LatencyHandler latency) implements ChangeHandler {

	@Override
	public void onChange(Change change) {
		String[] parts = change.key().split(":");
		this.latency.received(Long.parseLong(parts[0]), Long.parseLong(parts[1]));
	}

}
