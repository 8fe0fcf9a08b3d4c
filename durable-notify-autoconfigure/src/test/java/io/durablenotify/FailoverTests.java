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

package io.durablenotify;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeHandler;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.HttpCheck;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.Pooler;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for a standby, which has all that was committed, that takes over under load: pool
 * and listener reach whichever server is the primary through HAProxy, which asks each by
 * HTTP, as beside Patroni.
 */
class FailoverTests {

	private static final int WRITERS = 4;

	private static final String[] PROPERTIES = { "durable-notify.poll.interval=0",
			"spring.datasource.hikari.connection-timeout=2000", "spring.datasource.hikari.maximum-pool-size=6" };

	@Test
	void nothingThatWasStoredIsLostAndChangesReportTheFailover(@TempDir Path directory) throws Exception {
		try (OwnServer primary = OwnServer.start(directory.resolve("primary"));
				OwnServer standby = primary.startSynchronousStandby(directory.resolve("standby"));
				HttpCheck first = HttpCheck.of(primary.database());
				HttpCheck second = HttpCheck.of(standby.database())) {
			Map<Integer, TestDatabase> servers = new LinkedHashMap<>();
			servers.put(first.port(), primary.database());
			servers.put(second.port(), standby.database());
			try (Pooler proxy = Pooler.haProxyToPrimary(servers);
					Instance instance = Instance.start(proxy.through(), PROPERTIES);
					Instance other = Instance.start(proxy.through(), PROPERTIES)) {
				failOver(primary, standby, instance, other);
			}
		}
	}

	private static void failOver(OwnServer primary, OwnServer standby, Instance instance, Instance other)
			throws Exception {
		Changes changes = new Changes();
		other.bean(ChangeNotifier.class).subscribe("topic", changes);
		List<Writer> writers = new ArrayList<>();
		List<CompletableFuture<Void>> running = new ArrayList<>();
		AtomicBoolean over = new AtomicBoolean();
		for (int i = 0; i < WRITERS; i++) {
			Writer writer = new Writer(instance, "stream/" + i, over);
			other.reader().subscribe(writer.stream, StreamPosition.start(), writer.read);
			other.bean(EventLog.class).follow(writer.stream, 0, (event) -> writer.events.incrementAndGet());
			writers.add(writer);
			running.add(Background.run(writer));
		}
		writers.forEach((writer) -> Eventually.await(() -> writer.stored.size() > 50, writer::toString));
		primary.crash();
		standby.promote();
		writers.forEach((writer) -> {
			int before = writer.stored.size();
			Eventually.await(() -> writer.stored.size() > before + 50, writer::toString);
		});
		over.set(true);
		for (CompletableFuture<Void> task : running) {
			task.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		for (Writer writer : writers) {
			writer.read.awaitComplete();
			List<String> texts = writer.read.texts();
			writer.read.assertGapFree(0, texts.size());
			assertThat(texts).containsSubsequence(writer.stored).doesNotHaveDuplicates();
			Eventually.await(() -> writer.events.get() >= writer.appendedEvents.get(), writer::toString);
		}
		instance.bean(ChangeNotifier.class).publish("topic", "after");
		Eventually.await(() -> changes.keys.contains("after"), changes::toString);
		assertThat(changes.gaps).extracting(ChangeGap::reason).containsExactly(ChangeGap.Reason.FAILOVER);
		assertThat(changes.keys).containsAll(writers.stream().flatMap((writer) -> writer.published.stream()).toList());
	}

	/**
	 * Appends, publishes and logs, and keeps what was confirmed.
	 */
	private static final class Writer implements Runnable {

		private final Instance instance;

		private final String stream;

		private final AtomicBoolean over;

		private final RecordingHandler read = new RecordingHandler();

		private final AtomicInteger events = new AtomicInteger();

		private final AtomicInteger appendedEvents = new AtomicInteger();

		private final List<String> stored = Collections.synchronizedList(new ArrayList<>());

		private final List<String> published = Collections.synchronizedList(new ArrayList<>());

		private Writer(Instance instance, String stream, AtomicBoolean over) {
			this.instance = instance;
			this.stream = stream;
			this.over = over;
		}

		@Override
		public void run() {
			for (int i = 0; !this.over.get(); i++) {
				String text = this.stream + " " + i;
				attempt(() -> this.instance.writer().append(this.stream, text), () -> this.stored.add(text));
				attempt(() -> this.instance.bean(ChangeNotifier.class).publish("topic", text),
						() -> this.published.add(text));
				attempt(() -> this.instance.bean(EventLog.class)
					.append(NewEvent.of(this.stream, "step_completed").correlationId(text)),
						this.appendedEvents::incrementAndGet);
			}
			AtomicBoolean completed = new AtomicBoolean();
			Eventually.await(() -> {
				attempt(() -> this.instance.writer().complete(this.stream), () -> completed.set(true));
				return completed.get();
			}, this::toString);
		}

		private static void attempt(Runnable write, Runnable confirmed) {
			try {
				write.run();
				confirmed.run();
			}
			catch (DataAccessException ex) {
				// Stored or not: the answer was lost
			}
		}

		@Override
		public String toString() {
			return "%s: %d stored, %s, %d of %d events".formatted(this.stream, this.stored.size(), this.read,
					this.events.get(), this.appendedEvents.get());
		}

	}

	private static final class Changes implements ChangeHandler {

		private final List<String> keys = Collections.synchronizedList(new ArrayList<>());

		private final List<ChangeGap> gaps = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void onChange(Change change) {
			this.keys.add(change.key());
		}

		@Override
		public void onGap(ChangeGap gap) {
			this.gaps.add(gap);
		}

		@Override
		public String toString() {
			return "%d keys, gaps %s".formatted(this.keys.size(), this.gaps);
		}

	}

}
