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

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.log.LogMeasures.Ending;
import io.durablenotify.log.LogStore.Found;
import io.durablenotify.log.LogStore.Head;
import io.durablenotify.log.NumberedLogs.Entry;
import io.durablenotify.log.NumberedLogs.Numbered;
import io.durablenotify.log.ReaderState.Status;
import io.durablenotify.loop.SlowHandler;
import io.durablenotify.measure.Tally;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingPoll;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.mockito.AdditionalAnswers;
import org.mockito.ArgumentCaptor;
import org.mockito.stubbing.Answer;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.jdbc.CannotGetJdbcConnectionException;
import org.springframework.test.util.ReflectionTestUtils;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.willAnswer;
import static org.mockito.BDDMockito.willReturn;
import static org.mockito.BDDMockito.willThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.spy;
import static org.mockito.Mockito.timeout;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;

/**
 * Tests for {@link LogSubscriptions} of a test feature, whose logs begin with 1 and never
 * end. Those of streams are in that package.
 */
class LogSubscriptionsTests {

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	private final NumberedLogs logs = new NumberedLogs();

	private LogSubscriptions<Entry> readers;

	@BeforeEach
	void open() {
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"));
	}

	private LogSubscriptions<Entry> open(Executor executor) {
		return open(executor, instance.bean(Poll.class));
	}

	private LogSubscriptions<Entry> open(Executor executor, Poll poll) {
		return new LogSubscriptions<>(NumberedLogs.KIND, this.logs, 1_000, instance.bean(ApplicationDatabase.class),
				executor, instance.bean(Wakeups.class), poll, new LogMeasures(List.of()));
	}

	@AfterEach
	void close() {
		this.readers.close();
	}

	@Test
	void aLogThatBeginsWithOneIsReadFromAnyEntryOn() {
		this.logs.append("log", 100);
		new Recorder().follow("log", 1).awaitNumbers(1, 100);
		new Recorder().follow("log", 41).awaitNumbers(41, 100);
	}

