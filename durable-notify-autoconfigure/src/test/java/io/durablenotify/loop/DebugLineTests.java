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

package io.durablenotify.loop;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * Tests for {@link DebugLine} where it is used.
 */
class DebugLineTests {

	private static final List<Logger> LOGGERS = Stream
		.of(StreamReader.class, StreamWriter.class, EventLog.class, Wakeups.class, WorkListeners.class)
		.map((type) -> (Logger) LoggerFactory.getLogger(type))
		.toList();

	@Fixture
	private static Instance instance;

	private final Lines lines = new Lines();

	@BeforeEach
	void turnOn() {
		this.lines.start();
		LOGGERS.forEach((logger) -> {
			logger.setLevel(Level.DEBUG);
			logger.addAppender(this.lines);
		});
	}

	@AfterEach
	void turnOff() {
		LOGGERS.forEach((logger) -> {
			logger.setLevel(null);
			logger.detachAppender(this.lines);
		});
	}

	@Test
	void eachStatementHasALineWithItsSizeAndTime() {
		RecordingHandler handler = new RecordingHandler();
		instance.events().follow("run", 0, (event) -> {
		});
		instance.events().append(NewEvent.of("run", "first"));
		instance.writer().append("stream", "first");
		instance.reader().subscribe("stream", StreamPosition.start(), handler);
		handler.awaitChunks(1);
		instance.writer().append("stream", "second");
		instance.writer().appendAll("stream", List.of(new byte[1], new byte[1]));
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("queue"), (item) -> WorkOutcome.done());
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of("queue", "x"));
		await(StreamReader.class, "Fetched 1 chunks of 1 streams in \\d+ \u00b5s");
		await(EventLog.class, "Fetched 1 events of 1 runs in \\d+ \u00b5s");
		await(StreamWriter.class, "Sent 1 chunk for 1 stream in \\d+ \u00b5s");
		await(StreamWriter.class, "Sent 2 chunks for 1 streams in \\d+ \u00b5s");
		await(Wakeups.class, "Sent \\d+ notification\\(s\\) in \\d+ \u00b5s");
		await(WorkListeners.class, "Claimed 1 items of queue 'queue' in \\d+ \u00b5s");
	}

	private void await(Class<?> logger, String line) {
		Eventually.await(
				() -> this.lines.seen.stream()
					.anyMatch((event) -> event.getLoggerName().equals(logger.getName())
							&& event.getLevel() == Level.DEBUG && event.getFormattedMessage().matches(line)),
				this.lines.seen::toString);
	}

	private static final class Lines extends AppenderBase<ILoggingEvent> {

		private final List<ILoggingEvent> seen = new CopyOnWriteArrayList<>();

		@Override
		protected void append(ILoggingEvent event) {
			this.seen.add(event);
		}

	}

}
