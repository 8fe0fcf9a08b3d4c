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

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingSubscriber;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WordlessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

/**
 * Tests for {@link StreamReader#publisher}, beside its
 * {@link StreamPublisherVerificationTests verification}.
 */
@ExtendWith(OutputCaptureExtension.class)
class StreamPublisherTests {

	private static final int BUFFER_SIZE = 16;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.streams.buffer-size=" + BUFFER_SIZE })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@AfterEach
	void cancelReaders() {
		readers().forEach(Subscription::cancel);
	}

	@Test
	void historyAndLiveChunksComeAsTheyAreRequested() {
		append("requested", 3);
		RecordingSubscriber subscriber = subscribe("requested", StreamPosition.start()).request(1);
		subscriber.awaitChunks(1);
		awaitBuffered(2);
		subscriber.assertGapFree(0, 1);
		subscriber.request(4).awaitChunks(3);
		append("requested", 3);
		subscriber.awaitChunks(5);
		awaitBuffered(1);
		subscriber.assertGapFree(0, 5);
		subscriber.request(Long.MAX_VALUE).awaitChunks(6);
		writer.complete("requested");
		subscriber.awaitComplete().assertGapFree(0, 6);
		assertThat(subscriber.ends()).isOne();
	}

	@Test
	void aSubscriberThatRequestsNothingHoldsTheBufferOnlyAndNoOtherWaits() {
		RecordingSubscriber idle = subscribe("bounded", StreamPosition.start());
		RecordingSubscriber other = subscribe("bounded", StreamPosition.start()).request(Long.MAX_VALUE);
		append("bounded", 100);
		writer.complete("bounded");
		other.awaitComplete().assertGapFree(0, 100);
		assertThat(readers()).hasSize(1).allMatch((reader) -> ReaderStates.next(reader) <= BUFFER_SIZE);
		assertThat(idle.chunks()).isEmpty();
		for (int i = 0; i < 100; i++) {
			idle.request(1).awaitChunks(i + 1);
		}
		idle.awaitComplete().assertGapFree(0, 100);
	}

	@Test
	void theEndNeedsNoRequest() {
		RecordingSubscriber waiting = subscribe("end", StreamPosition.start());
		writer.complete("end");
		waiting.awaitComplete().assertGapFree(0, 0);
		subscribe("end", StreamPosition.start()).awaitComplete().assertGapFree(0, 0);
	}

	@Test
	void theEndComesAfterTheLastChunk() {
		append("behind", 3);
		writer.fail("behind", "broken");
		RecordingSubscriber subscriber = subscribe("behind", StreamPosition.start()).request(2);
		subscriber.awaitChunks(2);
		awaitBuffered(1);
		assertThat(subscriber.ends()).isZero();
		assertThat(subscriber.request(1).awaitError()).isInstanceOf(StreamFailedException.class)
			.hasMessage("Stream 'behind' failed: broken");
		subscriber.assertGapFree(0, 3);
	}

	@Test
	void aDeletedStreamIsAnError() {
		append("deleted", 1);
		RecordingSubscriber subscriber = subscribe("deleted", StreamPosition.start()).request(10);
		subscriber.awaitChunks(1);
		database.jdbc().update("DELETE FROM durable_notify.streams WHERE name = 'deleted'");
		ObservedReaders.of(instance).onResync();
		assertThat(subscriber.awaitError()).isInstanceOf(StreamDeletedException.class);
	}

