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

package io.durablenotify.actuate;

import io.durablenotify.event.EventMeasures;
import io.durablenotify.stream.append.AppendMeasures;
import io.durablenotify.stream.append.AppendPipeline;

/**
 * The meters of appends to streams and runs.
 *
 * @param pipeline writes appends that are in no transaction
 * @param streams what is timed of appends to streams
 * @param events what is timed of appends to runs
 */
record AppendMeters(AppendPipeline pipeline, AppendMeasures streams, EventMeasures events) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.timers(DurableNotifyMeters.APPEND, this.streams.appends(), "streams");
		registrar.timers(DurableNotifyMeters.APPEND, this.events.appends(), "events");
		registrar.timers(DurableNotifyMeters.APPEND_STATEMENT, this.streams.statements(), "streams");
		registrar.timers(DurableNotifyMeters.APPEND_STATEMENT, this.events.statements(), "events");
		registrar.summary(DurableNotifyMeters.APPEND_BATCH, this.streams.batch());
		registrar.gauge(DurableNotifyMeters.APPEND_QUEUED, this.pipeline, (pipeline) -> pipeline.state().queuedBytes());
		registrar.gauge(DurableNotifyMeters.APPEND_QUEUED_LIMIT, this.pipeline,
				(pipeline) -> pipeline.state().limitBytes());
		registrar.gauge(DurableNotifyMeters.APPEND_CONTENDED, this.pipeline, (pipeline) -> pipeline.state().locked());
	}

}