	@Test
	void whatIsAppendedLaterFollowsWithItsWakeup() {
		append("live", 3);
		Recorder recorder = new Recorder().follow("live", 1).awaitNumbers(1, 3);
		Recorder ahead = new Recorder().follow("live", 5);
		append("live", 40);
		recorder.awaitNumbers(1, 43);
		ahead.awaitNumbers(5, 43);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aReadThatMetAnotherTransactionIsRepeatedAtOnce(CapturedOutput output) {
		Answer<?> conflict = (call) -> {
			throw new SQLException("could not serialize access", "40001");
		};
		NumberedLogs conflicting = spy(this.logs);
		willAnswer(conflict).willCallRealMethod()
			.willAnswer(conflict)
			.willCallRealMethod()
			.given(conflicting)
			.fetch(any(), any(), any());
		willAnswer(conflict).willCallRealMethod().given(conflicting).moved(any(), any(), any());
		this.readers.close();
		this.readers = new LogSubscriptions<>(NumberedLogs.KIND, conflicting, 1_000,
				instance.bean(ApplicationDatabase.class),
				(Executor) instance.context().getBean("durableNotifyTaskExecutor"), instance.bean(Wakeups.class),
				instance.bean(Poll.class), new LogMeasures(List.of()));
		append("conflicting", 3);
		Recorder recorder = new Recorder().follow("conflicting", 1).awaitNumbers(1, 3);
		append("conflicting", 3);
		recorder.awaitNumbers(1, 6);
		this.readers.onResync();
		verify(conflicting, timeout(Eventually.TIMEOUT.toMillis()).times(2)).moved(any(), any(), any());
		verify(conflicting, times(4)).fetch(any(), any(), any());
		assertThat(output).doesNotContain("Failed to read");
	}

	@Test
	void whatIsAppendedBetweenTheFirstFetchAndItsRegistrationIsNotLost() {
		long id = append("between", 2);
		this.logs.behindNextFetch(() -> {
			this.logs.append("between", 1);
			// No reader is registered for it yet
			instance.bean(Wakeups.class).send(NumberedLogs.KIND.topic(), Wakeup.moved(id, this.logs.nextIndex(id)));
		});
		new Recorder().follow("between", 1).awaitNumbers(1, 3);
	}

	@Test
	void aLogThatIsDeletedAndCreatedAfterTheFirstFetchIsAnother() {
		long id = append("recreated", 2);
		this.logs.behindNextFetch(() -> {
			this.logs.delete("recreated");
			instance.bean(Wakeups.class).send(NumberedLogs.KIND.topic(), Wakeup.deleted(id));
			append("recreated", 7);
		});
		new Recorder().follow("recreated", 1).awaitNumbers(1, 2).awaitEnd("deleted");
	}

	@Test
	void manyReadersThatAreOpenedAtOnceAreLookedUpTogether() {
		List<Recorder> recorders = new ArrayList<>();
		for (int i = 0; i < 500; i++) {
			append("crowd/" + i, 1);
		}
		// The first holds the fetching thread until all are there
		CountDownLatch opened = new CountDownLatch(1);
		append("first", 1);
		this.logs.behindNextFetch(() -> await(opened));
		new Recorder().follow("first", 1);
		for (int i = 0; i < 500; i++) {
			recorders.add(new Recorder().follow("crowd/" + i, 1));
		}
		opened.countDown();
		recorders.forEach((recorder) -> recorder.awaitNumbers(1, 1));
		assertThat(this.logs.statements()).isLessThan(20);
	}

	@Test
	void aLogThatWaitsForNothingNewIsReadByOneStatement() {
		append("quiet", 3);
		for (int i = 1; i <= 20; i++) {
			new Recorder().follow("quiet", 1).awaitNumbers(1, 3);
			awaitIdle();
			assertThat(this.logs.statements()).isEqualTo(i);
		}
	}

	@Test
	void aLogThatWasThereAndAPositionInItCostNoStatementMore() {
		append("quiet", 3);
		for (int i = 1; i <= 20; i++) {
			new Recorder().follow("quiet", 1 + i % 3, this.logs.identity("quiet")).awaitNumbers(1 + i % 3, 3);
			awaitIdle();
			assertThat(this.logs.statements()).isEqualTo(i);
		}
	}

	@Test
	void aPositionInALogIsValidatedByTheEntryBeforeIt() {
		long id = append("rewritten", 5);
		this.logs.leadTo("second");
		Recorder recorder = new Recorder().follow("rewritten", 6, this.logs.identity("rewritten"));
		Eventually.await(() -> this.logs.statements() == 1, this.logs::statements);
		awaitIdle();
		this.logs.rewrite(id, 4, 7);
		this.logs.leadTo("third");
		this.readers.onResync();
		recorder.awaitEnd("truncated: expected 6, but the number before it is another one");
	}

	@Test
	void oneLogThatIsGoneIsNotWaitedFor() {
		Recorder waiting = new Recorder().follow("gone", 1);
		awaitIdle();
		new Recorder().follow("gone", 1, "1-0").awaitEnd("deleted");
		// Found out by the statement for several names
		heldUp(() -> List.of(new Recorder().follow("gone", 1, "1-0"), new Recorder().follow("gone too", 3, "2-0")))
			.forEach((recorder) -> recorder.awaitEnd("deleted"));
		append("gone", 2);
		waiting.awaitNumbers(1, 2);
	}

	@Test
	void aReaderThatIsOpenedWhileItsLogIsSearchedForByAnOlderSnapshotGoesOn() {
		for (String name : List.of("alone", "one of two")) {
			List<Recorder> late = new CopyOnWriteArrayList<>();
			this.logs.behindNextMiss(() -> {
				this.logs.append(name, 2);
				late.add(new Recorder().follow(name, 1, this.logs.identity(name)));
			});
			if (name.equals("alone")) {
				new Recorder().follow(name, 1);
			}
			else {
				heldUp(() -> List.of(new Recorder().follow(name, 1), new Recorder().follow("first", 1)));
			}
			Eventually.await(() -> !late.isEmpty(), late::toString);
			late.get(0).awaitNumbers(1, 2);
			assertThat(late.get(0).errors).isEmpty();
		}
	}

	/**
	 * Open readers whose names the fetching thread finds at once.
	 */
	private List<Recorder> heldUp(Supplier<List<Recorder>> open) {
		CountDownLatch opened = new CountDownLatch(1);
		append("first", 1);
		CountDownLatch held = new CountDownLatch(1);
		this.logs.behindNextFetch(() -> {
			held.countDown();
			await(opened);
		});
		new Recorder().follow("first", 1);
		await(held);
		List<Recorder> recorders = open.get();
		opened.countDown();
		return recorders;
	}

	@Test
	void aLogThatIsUnknownIsWaitedFor() {
		Recorder recorder = new Recorder().follow("unknown", 1);
		append("unknown", 2);
		recorder.awaitNumbers(1, 2);
	}

	@Test
	void aLogThatLostEntriesIsTruncated() {
		long id = append("truncated", 5);
		Recorder recorder = new Recorder().follow("truncated", 1).awaitNumbers(1, 5);
		this.logs.truncate(id, 2);
		this.readers.onResync();
		recorder.awaitEnd("truncated: expected 6, but the log ends at 3");
	}

	@Test
	void aStoreThatFindsNothingOfALongerLogEndsItsReaders() {
		append("nothing", 40);
		Recorder others = new Recorder().follow("nothing", 1).awaitNumbers(1, 40);
		this.logs.answer((found) -> (found != null && found.head() != null && found.head().nextIndex() > 41)
				? new Found<>(found.head(), List.of()) : found);
		append("nothing", 2);
		others.awaitEnd("truncated: expected 41, but nothing was found before 43");
		assertReadersEnd("truncated: expected 1, but nothing was found before 43");
	}

	@Test
	void aStoreThatFindsOtherEntriesThanItWasAskedForEndsItsReaders() {
		append("nothing", 40);
		this.logs.answer((found) -> (found != null) ? new Found<>(found.head(), List.of(Entry.of(7))) : null);
		assertReadersEnd("truncated: expected 1, but 7 was found");
	}

	@Test
	void aStoreThatLeavesOutItsFirstTargetEndsItsReaders() {
		append("nothing", 40);
		Recorder waiting = new Recorder().follow("nothing", 1).awaitNumbers(1, 40);
		awaitIdle();
		this.logs.answer((found) -> null);
		append("nothing", 1);
		waiting.awaitEnd("A fetch has left out log 'nothing', its first target");
		new Recorder().follow("nothing", 1).awaitEnd("truncated: expected 1, but nothing was found before 42");
	}

	@Test
	void serversThatAnswerByTurnsWithoutBringingAnythingEndTheReader() {
		append("turns", 10);
		Recorder recorder = new Recorder().follow("turns", 1).awaitNumbers(1, 10);
		awaitIdle();
		AtomicInteger turns = new AtomicInteger();
		// Only the entry that is compared fits
		this.logs.answer((found) -> {
			this.logs.leadTo((turns.incrementAndGet() % 2 == 0) ? "first" : "second");
			return new Found<>(found.head(), found.entries().subList(0, 1));
		});
		this.logs.leadTo("second");
		append("turns", 1);
		recorder.awaitEnd("truncated: expected 11, but it was not found in 9 attempts");
		recorder.awaitNumbers(1, 10);
	}

	/**
	 * And do not ask again and again.
	 */
	private void assertReadersEnd(String error) {
		List<Recorder> recorders = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			recorders.add(new Recorder().follow("nothing", 1));
		}
		recorders.forEach((recorder) -> recorder.awaitEnd(error));
		int statements = this.logs.statements();
		assertThat(this.readers.registry().all()).isEmpty();
		append("other", 1);
		this.logs.answer(UnaryOperator.identity());
		new Recorder().follow("other", 1).awaitNumbers(1, 1);
		assertThat(this.logs.statements() - statements).isBetween(1, 2);
	}

