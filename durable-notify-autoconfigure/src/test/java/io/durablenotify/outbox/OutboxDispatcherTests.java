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
package io.durablenotify.outbox;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.observation.Observations;
import io.durablenotify.outbox.OutboxCircuit.Turn;
import io.durablenotify.outbox.OutboxMeasures.Result;
import io.durablenotify.testsupport.TestItem;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.QueueProbes;
import io.durablenotify.work.RetryLaterException;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkOutcome;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessResourceFailureException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for what becomes of an event that a sender sends or does not, without a database.
 */
@ExtendWith(OutputCaptureExtension.class)
class OutboxDispatcherTests {

	private static final OutboxProperties.Circuit SETTINGS = new OutboxProperties.Circuit(3, Duration.ofSeconds(1),
			Duration.ofSeconds(10));

	private final RecordingSender sender = new RecordingSender("orders");

	private final RecordedProbes probes = new RecordedProbes();

	private final OutboxCircuit circuit = new OutboxCircuit(this.probes, "orders", SETTINGS);

	private final OutboxDispatcher dispatcher = new OutboxDispatcher(this.sender, this.circuit,
			(name, item, message) -> {
			}, "/shop", null, Observations.NONE);

	private static TestItem item() {
		return new TestItem("outbox/orders").payload("{\"event_id\": \"7\", \"type\": \"t\", \"data\": 1}");
	}

	private WorkOutcome handle() throws Exception {
		return this.dispatcher.handle(item());
	}

	private void fail(RuntimeException failure) {
		this.sender.fail((message) -> {
			throw failure;
		});
	}

	@Test
	void withoutFailuresTheDatabaseIsNotAsked() throws Exception {
		assertThat(handle()).isEqualTo(WorkOutcome.done());
		assertThat(this.probes.calls).isEmpty();
		assertThat(this.sender.texts()).containsExactly("1");
	}

