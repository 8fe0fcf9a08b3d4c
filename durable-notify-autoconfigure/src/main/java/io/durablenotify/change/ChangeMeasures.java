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

package io.durablenotify.change;

import io.durablenotify.log.FetchMeasures;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;
import io.durablenotify.wakeup.PollFindings;

/**
 * What is timed and counted of the delivery of changes.
 *
 * @param fetch the reads
 * @param handlers the handlers
 * @param gaps the gaps that handlers were notified of, once for all of them
 * @param poll what the poll has found
 */
public record ChangeMeasures(FetchMeasures fetch, HandlerMeasures handlers, Outcomes<ChangeGap.Reason, Tally> gaps,
		PollFindings poll) {

	ChangeMeasures() {
		this(new FetchMeasures(), new HandlerMeasures(), Outcomes.counted(ChangeGap.Reason.class), new PollFindings());
	}

}
