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

package io.durablenotify.log;

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
 * The Reactive Streams TCK for publishers of logs. It is written for TestNG, whose engine
 * for the JUnit platform runs it. The kit has tests named "untested" for the rules that
 * it cannot check, which count as skipped.
 *
 * @param <E> the entries' type
 */
public abstract class LogPublisherVerification<E> extends FlowPublisherVerification<E> {

	/**
	 * A publisher of more is one of a log without an end that has so many entries.
	 */
	protected static final int ENDLESS = 1_000;

	private static final long SIGNAL_TIMEOUT_MILLIS = Eventually.TIMEOUT.toMillis();

	private static final int NO_SIGNAL_TIMEOUT_MILLIS = 100;

	/**
	 * TCK 1.0.4 gives an error up after the first poll, whatever time is left: it
	 * computes that by "=-". So the first poll has to be late enough.
	 */
	private static final int POLL_MILLIS = 1_000;

	private static final int BEFORE_GARBAGE_COLLECTION_MILLIS = 500;

	private final AtomicInteger logs = new AtomicInteger();

	private Instance instance;

	protected LogPublisherVerification() {
		super(new TestEnvironment(SIGNAL_TIMEOUT_MILLIS, NO_SIGNAL_TIMEOUT_MILLIS, POLL_MILLIS),
				BEFORE_GARBAGE_COLLECTION_MILLIS);
	}

	@BeforeClass
	protected void startInstances() {
		TestDatabase database = PostgresServer.shared().createDatabase();
		this.instance = Instance.start(database, "durable-notify.poll.interval=0",
				"durable-notify.streams.buffer-size=16");
		Instance stopping = Instance.start(database);
		beforeStop(stopping);
		stopping.close();
	}

	@AfterClass
	protected void stopInstance() {
		this.instance.close();
	}

	protected Instance instance() {
		return this.instance;
	}

	/**
	 * Take from an instance what is used when it has stopped.
	 */
	protected abstract void beforeStop(Instance instance);

	protected String nextLog() {
		return "verified/" + this.logs.incrementAndGet();
	}

}
