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

package io.durablenotify.web;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Flow;

import io.durablenotify.log.BufferedSubscription;
import io.durablenotify.testsupport.WordlessException;
import io.durablenotify.web.SseSource.Found;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SseFeed}.
 */
@Timeout(60)
class SseFeedTests {

	private static final Found FOUND = new Found("1-1", 0, null);

	private static final SseEvent REST = message("rest");

	private static final SseEvent COMPLETE = new SseEvent("end@1-1", "complete", "");

	private final ManualSource source = new ManualSource();

	private final Client client = new Client();

	private static SseEvent message(String data) {
		return new SseEvent(null, null, data);
	}

	private static SseEvent error(String id, String reason) {
		return new SseEvent(id, "error", reason);
	}

	private ManualSource.Reading subscribe(long demand) {
		this.source.feed().subscribe(this.client);
		if (demand > 0) {
			this.client.subscription.request(demand);
		}
		return this.source.subscription();
	}

	@Test
	void entriesComeAsTheyAreRequested() {
		ManualSource.Reading reading = subscribe(0);
		assertThat(reading.requested()).isZero();
		this.client.subscription.request(2);
		assertThat(reading.requested()).isEqualTo(2);
		reading.next("a");
		reading.next("b");
		assertThat(this.client.events).containsExactly(message("a"), message("b"));
		assertThat(this.client.end).isNull();
	}

	@Test
	void whatWasRequestedBeforeTheLogIsReadIsRequestedOfIt() {
		this.client.requestedAtOnce = 3;
		assertThat(subscribe(0).requested()).isEqualTo(3);
	}

	@Test
	void aRequestOfEverythingStaysOne() {
		this.client.requestedAtOnce = Long.MAX_VALUE;
		ManualSource.Reading reading = subscribe(Long.MAX_VALUE);
		reading.next("a");
		reading.complete();
		assertThat(this.client.events).containsExactly(message("a"), REST, COMPLETE);
	}

	@Test
	void theEndIsAnEventThatIsRequested() {
		ManualSource.Reading reading = subscribe(0);
		reading.complete();
		assertThat(this.client.events).isEmpty();
		this.client.subscription.request(1);
		assertThat(this.client.events).containsExactly(REST);
		assertThat(this.client.end).isNull();
		this.client.subscription.request(1);
		assertThat(this.client.events).containsExactly(REST, COMPLETE);
		assertThat(this.client.end).isEqualTo("complete");
		this.client.subscription.request(5);
		assertThat(this.client.events).hasSize(2);
	}