	@Test
	void afterSoManyFailuresInARowTheQueueIsProbed() throws Exception {
		fail(new IllegalStateException("away"));
		for (int i = 0; i < 2; i++) {
			assertThatIllegalStateException().isThrownBy(this::handle).withMessage("away");
		}
		this.sender.fail((message) -> {
		});
		handle();
		fail(new IllegalStateException("away"));
		for (int i = 0; i < 2; i++) {
			assertThatIllegalStateException().isThrownBy(this::handle).withMessage("away");
		}
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ofSeconds(1)));
		assertThat(this.probes.calls).filteredOn((call) -> !call.equals("find")).containsExactly("begin PT1S");
	}

	@Test
	void soItIsAfterErrors() throws Exception {
		this.sender.fail((message) -> {
			throw new NoClassDefFoundError("away");
		});
		for (int i = 0; i < 2; i++) {
			assertThatExceptionOfType(NoClassDefFoundError.class).isThrownBy(this::handle);
		}
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ofSeconds(1)));
	}

	@Test
	void soItIsAfterFailuresThatCannotSayTheirMessage(CapturedOutput output) throws Exception {
		RuntimeException silent = new RuntimeException() {

			@Override
			public String getMessage() {
				throw new IllegalArgumentException("It has none");
			}

		};
		fail(silent);
		for (int i = 0; i < 2; i++) {
			assertThatExceptionOfType(silent.getClass()).isThrownBy(this::handle);
		}
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ofSeconds(1)));
		assertThat(output)
			.contains("has failed 3 times in a row, at last with: %s. ".formatted(silent.getClass().getName()));
	}

	@Test
	void theFailuresOfAnEventThatIsRefusedForGoodAreNotThoseOfItsReceiver() {
		fail(new PermanentFailureException("refused"));
		for (int i = 0; i < 5; i++) {
			assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(this::handle);
		}
		assertThat(this.probes.calls).isEmpty();
	}

	@Test
	void anEventThatWasClaimedBeforeIsGivenBack() throws Exception {
		this.probes.probed(true, Duration.ZERO);
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ZERO));
		assertThat(this.sender.attempts()).isEmpty();
	}

	@Test
	void aProbeThatFailsIsNoAttempt() throws Exception {
		this.probes.probed(false, Duration.ZERO);
		fail(new IllegalStateException("away"));
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ofSeconds(7)));
		fail(new RetryLaterException("busy", Duration.ofMinutes(1)));
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ofSeconds(7)));
		assertThat(this.probes.calls).containsExactly("find", "failed PT1S PT10S PT1S", "find",
				"failed PT1S PT10S PT1M");
	}

	@Test
	void aProbeThatSucceedsOrIsRefusedForGoodEndsIt() throws Exception {
		this.probes.probed(false, Duration.ZERO);
		assertThat(handle()).isEqualTo(WorkOutcome.done());
		assertThat(this.probes.calls).containsExactly("find", "end");
		this.probes.probed(false, Duration.ZERO);
		fail(new PermanentFailureException("refused"));
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(this::handle);
		assertThat(this.probes.calls).containsExactly("find", "end", "find", "end");
	}

	@Test
	void aProbeThatCannotBeSentSaysNothingOfTheReceiver() {
		this.probes.probed(false, Duration.ZERO);
		fail(new UnsendableEventException("too large", new IllegalStateException()));
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(this::handle).withMessage("too large");
		assertThat(this.probes.calls).containsExactly("find");
	}

	@Test
	void anEventThatCannotBeSentIsTimedAsRefused() {
		OutboxMeasures measures = new OutboxMeasures();
		List<Long> refused = new ArrayList<>();
		measures.senders().of("orders").of(Result.SENT).recordBy((nanos) -> {
		});
		measures.senders().of("orders").of(Result.REFUSED).recordBy(refused::add);
		fail(new UnsendableEventException("too large", new IllegalStateException()));
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(
				() -> new OutboxDispatcher(measures.measured(this.sender), this.circuit, (name, item, message) -> {
				}, "/shop", null, Observations.NONE).handle(item()));
		assertThat(refused).hasSize(1);
	}

	@Test
	void anEventThatIsSentIsDoneWhateverTheDatabaseSays() throws Exception {
		this.probes.probed(false, Duration.ZERO);
		this.probes.failing = "end";
		assertThat(handle()).isEqualTo(WorkOutcome.done());
	}

	@Test
	void anEventIsNotSentWhileItIsUnknownWhetherItMayBe() throws Exception {
		this.probes.probed(false, Duration.ZERO);
		this.probes.failing = "find";
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ZERO));
		assertThat(this.sender.attempts()).isEmpty();
	}

	@Test
	void anInterruptThatASenderLeavesReachesNoStatement() throws Exception {
		List<Boolean> interrupted = new ArrayList<>();
		OutboxDispatcher keeping = new OutboxDispatcher(this.sender, this.circuit,
				(name, item, message) -> interrupted.add(Thread.currentThread().isInterrupted()), "/shop", null,
				Observations.NONE);
		for (RuntimeException failure : new RuntimeException[] { null, new IllegalStateException("away"),
				new PermanentFailureException("refused") }) {
			this.probes.probed(false, Duration.ZERO);
			this.sender.fail((message) -> {
				Thread.currentThread().interrupt();
				if (failure != null) {
					throw failure;
				}
			});
			try {
				keeping.handle(item());
			}
			catch (PermanentFailureException ex) {
				assertThat(ex).isSameAs(failure);
			}
			interrupted.add(Thread.interrupted());
		}
		assertThat(this.probes.calls).containsExactly("find", "end", "find", "failed PT1S PT10S PT1S", "find", "end");
		assertThat(this.probes.interrupted).isFalse();
		assertThat(interrupted).hasSize(4).containsOnly(false);
	}

	@Test
	void aProbeWaitsForItsTime() throws Exception {
		this.probes.probed(false, Duration.ofMillis(30));
		long start = System.nanoTime();
		assertThat(handle()).isEqualTo(WorkOutcome.done());
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(29));
	}

	@Test
	void anEventThatIsTooOldAfterItsWaitIsNotSent() {
		this.probes.probed(false, Duration.ofMillis(30));
		OutboxDispatcher impatient = new OutboxDispatcher(this.sender, this.circuit, (name, item, message) -> {
		}, "/shop", Duration.ofMillis(20), Observations.NONE);
		assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> impatient.handle(item()))
			.withMessageContaining("max-age");
		assertThat(this.sender.attempts()).isEmpty();
	}

	@Test
	void aStopEndsTheWait() throws Exception {
		this.probes.probed(false, Duration.ofHours(1));
		this.circuit.stop();
		assertThat(handle()).isEqualTo(WorkOutcome.postpone(Duration.ZERO));
		assertThat(this.sender.attempts()).isEmpty();
	}

	@Test
	void anEventThatAnotherInstanceMayHaveIsNotSent() throws Exception {
		assertThat(this.dispatcher.handle(item().lost())).isEqualTo(WorkOutcome.postpone(Duration.ZERO));
		this.probes.probed(false, Duration.ofMillis(1));
		assertThat(this.dispatcher.handle(item().lost())).isEqualTo(WorkOutcome.postpone(Duration.ZERO));
		assertThat(this.sender.attempts()).isEmpty();
	}

	@Test
	void whatAStoppedProcessFindsWhenItGoesOnSaysNothingOfTheReceiver() {
		WorkItem lost = item().lost();
		IllegalStateException failure = new IllegalStateException("away");
		for (Turn turn : new Turn[] { Turn.UNKNOWN, Turn.NORMAL, Turn.PROBE }) {
			this.probes.probed(false, Duration.ZERO);
			for (int i = 0; i < 5; i++) {
				assertThat(this.circuit.failed(lost, turn, failure, Duration.ZERO))
					.isEqualTo((turn == Turn.PROBE) ? Duration.ofSeconds(1) : null);
			}
			this.circuit.answered(lost, turn);
		}
		assertThat(this.probes.calls).isEmpty();
	}

	@Test
	void aReceiverIsNotLeftAloneForLongerThanADay() {
		fail(new RetryLaterException("busy", Duration.ofDays(400)));
		assertThatExceptionOfType(RetryLaterException.class).isThrownBy(this::handle)
			.satisfies((ex) -> assertThat(ex.delay()).isEqualTo(Duration.ofDays(1)));
	}

	/**
	 * Remembers what it is asked.
	 */
	private static final class RecordedProbes implements QueueProbes {

		private final List<String> calls = new ArrayList<>();

		private @Nullable Probe probe;

		private String failing = "";

		private boolean interrupted;

		void probed(boolean giveBack, Duration wait) {
			this.probe = new Probe(giveBack, wait);
		}

		private void called(String name, Object... arguments) {
			StringBuilder call = new StringBuilder(name);
			for (Object argument : arguments) {
				call.append(' ').append(argument);
			}
			this.calls.add(call.toString());
			this.interrupted |= Thread.currentThread().isInterrupted();
			if (this.failing.equals(name)) {
				throw new DataAccessResourceFailureException("away");
			}
		}

		@Override
		public boolean isLimited(WorkItem item) {
			return this.probe != null;
		}

		@Override
		public @Nullable Probe find(WorkItem item) {
			called("find");
			Probe found = this.probe;
			if (found != null) {
				this.probe = new Probe(found.giveBack(),
						(found.delay().compareTo(Duration.ofMinutes(1)) < 0) ? Duration.ZERO : found.delay());
			}
			return found;
		}

		@Override
		public boolean begin(String queue, Duration wait) {
			called("begin", wait);
			return true;
		}

		@Override
		public Duration failed(String queue, Duration wait, Duration longest, Duration least) {
			called("failed", wait, longest, least);
			return Duration.ofSeconds(7);
		}

		@Override
		public boolean end(String queue) {
			called("end");
			this.probe = null;
			return true;
		}

	}

}