	@Test
	void aFetchThatFailsInTheThreadOfAnAppendIsRepeated() {
		long id = append("failing", 1);
		Recorder recorder = new Recorder().follow("failing", 1).awaitNumbers(1, 1);
		awaitIdle();
		this.logs.append("failing", 1);
		assertThatNullPointerException().isThrownBy(() -> this.readers.handOver(id, null, "first"));
		recorder.awaitNumbers(1, 2);
	}

	@Test
	void anErrorInTheDeliveryIsFollowedByAllEntriesAndTheEnd() {
		// Each signal comes before the first delivery
		Queue<Runnable> deliveries = new ConcurrentLinkedQueue<>();
		this.readers.close();
		this.readers = open(deliveries::add);
		append("ended", 3);
		this.logs.answer((found) -> new Found<>(ended(found.head()), found.entries()));
		TailedLog<Entry> log = log("ended", 16);
		willThrow(new OutOfMemoryError("once")).willAnswer((call) -> call.getArgument(0)).given(log).asSeen(any());
		CountDownLatch ended = new CountDownLatch(1);
		Recorder recorder = new Recorder() {

			@Override
			public void onComplete() {
				ended.countDown();
			}

		};
		LogSubscription<Entry> reader = this.readers.open(log, Start.at(1), recorder);
		Eventually.await(() -> !reader.isReading(), reader::toString);
		awaitIdle();
		Eventually.await(() -> {
			for (Runnable next = deliveries.poll(); next != null; next = deliveries.poll()) {
				next.run();
			}
			return ended.getCount() == 0;
		}, recorder::toString);
		recorder.awaitNumbers(1, 3);
	}

	private static Head ended(Head head) {
		return new Head(head.id(), head.name(), head.createdAt(), head.nextIndex(), new LogStore.End(null, false),
				head.server());
	}

