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

package io.durablenotify.work;

import java.time.Instant;
import java.util.List;

import io.durablenotify.measure.Timing;
import io.durablenotify.work.QueueMeasures.Result;
import org.jspecify.annotations.Nullable;

/**
 * Times the calls of a listener's handler, and for how long items have waited for it.
 *
 * @param target the handler
 * @param measures where they are recorded
 */
record MeasuredTarget(WorkInvoker.Target target, WorkMeasures measures) implements WorkInvoker.Target {

	@Override
	public WorkOutcome handle(List<HeldItem> items) throws Exception {
		QueueMeasures queue = this.measures.of(items.get(0).queue());
		long start = queue.handler().of(Result.DONE).start();
		items.forEach((item) -> item.callBegins(start));
		if (queue.waiting().isRecorded()) {
			long now = (start != Timing.UNMEASURED) ? start : System.nanoTime();
			items.forEach((item) -> item.waited(now, queue.waiting()));
		}
		Result result = Result.FAILED;
		try {
			WorkOutcome outcome = this.target.handle(items);
			result = (outcome instanceof WorkOutcome.Fail) ? Result.FAILED
					: (outcome instanceof WorkOutcome.Postpone) ? Result.POSTPONED : Result.DONE;
			return outcome;
		}
		finally {
			queue.handler().of(result).end(start);
		}
	}

	@Override
	public @Nullable Instant lastFailed(HeldItem item, String reason, @Nullable Throwable failure) {
		return this.target.lastFailed(item, reason, failure);
	}

}
