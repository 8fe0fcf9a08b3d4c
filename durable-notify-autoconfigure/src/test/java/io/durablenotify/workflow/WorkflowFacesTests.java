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

package io.durablenotify.workflow;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.RecordingWork;
import io.durablenotify.testsupport.TestItem;
import io.durablenotify.work.CancelOutcome;
import io.durablenotify.work.Enqueued;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.willAnswer;
import static org.mockito.Mockito.mock;

/**
 * Tests for resumptions and timers, without the engine.
 */
class WorkflowFacesTests {

	private static final Instant EXPIRY = Instant.parse("2026-01-15T10:30:00.123456789Z");

	private final RecordingWork work = new RecordingWork();

	private final WorkflowResumptions resumptions = new DefaultWorkflowResumptions(this.work);

	private final DurableTimers timers = new DefaultDurableTimers(this.work);

	private final List<Object> received = new ArrayList<>();

	@Test
	void aResumptionIsAnItemOfItsWorkflowWithTheInstanceAsItsKey() {
		assertThat(this.resumptions.request("order", "wf/1 \"ü\"").outcome()).isEqualTo(Enqueued.Outcome.ENQUEUED);
		WorkRequest request = this.work.requests().get(0);
		assertThat(request.queue()).isEqualTo("resume/order");
		assertThat(request.key()).isEqualTo("wf/1 \"ü\"");
		assertThat(request.isReplacing()).isFalse();
		assertThat(request.dueAt()).isNull();
		assertThat(request.payload()).isEqualTo("{\"instance_id\":\"wf/1 \\\"ü\\\"\",\"workflow_name\":\"order\"}");
	}

	@Test
	void aTimerIsAnItemOfItsHandlerThatReplacesTheOneBefore() {
		this.timers.set("sleep", "wf/1", "timer:2", EXPIRY);
		WorkRequest request = this.work.requests().get(0);
		assertThat(request.queue()).isEqualTo("timer/sleep");
		assertThat(request.key()).isEqualTo("wf/1/timer:2");
		assertThat(request.isReplacing()).isTrue();
		assertThat(request.dueAt()).isEqualTo(EXPIRY);
		assertThat(request.payload()).isEqualTo("{\"instance_id\":\"wf/1\",\"timer_id\":\"timer:2\","
				+ "\"expires_at\":\"2026-01-15T10:30:00.123456789Z\"}");
		assertThat(this.timers.cancel("sleep", "wf/1", "timer:2")).isEqualTo(CancelOutcome.CANCELLED);
		assertThat(this.work.cancelled()).containsExactly("timer/sleep wf/1/timer:2");
	}

	@Test
	void handlersGetWhatWasRequested() throws Exception {
		WorkflowHandlers handlers = handlers(List.of(new Resuming("order", "invoice")), List.of(new Expiring("sleep")));
		handlers.start();
		this.resumptions.request("invoice", "wf/1 \"ü\"");
		this.timers.set("sleep", "wf/1", "timer:2", EXPIRY);
		for (WorkRequest request : this.work.requests()) {
			assertThat(this.work.handle(request)).isEqualTo(WorkOutcome.done());
		}
		assertThat(this.received).hasSize(2);
		Resumption resumption = (Resumption) this.received.get(0);
		assertThat(resumption.workflowName()).isEqualTo("invoice");
		assertThat(resumption.instanceId()).isEqualTo("wf/1 \"ü\"");
		assertThat(resumption.item().key()).isEqualTo("wf/1 \"ü\"");
		Timer timer = (Timer) this.received.get(1);
		assertThat(timer).isEqualTo(new Timer("wf/1", "timer:2", EXPIRY, timer.item()));
		assertThat(timer.item().queue()).isEqualTo("timer/sleep");
	}

	@Test
	void onlyWhatHasAHandlerIsClaimedWhileTheContextRuns() {
		WorkflowHandlers handlers = handlers(List.of(new Resuming("order", "invoice")), List.of(new Expiring("sleep")));
		assertThat(this.work.queues()).isEmpty();
		for (int i = 0; i < 2; i++) {
			handlers.start();
			handlers.start();
			assertThat(handlers.isRunning()).isTrue();
			assertThat(this.work.queues()).containsExactlyInAnyOrder("resume/order", "resume/invoice", "timer/sleep");
			handlers.stop();
			assertThat(handlers.isRunning()).isFalse();
			assertThat(this.work.queues()).isEmpty();
		}
	}

