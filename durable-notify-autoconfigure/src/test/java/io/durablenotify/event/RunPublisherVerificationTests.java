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

package io.durablenotify.event;

import java.util.Collections;
import java.util.concurrent.Flow;

import io.durablenotify.log.LogPublisherVerification;
import io.durablenotify.testsupport.Instance;

/**
 * The Reactive Streams TCK for {@link EventLog#publisher}, which never completes.
 */
public class RunPublisherVerificationTests extends LogPublisherVerification<StoredEvent> {

	private EventLog stoppedLog;

	@Override
	protected void beforeStop(Instance instance) {
		this.stoppedLog = instance.events();
	}

	@Override
	public long maxElementsFromPublisher() {
		return publisherUnableToSignalOnComplete();
	}

	@Override
	public Flow.Publisher<StoredEvent> createFlowPublisher(long elements) {
		String run = nextLog();
		instance().events()
			.appendAll(run, Collections.nCopies((int) Math.min(elements, ENDLESS), NewEvent.of(run, "type")));
		return instance().events().publisher(run, 0);
	}

	@Override
	public Flow.Publisher<StoredEvent> createFailedFlowPublisher() {
		return this.stoppedLog.publisher("failed", 0);
	}

}