	/**
	 * In the delivery, and in the thread that fetches.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "taken", "takeTargets" })
	void anErrorWhereRoomIsAskedForIsFollowedByAllEntries(String asking) {
		TailedLog<Entry> log = log("room", 128);
		CountDownLatch thrown = new CountDownLatch(1);
		willAnswer((call) -> {
			if (thrown.getCount() > 0 && StackWalker.getInstance()
				.walk((frames) -> frames.anyMatch((frame) -> frame.getMethodName().equals(asking)))) {
				thrown.countDown();
				throw new OutOfMemoryError("once");
			}
			return 128;
		}).given(log).bufferSize();
		append("room", 100);
		Recorder recorder = new Recorder() {

			@Override
			public void onEntry(Entry entry) {
				if (asking.equals("takeTargets") && entry.index() == 33) {
					append("room", 100);
					await(thrown);
				}
				super.onEntry(entry);
			}

		};
		this.readers.open(log, Start.at(1), recorder);
		if (asking.equals("taken")) {
			await(thrown);
			append("room", 100);
		}
		recorder.awaitNumbers(1, 200);
	}

	@SuppressWarnings("unchecked")
	private static TailedLog<Entry> log(String name, int bufferSize) {
		TailedLog<Entry> log = mock(TailedLog.class, AdditionalAnswers.delegatesTo(new Numbered(name)));
		willReturn(bufferSize).given(log).bufferSize();
		return log;
	}

	@Test
	void aTailThatWasRewrittenOnAnotherServerIsAnErrorOfAnyLength() {
		for (int length : List.of(10, 15)) {
			String name = "rewritten/" + length;
			long id = append(name, 10);
			Recorder recorder = new Recorder().follow(name, 1).awaitNumbers(1, 10);
			awaitIdle();
			this.logs.rewrite(id, 6, length);
			this.logs.leadTo(name);
			this.readers.onResync();
			recorder.awaitEnd("truncated: expected 11, but the number before it is another one");
			recorder.awaitNumbers(1, 10);
		}
	}

	@Test
	void aTailThatWasRewrittenIsAnErrorForAWakeupToo() {
		long id = append("woken", 10);
		Recorder recorder = new Recorder().follow("woken", 1).awaitNumbers(1, 10);
		awaitIdle();
		this.logs.rewrite(id, 6, 12);
		this.logs.leadTo("second");
		append("woken", 1);
		recorder.awaitEnd("truncated: expected 11, but the number before it is another one");
		recorder.awaitNumbers(1, 10);
	}

	@Test
	void aReaderThatHasWhatAnotherServerHasGoesOn() {
		append("intact", 10);
		Recorder recorder = new Recorder().follow("intact", 1).awaitNumbers(1, 10);
		Recorder ahead = new Recorder().follow("intact", 14);
		awaitIdle();
		for (int server = 1; server <= 3; server++) {
			this.logs.leadTo("intact/" + server);
			append("intact", 5);
			recorder.awaitNumbers(1, 10 + 5 * server);
			ahead.awaitNumbers(14, 10 + 5 * server);
		}
		assertThat(recorder.errors).isEmpty();
		assertThat(ahead.errors).isEmpty();
	}

	@Test
	void aReaderThatHasReceivedNothingHasLostNothing() {
		long id = append("waiting", 10);
		Recorder recorder = new Recorder().follow("waiting", 11);
		awaitIdle();
		this.logs.rewrite(id, 6, 12);
		this.logs.leadTo("second");
		this.readers.onResync();
		recorder.awaitNumbers(11, 12);
		assertThat(recorder.errors).isEmpty();
	}

	@Test
	void anotherServerCostsAReaderTwoStatements() {
		append("cost", 10);
		Recorder recorder = new Recorder().follow("cost", 1).awaitNumbers(1, 10);
		awaitIdle();
		int before = this.logs.statements();
		for (int entry = 11; entry <= 13; entry++) {
			this.logs.leadTo("second");
			append("cost", 1);
			recorder.awaitNumbers(1, entry);
			awaitIdle();
		}
		assertThat(this.logs.statements() - before).isEqualTo(3 + 1);
	}

	@Test
	void whatIsMissedWhileAnEntryIsHandedOverIsFoundByAResync() {
		append("other", 1);
		new Recorder().follow("other", 1).awaitNumbers(1, 1);
		long id = append("handed-over", 1);
		HeldUp reader = this.readers.openFor(new Numbered("handed-over"), Start.at(1), HeldUp::new);
		Eventually.await(() -> reader.buffered() == 1, reader::toString);
		awaitIdle();
		this.logs.append("handed-over", 1);
		CompletableFuture<Void> append = Background.run(() -> this.readers.handOver(id, Entry.of(2), "first"));
		await(reader.handed);
		this.logs.append("handed-over", 1);
		int statements = this.logs.statements();
		this.readers.onResync();
		Eventually.await(() -> this.logs.statements() > statements, this.logs::statements);
		reader.checked.countDown();
		Eventually.await(() -> append.isDone() && reader.buffered() == 3, reader::toString);
	}

	/**
	 * Does not return when it is signalled for its second entry.
	 */
	private record HeldUp(LogSubscription<Entry> reader, CountDownLatch handed,
			CountDownLatch checked) implements EntryConsumer {

		HeldUp(LogSubscription<Entry> reader) {
			this(reader, new CountDownLatch(1), new CountDownLatch(1));
		}

		int buffered() {
			return this.reader.buffered();
		}

		@Override
		public void signal() {
			if (buffered() == 2) {
				this.handed.countDown();
				await(this.checked);
			}
		}

	}