	@Test
	void aRequestFromWithinAnEventOfTheEndIsServedAfterIt() {
		this.client.requestedPerEvent = 1;
		subscribe(1).complete();
		assertThat(this.client.events).containsExactly(REST, COMPLETE);
		assertThat(this.client.nested).isFalse();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void aFailureOfTheLogIsItsEnd() {
		subscribe(9).fail(new ManualSource.End("out of words"));
		assertThat(this.client.events).containsExactly(REST, error("end@1-1", "out of words"));
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void aStopEndsTheResponseWithoutAnEvent() {
		subscribe(9).fail(new ManualSource.Stop());
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void anUnexpectedFailureEndsTheResponseWithoutAnEvent() {
		subscribe(9).fail(new IllegalStateException("SELECT secret"));
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void aFailureThatCannotSayItsMessageEndsTheResponseToo() {
		subscribe(9).fail(new WordlessException());
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void anUnexpectedFailureOfTheWaitEndsTheResponseWithoutAnEvent() {
		this.source.find(null);
		subscribe(9).fail(new WordlessException());
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void theLastEntryIsFollowedByTheEnd() {
		ManualSource.Reading reading = subscribe(9);
		reading.next("last");
		assertThat(this.client.events).containsExactly(message("last"), REST, COMPLETE);
		assertThat(reading.isCancelled()).isTrue();
		reading.next("a");
		reading.complete();
		reading.fail(new ManualSource.End("again"));
		assertThat(this.client.events).hasSize(3);
		assertThat(this.client.ends).isOne();
	}

	@ParameterizedTest
	@ValueSource(strings = { "broken", "wordless" })
	void aMapperThatFailsEndsTheResponseWithAnError(String entry) {
		ManualSource.Reading reading = subscribe(9);
		reading.next(entry);
		assertThat(this.client.events).containsExactly(REST, error("end@1-1", "The log cannot be read"));
		assertThat(reading.isCancelled()).isTrue();
		reading.next("a");
		reading.complete();
		assertThat(this.client.events).hasSize(2);
		assertThat(this.client.ends).isOne();
	}

	@Test
	void anEntryWithoutAnEventIsReplacedByTheNext() {
		ManualSource.Reading reading = subscribe(1);
		reading.next("skipped");
		assertThat(this.client.skipped).isOne();
		assertThat(reading.requested()).isOne();
		reading.next("a");
		assertThat(this.client.events).containsExactly(message("a"));
		assertThat(reading.requested()).isZero();
	}

	@Test
	void aLogThatIsOverEndsAtOnce() {
		this.source.over();
		subscribe(1);
		assertThat(this.source.subscription()).isNull();
		assertThat(this.client.events).containsExactly(COMPLETE);
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void nothingComesAfterACancel() {
		ManualSource.Reading reading = subscribe(9);
		this.client.subscription.cancel();
		assertThat(reading.isCancelled()).isTrue();
		reading.next("a");
		reading.complete();
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isNull();
	}

	@Test
	void aSubscriberThatCancelsAtOnceIsNotReadFor() {
		this.client.cancelling = true;
		assertThat(subscribe(0).isCancelled()).isTrue();
		assertThat(this.source.subscription().requested()).isZero();
	}

	@Test
	void aLogIsWaitedForAndThenRead() {
		this.source.find(null);
		ManualSource.Reading waiting = subscribe(1);
		assertThat(waiting.requested()).isOne();
		assertThat(((BufferedSubscription) this.client.subscription).hasBuffered()).isFalse();
		this.source.find(FOUND);
		waiting.next("a");
		assertThat(waiting.isCancelled()).isTrue();
		assertThat(this.client.events).isEmpty();
		ManualSource.Reading reading = this.source.subscription();
		assertThat(reading).isNotSameAs(waiting);
		assertThat(reading.requested()).isOne();
		waiting.complete();
		assertThat(this.source.subscription()).isSameAs(reading);
		reading.next("a");
		assertThat(this.client.events).containsExactly(message("a"));
		assertThat(((BufferedSubscription) this.client.subscription).hasBuffered()).isFalse();
		this.source.buffer(true);
		assertThat(((BufferedSubscription) this.client.subscription).hasBuffered()).isTrue();
	}

	@Test
	void aLogThatIsGoneAgainIsWaitedForAgain() {
		this.source.find(null);
		ManualSource.Reading first = subscribe(1);
		first.next("a");
		ManualSource.Reading second = this.source.subscription();
		assertThat(second).isNotSameAs(first);
		assertThat(second.requested()).isOne();
		this.client.subscription.cancel();
		assertThat(second.isCancelled()).isTrue();
	}

	@Test
	void aLogThatHasFailedMeanwhileIsRead() {
		this.source.find(null);
		ManualSource.Reading waiting = subscribe(9);
		this.source.find(FOUND);
		waiting.fail(new ManualSource.End("out of words"));
		this.source.subscription().fail(new ManualSource.End("out of words"));
		assertThat(this.client.events).containsExactly(REST, error("end@1-1", "out of words"));
	}

	@Test
	void aFailureWithoutALogIsAnEnd() {
		this.source.find(null);
		subscribe(9).fail(new ManualSource.End("a bad name"));
		assertThat(this.client.events).containsExactly(error("end", "a bad name"));
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void aStopEndsTheWait() {
		this.source.find(null);
		subscribe(9).fail(new ManualSource.Stop());
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aLogThatCannotBeFoundEndsTheResponse(CapturedOutput output) {
		this.source.find(null);
		ManualSource.Reading waiting = subscribe(9);
		this.source.failToFind(new IllegalStateException("SELECT secret"));
		waiting.next("a");
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
		assertThat(output)
			.contains("Failed to find log 'manual' for a client, which has to connect again: SELECT secret");
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void anErrorInTheSearchForALogEndsTheResponse(boolean found) {
		if (found) {
			this.source.unbound();
		}
		else {
			this.source.find(null);
		}
		ManualSource.Reading reading = subscribe(9);
		this.source.failToFind(new StackOverflowError("once"));
		reading.next("a");
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void anotherLogOfTheNameIsNotReadInsteadOfTheOneThatWasFound() {
		this.source.unbound();
		ManualSource.Reading reading = subscribe(9);
		this.source.find(new Found("2-2", 0, null));
		reading.next("a");
		assertThat(reading.isCancelled()).isTrue();
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void theLogThatWasFoundIsLookedForOnce() {
		this.source.unbound();
		ManualSource.Reading reading = subscribe(9);
		reading.next("a");
		this.source.failToFind(new IllegalStateException("found already"));
		reading.next("b");
		assertThat(this.client.events).containsExactly(message("a"), message("b"));
	}

	@Test
	void aClientThatHasReceivedNothingGetsWhatIsLeft() {
		this.source.begin(EventId.begin(8, "1-1")).find(new Found("1-1", 20, null));
		ManualSource.Reading first = subscribe(2);
		first.fail(new ManualSource.Truncation());
		ManualSource.Reading second = this.source.subscription();
		assertThat(second).isNotSameAs(first);
		assertThat(second.isOfWhatIsLeft()).isTrue();
		assertThat(second.requested()).isEqualTo(2);
		this.client.subscription.request(2);
		assertThat(second.requested()).isEqualTo(4);
		assertThat(this.client.events).isEmpty();
		second.next("a");
		second.fail(new ManualSource.Truncation());
		assertThat(this.source.subscription()).isSameAs(second);
		assertThat(this.client.events).containsExactly(message("a"), REST, error("end@1-1", "truncated"));
	}

	@Test
	void aClientThatWaitsAndHasReceivedNothingGetsWhatIsLeft() {
		this.source.begin(EventId.NOTHING).find(null);
		ManualSource.Reading waiting = subscribe(2);
		this.source.find(new Found("1-1", 20, null));
		waiting.next("a");
		this.source.subscription().fail(new ManualSource.Truncation());
		assertThat(this.source.subscription().isOfWhatIsLeft()).isTrue();
		this.source.subscription().next("b");
		assertThat(this.client.events).containsExactly(message("b"));
	}

	/**
	 * What is left would be older than what was asked for, or of another log.
	 */
	@ParameterizedTest
	@CsvSource({ "1-1, 9", "2-2, 20", "," })
	void aTruncationIsAnErrorWhereNothingIsLeftAfterTheBegin(String identity, Long next) {
		this.source.begin(EventId.begin(8, "1-1"));
		ManualSource.Reading reading = subscribe(9);
		this.source.find((identity != null) ? new Found(identity, next, null) : null);
		reading.fail(new ManualSource.Truncation());
		assertThat(this.client.events).containsExactly(error("end@1-1", "truncated"));
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void aTruncationIsAnErrorToAClientThatHasReceivedAnEntry() {
		this.source.begin(EventId.begin(8, "1-1")).find(new Found("1-1", 20, null));
		ManualSource.Reading reading = subscribe(9);
		reading.next("skipped");
		reading.fail(new ManualSource.Truncation());
		assertThat(this.source.subscription()).isSameAs(reading);
		assertThat(this.client.events).containsExactly(REST, error("end@1-1", "truncated"));
	}

	@Test
	void aClientOfATruncatedLogThatCannotBeFoundComesAgain() {
		this.source.begin(EventId.begin(8, "1-1"));
		ManualSource.Reading reading = subscribe(9);
		this.source.failToFind(new IllegalStateException("no connection"));
		reading.fail(new ManualSource.Truncation());
		assertThat(this.client.events).isEmpty();
		assertThat(this.client.end).isEqualTo("complete");
	}

	@Test
	void anErrorInsteadOfALogIsRequested() {
		SseFeed.error(this.source, "2-2", "gone").subscribe(this.client);
		assertThat(this.client.events).isEmpty();
		this.client.subscription.request(1);
		assertThat(this.client.events).containsExactly(error("end@2-2", "gone"));
		assertThat(this.client.end).isEqualTo("complete");
	}

	private static final class Client implements SseFeed.Subscriber {

		private final List<SseEvent> events = new ArrayList<>();

		private Flow.Subscription subscription;

		private long requestedAtOnce;

		private long requestedPerEvent;

		private boolean cancelling;

		private boolean calling;

		private boolean nested;

		private int skipped;

		private Object end;

		private int ends;

		@Override
		public void onSubscribe(Flow.Subscription subscription) {
			this.subscription = subscription;
			if (this.cancelling) {
				subscription.cancel();
			}
			else if (this.requestedAtOnce > 0) {
				subscription.request(this.requestedAtOnce);
			}
		}

		@Override
		public void onNext(SseEvent event) {
			this.nested |= this.calling;
			this.calling = true;
			this.events.add(event);
			if (this.requestedPerEvent > 0) {
				this.subscription.request(this.requestedPerEvent);
			}
			this.calling = false;
		}

		@Override
		public void onSkipped() {
			this.skipped++;
		}

		@Override
		public void onError(Throwable failure) {
			this.end = failure;
			this.ends++;
		}

		@Override
		public void onComplete() {
			this.nested |= this.calling;
			this.end = "complete";
			this.ends++;
		}

	}

}