	@Test
	void aStreamThatLostChunksIsAnError() {
		append("truncated", 5);
		RecordingSubscriber subscriber = subscribe("truncated", StreamPosition.start()).request(10);
		subscriber.awaitChunks(5);
		database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index >= 2 AND stream_id = "
					+ "(SELECT stream_id FROM durable_notify.streams WHERE name = 'truncated')");
		ObservedReaders.of(instance).onResync();
		assertThat(subscriber.awaitError()).isInstanceOf(StreamTruncatedException.class);
	}

	@ParameterizedTest
	@ValueSource(longs = { 0, -1, Long.MIN_VALUE })
	void aRequestForLessThanOneEndsTheReading(long count) {
		String stream = "request/" + count;
		append(stream, 3);
		RecordingSubscriber subscriber = subscribe(stream, StreamPosition.start());
		awaitBuffered(3);
		subscriber.request(count);
		assertThat(subscriber.awaitError()).isInstanceOf(IllegalArgumentException.class)
			.hasMessageContaining(String.valueOf(count))
			.hasMessageContaining(stream);
		assertThat(readers()).isEmpty();
		subscriber.request(count).request(1);
		assertThat(subscriber.chunks()).isEmpty();
		assertThat(subscriber.ends()).isOne();
	}

	@Test
	void eachSubscriberHasAReaderOfItsOwn() {
		append("each", 3);
		Flow.Publisher<Chunk> publisher = reader.publisher("each", StreamPosition.last(1));
		assertThat(readers()).isEmpty();
		RecordingSubscriber early = new RecordingSubscriber();
		publisher.subscribe(early);
		append("each", 2);
		RecordingSubscriber late = new RecordingSubscriber();
		publisher.subscribe(late);
		append("each", 1);
		early.request(10).awaitChunks(4).assertGapFree(2, 4);
		late.request(1).awaitChunks(1);
		awaitBuffered(1);
		late.assertGapFree(4, 1);
	}

	@Test
	void theEndIsFixedWhenSubscribeReturns() {
		append("fixed", 3);
		RecordingSubscriber subscriber = subscribe("fixed", StreamPosition.end());
		RecordingSubscriber unknown = subscribe("fixed-unknown", StreamPosition.end());
		append("fixed", 2);
		append("fixed-unknown", 2);
		subscriber.request(2).awaitChunks(2).assertGapFree(3, 2);
		unknown.request(2).awaitChunks(2).assertGapFree(0, 2);
	}

	@Test
	void onSubscribeComesFirstOnTheSubscribingThreadAndNothingBesideIt() {
		append("serial", 5);
		writer.complete("serial");
		List<String> threads = Collections.synchronizedList(new ArrayList<>());
		AtomicInteger running = new AtomicInteger();
		AtomicBoolean overlapped = new AtomicBoolean();
		RecordingSubscriber subscriber = new RecordingSubscriber() {

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				begin();
				super.onSubscribe(subscription);
				subscription.request(1);
				subscription.request(Long.MAX_VALUE);
				awaitBuffered(5);
				// Time enough for other threads to deliver everything
				RecordingHandler other = new RecordingHandler();
				reader.subscribe("serial", StreamPosition.start(), other);
				other.awaitComplete();
				end();
			}

			@Override
			public void onNext(Chunk chunk) {
				begin();
				super.onNext(chunk);
				end();
			}

			private void begin() {
				overlapped.compareAndSet(false, running.incrementAndGet() > 1);
				threads.add(Thread.currentThread().getName());
			}

			private void end() {
				running.decrementAndGet();
			}

		};
		reader.publisher("serial", StreamPosition.start()).subscribe(subscriber);
		subscriber.awaitComplete().assertGapFree(0, 5);
		assertThat(overlapped).isFalse();
		assertThat(threads).hasSize(6);
		assertThat(threads.get(0)).isEqualTo(Thread.currentThread().getName());
		assertThat(threads.subList(1, 6)).allMatch((name) -> name.startsWith("durable-notify-"));
	}

	@Test
	void nothingIsCalledAfterACancelInOnNext() {
		append("cancelled", 10);
		RecordingSubscriber subscriber = new RecordingSubscriber() {

			@Override
			public void onNext(Chunk chunk) {
				super.onNext(chunk);
				if (chunk.index() == 3) {
					cancel();
					cancel();
					request(5);
					request(-1);
				}
			}

		};
		reader.publisher("cancelled", StreamPosition.start()).subscribe(subscriber);
		subscriber.request(Long.MAX_VALUE).awaitChunks(4);
		assertThat(readers()).isEmpty();
		writer.complete("cancelled");
		subscribe("cancelled", StreamPosition.start()).request(100).awaitComplete();
		subscriber.assertGapFree(0, 4);
		assertThat(subscriber.ends()).isZero();
	}

	@Test
	void aSubscriptionHoldsItsSubscriberNoLongerThanItIsOfUse() {
		append("dropped", 1);
		writer.complete("dropped");
		Flow.Publisher<Chunk> publisher = reader.publisher("dropped", StreamPosition.start());
		List<WeakReference<RecordingSubscriber>> subscribers = new ArrayList<>();
		List<Flow.Subscription> subscriptions = Stream.of(true, false).map((cancel) -> {
			RecordingSubscriber subscriber = new RecordingSubscriber();
			subscribers.add(new WeakReference<>(subscriber));
			publisher.subscribe(subscriber);
			if (cancel) {
				subscriber.cancel();
			}
			else {
				subscriber.request(1).awaitComplete();
			}
			return subscriber.subscription();
		}).toList();
		Eventually.await(() -> {
			System.gc();
			return subscribers.stream().allMatch((subscriber) -> subscriber.refersTo(null));
		}, subscribers::toString);
		assertThat(subscriptions).hasSize(2);
	}

	@Test
	void nothingIsCalledAfterACancelInOnSubscribe() {
		append("cancelled-first", 1);
		writer.complete("cancelled-first");
		RecordingSubscriber subscriber = new RecordingSubscriber() {

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				super.onSubscribe(subscription);
				subscription.request(1);
				subscription.cancel();
			}

		};
		reader.publisher("cancelled-first", StreamPosition.start()).subscribe(subscriber);
		assertThat(readers()).isEmpty();
		subscribe("cancelled-first", StreamPosition.start()).request(100).awaitComplete();
		assertThat(subscriber.chunks()).isEmpty();
		assertThat(subscriber.ends()).isZero();
	}

	@Test
	void aSubscriberThatThrowsIsCancelledAndThatIsLogged(CapturedOutput output) {
		append("throwing", 5);
		RecordingSubscriber throwing = new RecordingSubscriber() {

			@Override
			public void onNext(Chunk chunk) {
				super.onNext(chunk);
				throw new IllegalStateException("subscriber broke");
			}

		};
		reader.publisher("throwing", StreamPosition.start()).subscribe(throwing);
		RecordingSubscriber other = subscribe("throwing", StreamPosition.start());
		throwing.request(5);
		Eventually.await(() -> readers().size() == 1, StreamPublisherTests::readers);
		writer.complete("throwing");
		other.request(10).awaitComplete().assertGapFree(0, 5);
		throwing.assertGapFree(0, 1);
		assertThat(throwing.ends()).isZero();
		assertThat(output).contains("chunk 0 of stream 'throwing'").contains("subscriber broke");
	}

	@Test
	void aSubscriberThatThrowsInOnSubscribeIsCancelledAndThatIsLogged(CapturedOutput output) {
		RecordingSubscriber throwing = new RecordingSubscriber() {

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				throw new IllegalStateException("subscriber broke at once");
			}

		};
		reader.publisher("throwing-first", StreamPosition.start()).subscribe(throwing);
		assertThat(readers()).isEmpty();
		assertThat(throwing.ends()).isZero();
		assertThat(output).contains("'throwing-first' failed in onSubscribe").contains("subscriber broke at once");
	}

	@Test
	void aSubscriberWhoseFailureCannotSayItsMessageIsCancelledToo(CapturedOutput output) {
		RecordingSubscriber throwing = new RecordingSubscriber() {

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				throw new WordlessException();
			}

		};
		reader.publisher("wordless", StreamPosition.start()).subscribe(throwing);
		assertThat(readers()).isEmpty();
		assertThat(output).contains("'wordless' failed in onSubscribe");
	}

	@Test
	void closingTheContextEndsSubscribersAndRefusesNewOnes() throws Exception {
		Instance closing = Instance.start(database);
		append("closing", 3);
		StreamReader closingReader = closing.reader();
		RecordingSubscriber subscriber = new RecordingSubscriber();
		CountDownLatch taken = new CountDownLatch(1);
		RecordingSubscriber busy = new RecordingSubscriber() {

			@Override
			public void onNext(Chunk chunk) {
				super.onNext(chunk);
				taken.countDown();
			}

		};
		closingReader.publisher("closing", StreamPosition.start()).subscribe(subscriber);
		closingReader.publisher("closing", StreamPosition.start()).subscribe(busy);
		busy.request(1);
		taken.await();
		closing.close();
		assertThat(subscriber.error()).isInstanceOf(ReaderStoppedException.class);
		assertThat(busy.error()).isInstanceOf(ReaderStoppedException.class);
		RecordingSubscriber late = new RecordingSubscriber();
		closingReader.publisher("closing", StreamPosition.start()).subscribe(late);
		assertThat(late.isSubscribed()).isTrue();
		assertThat(late.error()).isInstanceOf(ReaderStoppedException.class);
		late.request(1).cancel();
		assertThat(late.ends()).isOne();
		RecordingSubscriber uninterested = new RecordingSubscriber() {

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				subscription.cancel();
			}

		};
		closingReader.publisher("closing", StreamPosition.start()).subscribe(uninterested);
		assertThat(uninterested.ends()).isZero();
	}

	@Test
	void closingTheContextEndsASubscriberThatHasNotAskedForWhatIsLeft() {
		Instance closing = Instance.start(database);
		append("closing-ended", 3);
		writer.complete("closing-ended");
		RecordingSubscriber subscriber = new RecordingSubscriber();
		closing.reader().publisher("closing-ended", StreamPosition.start()).subscribe(subscriber);
		LogSubscriptions<Chunk> readers = ObservedReaders.of(closing);
		Eventually.await(() -> ReaderStates.logIds(readers).isEmpty() && ReaderStates.waitedFor(readers).isEmpty(),
				() -> ReaderStates.all(readers).toString());
		closing.close();
		assertThat(subscriber.error()).isInstanceOf(ReaderStoppedException.class);
		assertThat(ReaderStates.all(readers)).isEmpty();
	}

	@Test
	void anEndThatCannotBeFoundIsAnErrorAfterOnSubscribe() {
		TestDatabase broken = PostgresServer.shared().createDatabase();
		try (Instance failing = Instance.start(broken, "durable-notify.poll.interval=0")) {
			broken.jdbc().execute("ALTER TABLE durable_notify.stream_chunks RENAME TO chunks_elsewhere");
			RecordingSubscriber subscriber = new RecordingSubscriber();
			failing.reader().publisher("nowhere", StreamPosition.end()).subscribe(subscriber);
			assertThat(subscriber.isSubscribed()).isTrue();
			assertThat(subscriber.error()).isInstanceOf(DataAccessException.class);
			assertThat(ReaderStates.all(ObservedReaders.of(failing))).isEmpty();
		}
	}

	@Test
	void requestsOfManyThreadsAddUp() {
		append("many", 400);
		RecordingSubscriber subscriber = subscribe("many", StreamPosition.start());
		List<Runnable> requests = Collections.nCopies(4, () -> {
			for (int i = 0; i < 50; i++) {
				subscriber.request(1);
			}
		});
		requests.stream().map(Background::run).toList().forEach((requested) -> requested.join());
		subscriber.awaitChunks(200);
		awaitBuffered(1);
		subscriber.assertGapFree(0, 200);
	}

	@Test
	void badArgumentsAreRefusedAtOnce() {
		assertThatIllegalArgumentException().isThrownBy(() -> reader.publisher("white space", StreamPosition.start()));
		assertThatIllegalArgumentException().isThrownBy(() -> reader.publisher("name", null));
		assertThatNullPointerException()
			.isThrownBy(() -> reader.publisher("name", StreamPosition.start()).subscribe(null));
	}

	private static RecordingSubscriber subscribe(String stream, StreamPosition from) {
		RecordingSubscriber subscriber = new RecordingSubscriber();
		reader.publisher(stream, from).subscribe(subscriber);
		return subscriber;
	}

	/**
	 * Wait until a reader holds at least so many chunks that are not taken.
	 */
	private static void awaitBuffered(int count) {
		Eventually.await(() -> readers().stream().anyMatch((reader) -> ReaderStates.buffered(reader) >= count),
				StreamPublisherTests::readers);
	}

	private static Set<LogSubscription<Chunk>> readers() {
		return ReaderStates.all(ObservedReaders.of(instance));
	}

	private static void append(String stream, int count) {
		instance.transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < count; i++) {
				writer.append(stream, "chunk " + i);
			}
		});
	}

}
