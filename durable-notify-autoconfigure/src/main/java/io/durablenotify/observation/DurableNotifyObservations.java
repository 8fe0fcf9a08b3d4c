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

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.docs.ObservationDocumentation;

/**
 * The observations of durable-notify. No single chunk is observed.
 */
public enum DurableNotifyObservations implements ObservationDocumentation {

	/**
	 * A call that enqueues work, or that requests a resumption, sets a timer or sends a
	 * message.
	 */
	WORK_ENQUEUE(WorkEnqueueObservationConvention.class, keys(Key.SYSTEM, Key.OPERATION, Key.QUEUE, Key.OUTCOME),
			keys(Key.QUEUE_NAME, Key.ITEM_ID, Key.ITEM_KEY, Key.ITEMS)),

	/**
	 * An attempt of a handler with an item, or with several, including its transaction.
	 */
	WORK_HANDLE(WorkHandleObservationConvention.class, keys(Key.SYSTEM, Key.OPERATION, Key.QUEUE, Key.OUTCOME),
			keys(Key.QUEUE_NAME, Key.ITEM_ID, Key.ITEM_KEY, Key.ITEMS, Key.ATTEMPT, Key.ENQUEUE_TRACE)),

	/**
	 * An event that is published to the outbox.
	 */
	OUTBOX_PUBLISH(OutboxPublishObservationConvention.class, keys(Key.SYSTEM, Key.OPERATION, Key.SENDER, Key.OUTCOME),
			keys(Key.EVENT_ID, Key.EVENT_TYPE)),

	/**
	 * An attempt to send an event of the outbox.
	 */
	OUTBOX_SEND(OutboxSendObservationConvention.class, keys(Key.SYSTEM, Key.OPERATION, Key.SENDER, Key.OUTCOME),
			keys(Key.QUEUE_NAME, Key.ITEM_ID, Key.ITEM_KEY, Key.ATTEMPT, Key.ENQUEUE_TRACE, Key.EVENT_ID,
					Key.EVENT_TYPE)),

	/**
	 * A call that appends events to a run.
	 */
	EVENT_APPEND(EventAppendObservationConvention.class, keys(Key.OUTCOME),
			keys(Key.RUN, Key.EVENT_TYPE, Key.SEQUENCE, Key.EVENTS)),

	/**
	 * A call of a change handler with a change.
	 */
	CHANGE_HANDLE(ChangeHandleObservationConvention.class, keys(Key.TOPIC), keys(Key.CHANGE_KEY)),

	/**
	 * An appender, from its opening to the end of its stream.
	 */
	STREAM_WRITE(StreamWriteObservationConvention.class, keys(Key.FAMILY, Key.OUTCOME), keys(Key.STREAM, Key.CHUNKS)),

	/**
	 * A response of server-sent events, from its first read to its end.
	 */
	STREAM_READ(StreamReadObservationConvention.class, keys(Key.SOURCE, Key.FAMILY, Key.OUTCOME),
			keys(Key.STREAM, Key.RUN, Key.FROM, Key.EVENTS));

	private final Class<? extends ObservationConvention<? extends Observation.Context>> convention;

	private final KeyName[] lowCardinality;

	private final KeyName[] highCardinality;

	DurableNotifyObservations(Class<? extends ObservationConvention<? extends Observation.Context>> convention,
			KeyName[] lowCardinality, KeyName[] highCardinality) {
		this.convention = convention;
		this.lowCardinality = lowCardinality;
		this.highCardinality = highCardinality;
	}

	private static KeyName[] keys(KeyName... keys) {
		return keys;
	}

	@Override
	public Class<? extends ObservationConvention<? extends Observation.Context>> getDefaultConvention() {
		return this.convention;
	}

	@Override
	public KeyName[] getLowCardinalityKeyNames() {
		return this.lowCardinality.clone();
	}

	@Override
	public KeyName[] getHighCardinalityKeyNames() {
		return this.highCardinality.clone();
	}

}
