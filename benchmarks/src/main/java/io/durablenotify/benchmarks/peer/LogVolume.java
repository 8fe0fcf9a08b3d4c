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

package io.durablenotify.benchmarks.peer;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.AppenderBase;
import org.slf4j.LoggerFactory;

/**
 * Counts the bytes that a log of level INFO would have, instead of writing them.
 */
final class LogVolume implements AutoCloseable {

	private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);

	private final Level level = this.root.getLevel();

	private final List<Appender<ILoggingEvent>> detached = new ArrayList<>();

	private final LongAdder bytes = new LongAdder();

	private final Counter counter;

	LogVolume() {
		for (Iterator<Appender<ILoggingEvent>> appenders = this.root.iteratorForAppenders(); appenders.hasNext();) {
			this.detached.add(appenders.next());
		}
		this.detached.forEach(this.root::detachAppender);
		this.counter = new Counter(this.root.getLoggerContext());
		this.root.addAppender(this.counter);
		this.root.setLevel(Level.INFO);
	}

	long bytes() {
		return this.bytes.sum();
	}

	@Override
	public void close() {
		this.root.detachAppender(this.counter);
		this.root.setLevel(this.level);
		this.detached.forEach(this.root::addAppender);
	}

	private final class Counter extends AppenderBase<ILoggingEvent> {

		private final PatternLayoutEncoder encoder = new PatternLayoutEncoder();

		private Counter(LoggerContext context) {
			setContext(context);
			this.encoder.setContext(context);
			this.encoder.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %5level %logger{39} [%thread]: %msg%n%ex");
			this.encoder.start();
			start();
		}

		@Override
		protected void append(ILoggingEvent event) {
			LogVolume.this.bytes.add(this.encoder.encode(event).length);
		}

	}

}