	@Test
	void whatAnotherServerHasStoredIsNotHandedOver() {
		long id = append("handed-over", 10);
		Recorder recorder = new Recorder().follow("handed-over", 1).awaitNumbers(1, 10);
		awaitIdle();
		this.logs.append("handed-over", 1);
		this.readers.handOver(id, Entry.of(11), "first");
		recorder.awaitNumbers(1, 11);
		this.logs.rewrite(id, 6, 12);
		this.logs.leadTo("second");
		this.readers.handOver(id, Entry.of(12), "second");
		recorder.awaitEnd("truncated: expected 12, but the number before it is another one");
		recorder.awaitNumbers(1, 11);
	}

	private void awaitIdle() {
		Eventually.await(
				() -> this.readers.registry().all().stream().allMatch((reader) -> reader.fetchState().isIdle()),
				() -> this.readers.registry().all().toString());
	}

	@Test
	void aDeletedLogEndsItsReaders() {
		append("deleted", 1);
		Recorder recorder = new Recorder().follow("deleted", 1).awaitNumbers(1, 1);
		this.logs.delete("deleted");
		this.readers.onResync();
		recorder.awaitEnd("deleted");
		assertThat(this.readers.registry().all()).isEmpty();
	}

	@Test
	void aReaderWhoseExecutorHadNoRoomGoesOnWhenThereIsSome() {
		AtomicInteger refusals = new AtomicInteger();
		AtomicBoolean room = new AtomicBoolean();
		Executor executor = (Executor) instance.context().getBean("durableNotifyTaskExecutor");
		this.readers.close();
		this.readers = open((task) -> {
			if (!room.get()) {
				refusals.incrementAndGet();
				throw new RejectedExecutionException();
			}
			executor.execute(task);
		});
		append("refused", 100);
		Recorder recorder = new Recorder().follow("refused", 1);
		LogSubscription<Entry> reader = this.readers.registry().all().iterator().next();
		Eventually.await(() -> reader.fetchState().toString().equals("FULL") && refusals.get() >= 5, reader::toString);
		append("refused", 100);
		assertThat(recorder.numbers).isEmpty();
		room.set(true);
		recorder.awaitNumbers(1, 200);
	}

	@Test
	void noThreadWaitsForARefusedDeliveryAfterItsEndOrTheClose() {
		this.readers.close();
		this.readers = open((task) -> {
			throw new RejectedExecutionException();
		});
		append("given-up", 1);
		new Recorder().follow("given-up", 1);
		LogSubscription<Entry> cancelled = this.readers.registry().all().iterator().next();
		assertThat(cancelled.awaitsDelivery()).isTrue();
		cancelled.cancel();
		assertThat(cancelled.awaitsDelivery()).isFalse();
		new Recorder().follow("given-up", 1);
		LogSubscription<Entry> closed = this.readers.registry().all().iterator().next();
		this.readers.stop();
		// Its end may still be delivered: lifecycles restart
		assertThat(closed.awaitsDelivery()).isTrue();
		this.readers.close();
		assertThat(closed.awaitsDelivery()).isFalse();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void nothingIsSaidOfAFetchThatTheCloseInterrupts(CapturedOutput output) {
		append("interrupted", 1);
		CountDownLatch fetching = new CountDownLatch(1);
		AtomicBoolean interrupted = new AtomicBoolean();
		this.logs.behindNextFetch(() -> {
			fetching.countDown();
			try {
				Thread.sleep(Eventually.TIMEOUT.toMillis());
			}
			catch (InterruptedException ex) {
				interrupted.set(true);
				throw new CannotGetJdbcConnectionException("Interrupted");
			}
		});
		new Recorder().follow("interrupted", 1);
		await(fetching);
		this.readers.close();
		Eventually.await(
				() -> interrupted.get() && Thread.getAllStackTraces()
					.keySet()
					.stream()
					.noneMatch((thread) -> thread.getName().equals("durable-notify-fetch-numbers")),
				interrupted::toString);
		assertThat(output).doesNotContain("Failed to read");
	}

	@Test
	void thePollIsJoinedByTheFirstReaderAndLeftWithTheLast() {
		Set<Subscription> polls = ConcurrentHashMap.newKeySet();
		this.readers.close();
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"),
				new RecordingPoll(polls));
		append("polled", 1);
		for (int round = 0; round < 3; round++) {
			assertThat(polls).isEmpty();
			new Recorder().follow("unknown", 1);
			new Recorder().follow("polled", 1).awaitNumbers(1, 1);
			assertThat(polls).hasSize(1);
			for (LogSubscription<Entry> reader : this.readers.registry().all()) {
				assertThat(polls).hasSize(1);
				reader.cancel();
			}
		}
		assertThat(polls).isEmpty();
		Recorder deleted = new Recorder().follow("polled", 1).awaitNumbers(1, 1);
		assertThat(polls).hasSize(1);
		this.logs.delete("polled");
		this.readers.onResync();
		deleted.awaitEnd("deleted");
		assertThat(polls).isEmpty();
	}

