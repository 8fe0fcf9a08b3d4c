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

package io.durablenotify.outbox;

import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Timing;
import io.durablenotify.outbox.OutboxMeasures.Result;
import io.durablenotify.work.PermanentFailureException;

/**
 * Times the calls of a sender.
 *
 * @param sender the sender
 * @param timings where they are recorded
 */
record MeasuredSender(OutboxSender sender, Outcomes<Result, Timing> timings) implements OutboxSender {

	@Override
	public String name() {
		return this.sender.name();
	}

	@Override
	public void send(OutboxMessage message) throws Exception {
		long start = this.timings.of(Result.SENT).start();
		Result result = Result.FAILED;
		try {
			this.sender.send(message);
			result = Result.SENT;
		}
		catch (PermanentFailureException | UnsendableEventException ex) {
			result = Result.REFUSED;
			throw ex;
		}
		finally {
			this.timings.of(result).end(start);
		}
	}

}
