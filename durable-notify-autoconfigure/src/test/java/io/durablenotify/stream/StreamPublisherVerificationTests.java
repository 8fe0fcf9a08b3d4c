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

package io.durablenotify.stream;

import java.util.concurrent.Flow;

import io.durablenotify.log.LogPublisherVerification;
import io.durablenotify.testsupport.Instance;

/**
 * The Reactive Streams TCK for {@link StreamReader#publisher}.
 */
public class StreamPublisherVerificationTests extends LogPublisherVerification<Chunk> {

	private StreamReader stoppedReader;

	@Override
	protected void beforeStop(Instance instance) {
		this.stoppedReader = instance.reader();
	}

	@Override
	public Flow.Publisher<Chunk> createFlowPublisher(long elements) {
		String stream = nextLog();
		StreamWriter writer = instance().writer();
		instance().transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < Math.min(elements, ENDLESS); i++) {
				writer.append(stream, "chunk " + i);
			}
			if (elements <= ENDLESS) {
				writer.complete(stream);
			}
		});
		return instance().reader().publisher(stream, StreamPosition.start());
	}

	@Override
	public Flow.Publisher<Chunk> createFailedFlowPublisher() {
		return this.stoppedReader.publisher("failed", StreamPosition.start());
	}

}