	@Test
	void aReaderThatCannotBePolledForIsNotLeftWithoutAHandle() {
		Poll poll = mock();
		given(poll.register(any(), any())).willThrow(new OutOfMemoryError("unable to create native thread"));
		this.readers.close();
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"), poll);
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> new Recorder().follow("unpolled", 1));
		assertThat(this.readers.registry().all()).isEmpty();
	}

	@Test
	void readersThatComeAndGoAtOnceArePolledAsLongAsThereIsOne() throws Exception {
		Set<Subscription> polls = ConcurrentHashMap.newKeySet();
		this.readers.close();
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"),
				new RecordingPoll(polls));
		append("coming", 1);
		List<CompletableFuture<Void>> threads = new ArrayList<>();
		for (int i = 0; i < 4; i++) {
			threads.add(Background.run(() -> {
				for (int round = 0; round < 500; round++) {
					LogSubscription<Entry> reader = this.readers
						.open(new Numbered((round % 2 == 0) ? "coming" : "unknown"), Start.at(1), new Recorder());
					// While it is bound to its log it is registered nowhere, for a moment
					Eventually.await(() -> polls.size() == 1, polls::toString);
					reader.cancel();
				}
			}));
		}
		for (CompletableFuture<Void> thread : threads) {
			thread.get(30, TimeUnit.SECONDS);
		}
		Eventually.await(polls::isEmpty, polls::toString);
	}

	@Test
	void whatWakeupsToldOfAfterAPollIsNotFoundByIt() {
		Poll poll = mock();
		given(poll.register(any(), any())).willReturn(mock());
		this.readers.close();
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"), poll);
		List<Recorder> waiting = List.of(new Recorder().follow("told", 1), new Recorder().follow("told too", 1));
		poll(poll, 1);
		poll(poll, 2);
		heldUp(() -> {
			append("told", 1);
			append("told too", 1);
			return waiting;
		}).forEach((recorder) -> recorder.awaitNumbers(1, 1));
		poll(poll, 3);
		assertThat(this.readers.measures().poll().found().sum()).isZero();
	}

	private void poll(Poll poll, int round) {
		ArgumentCaptor<Runnable> check = ArgumentCaptor.captor();
		verify(poll).register(check.capture(), any());
		check.getValue().run();
		Tally rounds = this.readers.measures().poll().rounds();
		Eventually.await(() -> rounds.sum() == round, rounds::toString);
	}

	@Test
	void aStopIsReported() {
		Recorder recorder = new Recorder().follow("stopped", 1);
		this.readers.stop();
		recorder.awaitEnd("stopped");
	}

	@Test
	void aStopDuringTheOpeningIsReportedOnce() {
		Recorder told = new Recorder();
		stopWhileOpening(Runnable::run);
		told.follow("stopping", 1);
		assertThat(told.errors).containsExactly("stopped");
		Recorder refused = new Recorder();
		List<Runnable> tasks = new ArrayList<>();
		stopWhileOpening(tasks::add);
		assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> refused.follow("stopping", 1))
			.withMessage("stopped");
		tasks.forEach(Runnable::run);
		assertThat(refused.errors).isEmpty();
	}

	/**
	 * Have the next reader found by a stop before it is given to its caller.
	 */
	private void stopWhileOpening(Executor executor) {
		Poll poll = mock();
		given(poll.register(any(), any())).willAnswer((registration) -> {
			this.readers.stop();
			return mock(Subscription.class);
		});
		this.readers.close();
		this.readers = open(executor, poll);
	}

	@Test
	void aReaderThatFailsToOpenLeavesNothingBehind() {
		Poll poll = mock();
		given(poll.register(any(), any())).willThrow(new StackOverflowError("once more"));
		this.readers.close();
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"), poll);
		append("unopened", 1);
		Recorder refused = new Recorder();
		assertThatExceptionOfType(StackOverflowError.class).isThrownBy(() -> refused.follow("unopened", 1));
		assertThat(this.readers.states()).isEmpty();
		Flow.Subscriber<Entry> subscriber = mock();
		this.readers.publisher(new Numbered("unopened"), Start.at(1)).subscribe(subscriber);
		verify(subscriber).onSubscribe(any());
		verify(subscriber).onError(any(StackOverflowError.class));
		assertThat(this.readers.states()).isEmpty();
	}

	/**
	 * A stop may find a reader that is bound to its log meanwhile, which stops it too.
	 */
	@Test
	void aReaderThatIsStoppedTwiceEndsBothWaits() {
		LogSubscription<Entry> reader = reader("twice");
		CompletableFuture<Void> first = reader.stop();
		CompletableFuture<Void> second = reader.stop();
		assertThat(reader.takeEnd()).isNotNull();
		reader.completionDelivered();
		assertThat(first).isDone();
		assertThat(second).isDone();
	}

	@Test
	void anEndThatIsTakenBeforeItIsRegisteredLeavesNothingBehind() {
		LogSubscription<Entry> reader = reader("ends");
		reader.end(Ending.COMPLETED, null);
		assertThat(this.readers.registry().all()).containsExactly(reader);
		assertThat(reader.takeEnd()).isNotNull();
		// As in a thread that was held up between the end and its registration
		this.readers.registry().ending(reader);
		assertThat(this.readers.registry().all()).isEmpty();
	}

	private LogSubscription<Entry> reader(String name) {
		Numbered log = new Numbered(name);
		return new LogSubscription<>(log, new LogCursor<>(log, NumberedLogs.KIND, 1, null), this.readers.registry(),
				(other) -> {
				}, 1_000);
	}

	/**
	 * The task that delivers goes on by itself.
	 */
	@Test
	void aSubscriberThatRequestsOneEntryAfterTheOtherTakesOneTaskForEach() {
		Executor executor = (Executor) instance.context().getBean("durableNotifyTaskExecutor");
		AtomicInteger tasks = new AtomicInteger();
		try (LogSubscriptions<Entry> readers = open((task) -> {
			tasks.incrementAndGet();
			executor.execute(task);
		})) {
			OneByOne subscriber = new OneByOne();
			readers.publisher(new Numbered("one-by-one"), Start.at(1)).subscribe(subscriber);
			for (int i = 1; i <= 40; i++) {
				append("one-by-one", 1);
				subscriber.awaitReceived(i);
			}
			assertThat(tasks).hasValueBetween(40, 50);
		}
	}

	/**
	 * Requests the next entry when it has received one.
	 */
	private static final class OneByOne implements Flow.Subscriber<Entry> {

		private final AtomicInteger received = new AtomicInteger();

		private volatile Flow.Subscription subscription;

		@Override
		public void onSubscribe(Flow.Subscription subscription) {
			this.subscription = subscription;
			subscription.request(1);
		}

		@Override
		public void onNext(Entry entry) {
			this.received.incrementAndGet();
			this.subscription.request(1);
		}

		@Override
		public void onError(Throwable failure) {
		}

		@Override
		public void onComplete() {
		}

		void awaitReceived(int count) {
			Eventually.await(() -> this.received.get() == count, this.received::get);
		}

	}

	@Test
	void aReaderThatHasAllIsLiveAndOneWhoseHandlerIsSlowIsBehindAndThenFull() {
		assertThat(this.readers.states()).isEmpty();
		CountDownLatch going = new CountDownLatch(1);
		Recorder slow = new Recorder() {

			@Override
			public void onEntry(Entry entry) {
				await(going);
				super.onEntry(entry);
			}

		};
		slow.follow("lagging", 1);
		awaitState("lagging", Status.WAITING, 1, 1);
		append("lagging", 7);
		awaitState("lagging", Status.BEHIND, 1, 8);
		assertThat(state("lagging")).satisfies((state) -> {
			assertThat(state.lag()).isEqualTo(7);
			assertThat(state.bufferedEntries()).isEqualTo(7);
			assertThat(state.bufferedBytes()).isEqualTo(7 * Long.BYTES);
			assertThat(state.family()).isNull();
			assertThat(state.sinceDelivery()).isNull();
			assertThat(state.handler()).isEqualTo(slow.getClass().getName());
		});
		append("lagging", 1_000);
		awaitState("lagging", Status.FULL, 1, 1_008);
		append("lagging", 8);
		awaitState("lagging", Status.FULL, 1, 1_016);
		going.countDown();
		awaitState("lagging", Status.LIVE, 1_016, 1_016);
		ReaderState done = state("lagging");
		assertThat(done.sinceDelivery()).isLessThan(done.openFor());
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void readersThatAreFullForAMinuteAreNamedEveryTenMinutes(CapturedOutput output) {
		CountDownLatch going = new CountDownLatch(1);
		append("stuck", 1_000);
		for (int i = 0; i < 7; i++) {
			new Recorder() {

				@Override
				public void onEntry(Entry entry) {
					await(going);
				}

			}.follow("stuck", 1);
		}
		Eventually.await(
				() -> this.readers.states().stream().filter((state) -> state.status() == Status.FULL).count() == 7,
				this.readers::states);
		AtomicLong now = new AtomicLong(System.nanoTime());
		FullReaders watch = new FullReaders(NumberedLogs.KIND.logger(), now::get);
		watch.check(this.readers.registry().all());
		assertThat(output).doesNotContain("has been full");
		now.addAndGet(SlowHandler.LONG.toNanos());
		for (int i = 0; i < 3; i++) {
			watch.check(this.readers.registry().all());
		}
		assertThat(output.getOut().split("WARN", -1)).hasSize(1 + 5 + 1);
		assertThat(output).contains(
				"Reader of log 'stuck' has been full for 60s: its handler "
						+ "(io.durablenotify.log.LogSubscriptionsTests$",
				") is slow or hangs. Nothing is lost; it fetches again", "2 other readers have been full for 60s too");
		now.addAndGet(SlowHandler.REPEAT.toNanos());
		watch.check(this.readers.registry().all());
		assertThat(output.getOut().split("WARN", -1)).hasSize(1 + 2 * (5 + 1));
		going.countDown();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void thePollNamesReadersThatAreFull(CapturedOutput output) {
		AtomicReference<Runnable> check = new AtomicReference<>();
		Poll poll = mock();
		given(poll.register(any(), any())).willAnswer((call) -> {
			check.set(call.getArgument(0));
			return mock(Subscription.class);
		});
		this.readers.close();
		this.readers = open((Executor) instance.context().getBean("durableNotifyTaskExecutor"), poll);
		CountDownLatch going = new CountDownLatch(1);
		append("full", 1_001);
		new Recorder() {

			@Override
			public void onEntry(Entry entry) {
				await(going);
			}

		}.follow("full", 1);
		Eventually.await(() -> state("full").status() == Status.FULL, this.readers::states);
		Eventually.await(() -> {
			// As if it had been so for a minute
			this.readers.registry()
				.all()
				.forEach((reader) -> ReflectionTestUtils.setField(reader, "fullSince",
						System.nanoTime() - SlowHandler.LONG.toNanos()));
			check.get().run();
			return output.getOut().contains("Reader of log 'full' has been full for 60s: its handler (");
		}, output::toString);
		going.countDown();
	}

	@Test
	void whatAServerHasLostIsNotWaitedFor() {
		long id = append("overtaken", 5);
		new Recorder().follow("overtaken", 1).awaitNumbers(1, 5);
		int statements = this.logs.statements();
		// A wake-up of what a failover has lost
		instance.bean(Wakeups.class).send(NumberedLogs.KIND.topic(), Wakeup.moved(id, 9));
		Eventually.await(() -> this.logs.statements() > statements, () -> state("overtaken").toString());
		awaitState("overtaken", Status.LIVE, 6, 6);
	}

	private void awaitState(String name, Status status, long next, long knownEnd) {
		Eventually.await(() -> {
			ReaderState state = state(name);
			return state.status() == status && state.next() == next && state.knownEnd() == knownEnd;
		}, () -> state(name).toString());
	}

	private ReaderState state(String name) {
		return this.readers.states().stream().filter((state) -> state.name().equals(name)).findFirst().orElseThrow();
	}

	private long append(String name, int count) {
		long id = this.logs.append(name, count);
		instance.bean(Wakeups.class)
			.send(NumberedLogs.KIND.topic(), Wakeup.moved(id, this.logs.nextIndex(id)).created(name));
		return id;
	}

	/**
	 * Keeps what it is given.
	 */
	private class Recorder implements EntryHandler<Entry> {

		private final List<Long> numbers = new CopyOnWriteArrayList<>();

		private final List<String> errors = new CopyOnWriteArrayList<>();

		Recorder follow(String name, long first) {
			return follow(name, first, null);
		}

		Recorder follow(String name, long first, @Nullable String identity) {
			LogSubscriptionsTests.this.readers.open(new Numbered(name), Start.at(first).in(identity), this);
			return this;
		}

		@Override
		public void onEntry(Entry entry) {
			this.numbers.add(entry.index());
		}

		@Override
		public void onError(Throwable error) {
			this.errors.add(String.valueOf(error.getMessage()));
		}

		Recorder awaitNumbers(long first, long last) {
			List<Long> expected = LongStream.rangeClosed(first, last).boxed().toList();
			Eventually.await(() -> this.numbers.equals(expected), this::toString);
			return this;
		}

		void awaitEnd(String error) {
			Eventually.await(() -> this.errors.equals(List.of(error)), this::toString);
		}

		@Override
		public String toString() {
			return "%s, %s of %s".formatted(this.numbers, this.errors,
					LogSubscriptionsTests.this.readers.registry().all());
		}

	}

}
