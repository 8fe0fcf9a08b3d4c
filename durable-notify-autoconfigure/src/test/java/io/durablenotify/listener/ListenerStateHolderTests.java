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

package io.durablenotify.listener;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;

import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.ListenerState.StatusChange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ListenerStateHolder}: what it remembers and what it logs.
 */
@ExtendWith(OutputCaptureExtension.class)
class ListenerStateHolderTests {

	private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

	private Instant now = START;

	private final ListenerStateHolder state = new ListenerStateHolder(new Clock() {

		@Override
		public Instant instant() {
			return ListenerStateHolderTests.this.now;
		}

		@Override
		public ZoneOffset getZone() {
			return ZoneOffset.UTC;
		}

		@Override
		public Clock withZone(ZoneId zone) {
			return this;
		}

	}, Status.STOPPED, () -> Duration.between(START, this.now).toNanos());

	@Test
	void theLastTwentyChangesAreRemembered() {
		this.state.started();
		this.state.listening("db");
		this.now = START.plusSeconds(1);
		this.state.failed(Status.BACKING_OFF, "cut");
		this.state.failed(Status.BACKING_OFF, "still cut");
		this.state.failed(Status.DEAF, "deaf");
		assertThat(this.state.history()).containsExactly(new StatusChange(this.now, Status.DEAF, "deaf"),
				new StatusChange(this.now, Status.BACKING_OFF, "cut"), new StatusChange(START, Status.LISTENING, null),
				new StatusChange(START, Status.CONNECTING, null));
		for (int i = 0; i < 50; i++) {
			this.state.listening("db");
			this.state.failed(Status.BACKING_OFF, "cut " + i);
		}
		List<StatusChange> history = this.state.history();
		assertThat(history).hasSize(20);
		assertThat(history.get(0).error()).isEqualTo("cut 49");
	}

	@Test
	void anOutageHasOneLineAtItsBeginningAndOneAtItsEnd(CapturedOutput output) {
		this.state.started();
		this.state.listening("db:5432/orders");
		this.state.failed(Status.BACKING_OFF, "cut");
		this.now = this.now.plusMillis(1_200);
		this.state.failed(Status.BACKING_OFF, "refused");
		this.now = this.now.plusMillis(2_050);
		this.state.listening("db:5432/orders");
		assertThat(lines(output)).hasSize(3);
		assertThat(lines(output).get(0)).endsWith("Listening on db:5432/orders");
		assertThat(lines(output).get(1)).contains("WARN")
			.endsWith("LISTEN connection failed: cut. Reconnecting; falling back to polling");
		assertThat(lines(output).get(2)).contains("INFO")
			.endsWith("Listening on db:5432/orders again after 3.2s, 3 attempts. "
					+ "Handlers look for what they may have missed");
	}

	@Test
	void whoIsDeafIsToldWhatToDo(CapturedOutput output) {
		this.state.started();
		this.state.failed(Status.DEAF, "nothing is heard.");
		assertThat(output)
			.contains("LISTEN connection failed: nothing is heard. Set durable-notify.listener.url to reach PostgreSQL "
					+ "directly, or durable-notify.listener.enabled=false to run on polling alone. Reconnecting");
	}

	@Test
	void aFlappingConnectionHasThreePairsOfLinesAMinute(CapturedOutput output) {
		this.state.started();
		this.state.listening("db");
		for (int i = 0; i < 100; i++) {
			this.state.failed(Status.BACKING_OFF, "cut");
			this.state.listening("db");
		}
		assertThat(lines(output)).hasSize(1 + 3 + 3);
		this.state.failed(Status.BACKING_OFF, "cut for long");
		assertThat(lines(output)).hasSize(1 + 3 + 3);
		this.now = this.now.plusSeconds(60);
		this.state.failed(Status.BACKING_OFF, "cut for long");
		assertThat(lines(output)).hasSize(1 + 3 + 3 + 1);
		assertThat(lines(output).get(7)).contains("cut for long").endsWith("97 others shortly before were not logged");
	}

	@Test
	void aQueueThatIsFullNowAndThenHasThreePairsOfLinesAMinute(CapturedOutput output) {
		this.state.started();
		this.state.listening("db");
		for (int i = 0; i < 100; i++) {
			assertThat(this.state.expectsQueueFull()).isTrue();
			this.state.queueFull("full", "pid 1");
			this.state.proven();
		}
		assertThat(lines(output)).hasSize(1 + 3 + 3);
		this.state.queueFull("full for long", "pid 1");
		assertThat(this.state.expectsQueueFull()).isFalse();
		this.now = this.now.plusSeconds(60);
		assertThat(this.state.expectsQueueFull()).isTrue();
		this.state.queueFull("full for long", "pid 1");
		assertThat(this.state.expectsQueueFull()).isFalse();
		assertThat(lines(output)).hasSize(1 + 3 + 3 + 1);
	}

	@Test
	void reconnectsAreCountedOnOverAStopAndAStart() {
		this.state.started();
		this.state.listening("db");
		this.state.failed(Status.BACKING_OFF, "cut");
		this.state.listening("db");
		this.state.stopped();
		this.state.started();
		this.state.listening("db");
		assertThat(this.state.get().reconnects()).isEqualTo(1);
	}

	@Test
	void theSessionThatFillsTheQueueIsNamedInTheLogOnly(CapturedOutput output) {
		this.state.started();
		this.state.listening("db");
		this.state.queueFull("The queue is full", "The oldest transaction is that of pid 1");
		assertThat(output)
			.contains("The queue is full. The oldest transaction is that of pid 1. Falling back to polling until then");
		assertThat(this.state.get().lastError()).isEqualTo("The queue is full");
		assertThat(this.state.history().get(0).error()).isEqualTo("The queue is full");
	}

	private static List<String> lines(CapturedOutput output) {
		return output.getOut().lines().filter((line) -> line.contains("NotificationListener")).toList();
	}

}