	/**
	 * Nor where there is no thread for one of them.
	 */
	@Test
	void aHandlerThatCannotBeCancelledKeepsNoOther() {
		AtomicInteger threads = new AtomicInteger();
		List<String> cancelled = new CopyOnWriteArrayList<>();
		WorkListeners failing = mock();
		given(failing.register(any(), any())).willAnswer((call) -> {
			String queue = call.getArgument(0, WorkListenerSpec.class).queues().toString();
			Subscription subscription = mock();
			willAnswer((cancel) -> {
				cancelled.add(queue);
				throw new IllegalStateException("It cannot be cancelled");
			}).given(subscription).cancel();
			return subscription;
		});
		WorkflowHandlers handlers = new WorkflowHandlers(failing,
				() -> List.of(new Resuming("order", "invoice", "mail")), List::of, (task) -> {
					if (threads.incrementAndGet() == 1) {
						throw new OutOfMemoryError("unable to create native thread");
					}
					return new Thread(task);
				});
		handlers.start();
		assertThatExceptionOfType(CompletionException.class).isThrownBy(handlers::stop);
		assertThat(handlers.isRunning()).isFalse();
		assertThat(cancelled).hasSize(3);
	}

	@Test
	void theStopCancelsAllAtOnce() {
		CountDownLatch cancelling = new CountDownLatch(2);
		WorkListeners slow = mock();
		given(slow.register(any(), any())).willReturn(new Subscription() {

			@Override
			public void cancel() {
				cancelling.countDown();
				try {
					assertThat(cancelling.await(30, TimeUnit.SECONDS)).isTrue();
				}
				catch (InterruptedException ex) {
					throw new IllegalStateException(ex);
				}
			}

			@Override
			public boolean isActive() {
				return false;
			}

		});
		WorkflowHandlers handlers = new WorkflowHandlers(slow, () -> List.of(new Resuming("order", "invoice")),
				List::of);
		handlers.start();
		handlers.stop();
		assertThat(cancelling.getCount()).isZero();
	}

	@Test
	void listenersThatAreAMockCanBeStopped() {
		WorkflowHandlers handlers = new WorkflowHandlers(mock(), () -> List.of(new Resuming("order")), List::of);
		handlers.start();
		handlers.stop();
		assertThat(handlers.isRunning()).isFalse();
	}

	@Test
	void aHandlerMayBeTransactional() {
		handlers(List.of(new Resuming("order") {

			@Override
			public boolean transactional() {
				return true;
			}

		}), List.of(new Expiring("sleep"))).start();
		assertThat(this.work.spec("resume/order").transactional()).isTrue();
		assertThat(this.work.spec("timer/sleep").transactional()).isFalse();
	}

	@Test
	void aNameHasOneHandler() {
		WorkflowHandlers workflows = handlers(List.of(new Resuming("order"), new Resuming("order")), List.of());
		assertThatExceptionOfType(WorkflowHandlerException.class).isThrownBy(workflows::start)
			.withMessageContaining("Workflow 'order' must have one handler, but has ")
			.withMessageContaining("Resuming");
		assertThatExceptionOfType(WorkflowHandlerException.class)
			.isThrownBy(handlers(List.of(), List.of(new Expiring("sleep"), new Expiring("sleep")))::start)
			.withMessageContaining("Timer name 'sleep' must have one handler");
		assertThat(this.work.queues()).isEmpty();
	}

	@Test
	void aHandlerWhoseNameIsNotValidIsNamed() {
		assertThatExceptionOfType(WorkflowHandlerException.class)
			.isThrownBy(handlers(List.of(), List.of(new Expiring("a b")))::start)
			.withMessageContaining("Timer handler 'a b' must have 1 to ")
			.withMessageEndingWith("(name() of %s)", Expiring.class.getName());
		assertThatExceptionOfType(WorkflowHandlerException.class)
			.isThrownBy(handlers(List.of(new Resuming("a b")), List.of())::start)
			.withMessageContaining("Workflow 'a b' must have 1 to ")
			.withMessageEndingWith("(workflowNames() of %s)", Resuming.class.getName());
	}

