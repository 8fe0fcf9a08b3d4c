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
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.reactivestreams.tck.TestEnvironment;
import org.reactivestreams.tck.flow.FlowPublisherVerification;
import org.testng.annotations.AfterClass;
import org.testng.annotations.BeforeClass;

/**
 * The Reactive Streams TCK for {@link StreamReader#publisher}. It is written for TestNG,
 * whose engine for the JUnit platform runs it. The kit has tests named "untested" for the
 * rules that it cannot check, which count as skipped.
 */
public class StreamPublisherVerificationTests extends FlowPublisherVerification<Chunk> {

	private static final long SIGNAL_TIMEOUT_MILLIS = Eventually.TIMEOUT.toMillis();

	private static final int NO_SIGNAL_TIMEOUT_MILLIS = 100;

	/**
	 * TCK 1.0.4 gives an error up after the first poll, with any time left: it computes
	 * that by "=-". So the first poll has to be late enough.
	 */
	private static final int POLL_MILLIS = 1_000;

	private static final int BEFORE_GARBAGE_COLLECTION_MILLIS = 500;

	/**
	 * A publisher of more is one of an open stream with so many chunks.
	 */
	private static final int ENDLESS = 1_000;

	private final AtomicInteger streams = new AtomicInteger();

	private Instance instance;

	private StreamReader stoppedReader;

	public StreamPublisherVerificationTests() {
		super(new TestEnvironment(SIGNAL_TIMEOUT_MILLIS, NO_SIGNAL_TIMEOUT_MILLIS, POLL_MILLIS),
				BEFORE_GARBAGE_COLLECTION_MILLIS);
	}

	@BeforeClass
	void startInstances() {
		TestDatabase database = PostgresServer.shared().createDatabase();
		this.instance = Instance.start(database, "durable-notify.poll.interval=0",
				"durable-notify.streams.buffer-size=16");
		Instance stopped = Instance.start(database);
		this.stoppedReader = stopped.reader();
		stopped.close();
	}

	@AfterClass
	void stopInstance() {
		this.instance.close();
	}

	@Override
	public Flow.Publisher<Chunk> createFlowPublisher(long elements) {
		String stream = "verified/" + this.streams.incrementAndGet();
		StreamWriter writer = this.instance.writer();
		this.instance.transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < Math.min(elements, ENDLESS); i++) {
				writer.append(stream, "chunk " + i);
			}
			if (elements <= ENDLESS) {
				writer.complete(stream);
			}
		});
		return this.instance.reader().publisher(stream, StreamPosition.start());
	}

	@Override
	public Flow.Publisher<Chunk> createFailedFlowPublisher() {
		return this.stoppedReader.publisher("failed", StreamPosition.start());
	}

}
