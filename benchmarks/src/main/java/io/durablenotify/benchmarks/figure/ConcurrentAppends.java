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

import java.util.List;

import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Run;

/**
 * Row 2.
 */
public final class ConcurrentAppends implements Figure {

	@Override
	public int row() {
		return 2;
	}

	@Override
	public String title() {
		return "`append`, many threads, beside raw autocommit INSERT over as many connections";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		return List.of(SingleAppends.measure(run, "16 threads, 16 streams", 16, 16, 2),
				SingleAppends.measure(run, "64 threads, 64 streams", 64, 64, 4),
				SingleAppends.measure(run, "16 threads, 1 stream", 16, 1, 2));
	}

}