	@Test
	void aHandlerOfNoWorkflowIsRefused() {
		assertThatExceptionOfType(WorkflowHandlerException.class)
			.isThrownBy(handlers(List.of(new Resuming()), List.of())::start)
			.withMessageEndingWith("workflowNames() of %s must return at least one name", Resuming.class.getName());
	}

	@Test
	void namesThatAreNotValidAreRefused() {
		String tooLong = "a".repeat(256);
		assertThatIllegalArgumentException().isThrownBy(() -> this.resumptions.request("a b", "wf"))
			.withMessageStartingWith("Workflow 'a b'");
		assertThatIllegalArgumentException().isThrownBy(() -> this.resumptions.request("a".repeat(249), "wf"));
		assertThatIllegalArgumentException().isThrownBy(() -> this.resumptions.request("order", tooLong))
			.withMessageStartingWith("Workflow instance ");
		assertThatIllegalArgumentException().isThrownBy(() -> this.timers.set("", "wf", "t", EXPIRY))
			.withMessageStartingWith("Timer handler ''");
		assertThatIllegalArgumentException().isThrownBy(() -> this.timers.set("sleep", "wf", tooLong, EXPIRY));
		assertThatIllegalArgumentException().isThrownBy(() -> this.timers.cancel("sleep", "", "t"));
		// The timer t of wf/a would be the timer a/t of wf
		assertThatIllegalArgumentException().isThrownBy(() -> this.timers.set("sleep", "wf", "a/t", EXPIRY))
			.withMessage("Timer 'a/t' must have no slash");
		assertThatExceptionOfType(WorkflowHandlerException.class)
			.isThrownBy(handlers(List.of(new Resuming("order", "a b")), List.of())::start)
			.withMessageContaining("Workflow 'a b'");
		assertThat(this.work.requests()).isEmpty();
		assertThat(this.work.queues()).isEmpty();
		this.resumptions.request("a".repeat(248), "a".repeat(255));
		this.timers.set("a".repeat(249), "a".repeat(255), "a".repeat(255), EXPIRY);
	}

	@Test
	void otherFieldsOfAPayloadAreLeftOut() throws Exception {
		handlers(List.of(new Resuming("order")), List.of()).start();
		this.work.handle(new TestItem("resume/order").payload(
				"{\"a\": {\"instance_id\": \"b\"}, \"workflow_name\": \"order\", \"instance_id\": \"wf\", \"c\": [1]}"));
		assertThat(this.received).singleElement()
			.satisfies((resumption) -> assertThat(((Resumption) resumption).instanceId()).isEqualTo("wf"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "secret", "[]", "{\"secret\":", "{\"instance_id\": \"secret\"}",
			"{\"instance_id\": 1, \"timer_id\": \"secret\", \"expires_at\": \"2026-01-15T10:30:00Z\"}",
			"{\"instance_id\": \"secret\", \"timer_id\": \"t\", \"expires_at\": \"secret\"}" })
	void aPayloadOfAnotherShapeIsDeadAtOnceAndNotShown(String payload) {
		handlers(List.of(new Resuming("order")), List.of(new Expiring("sleep"))).start();
		for (String queue : List.of("resume/order", "timer/sleep")) {
			assertThatExceptionOfType(PermanentFailureException.class)
				.isThrownBy(() -> this.work.handle(new TestItem(queue).payload(payload)))
				.withMessageStartingWith("Payload of item 7 of queue '%s' cannot be read: ", queue)
				.withMessageNotContaining("secret")
				.withNoCause();
		}
		assertThat(this.received).isEmpty();
	}

	private WorkflowHandlers handlers(List<ResumptionHandler> resumptionHandlers, List<TimerHandler> timerHandlers) {
		return new WorkflowHandlers(this.work, () -> resumptionHandlers, () -> timerHandlers);
	}

	private class Resuming implements ResumptionHandler {

		private final Set<String> workflowNames;

		Resuming(String... workflowNames) {
			this.workflowNames = Set.of(workflowNames);
		}

		@Override
		public Set<String> workflowNames() {
			return this.workflowNames;
		}

		@Override
		public void resume(Resumption resumption) {
			WorkflowFacesTests.this.received.add(resumption);
		}

	}

	private class Expiring implements TimerHandler {

		private final String name;

		Expiring(String name) {
			this.name = name;
		}

		@Override
		public String name() {
			return this.name;
		}

		@Override
		public void onTimer(Timer timer) {
			WorkflowFacesTests.this.received.add(timer);
		}

	}

}
