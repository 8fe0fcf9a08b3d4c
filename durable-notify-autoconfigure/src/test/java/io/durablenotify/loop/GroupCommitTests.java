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

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What is written together, and in which order.
 */
class GroupCommitTests {

	private final List<List<Integer>> batches = Collections.synchronizedList(new ArrayList<>());

	private final CountDownLatch writing = new CountDownLatch(1);

	private final CountDownLatch goOn = new CountDownLatch(1);

	private final AtomicInteger failures = new AtomicInteger();

	private final GroupCommit<Integer> commits = new GroupCommit<>("test-commit", 3, 7, failureLog(), this::write);

	private static FailureLog failureLog() {
		return new FailureLog(LogFactory.getLog(GroupCommitTests.class), "Failed", "Works again",
				Duration.ofMillis(10));
	}

	private void write(List<Integer> batch) throws Exception {
		if (batch.contains(0)) {
			this.writing.countDown();
			this.goOn.await(30, TimeUnit.SECONDS);
		}
		if (this.failures.getAndDecrement() > 0) {
			throw new IllegalStateException("failed");
		}
		this.batches.add(List.copyOf(batch));
	}

	private List<Integer> written() {
		return List.copyOf(this.batches).stream().flatMap(List::stream).toList();
	}

	@AfterEach
	void close() {
		this.goOn.countDown();
		this.commits.close();
	}

	@Test
	void anEntryForWhichNothingWaitsIsWrittenByTheCaller() throws Exception {
		assertThat(this.commits.tryWrite(1)).isTrue();
		assertThat(this.batches).containsExactly(List.of(1));
	}

	@Test
	void whileOneIsWrittenTheNextAccumulate() throws Exception {
		assertThat(this.commits.offer(0)).isTrue();
		assertThat(this.writing.await(30, TimeUnit.SECONDS)).isTrue();
		assertThat(this.commits.tryWrite(99)).isFalse();
		IntStream.rangeClosed(1, 7).forEach((i) -> assertThat(this.commits.offer(i)).isTrue());
		assertThat(this.commits.offer(8)).isFalse();
		this.goOn.countDown();
		Eventually.await(() -> written().size() == 8, () -> this.batches);
		assertThat(this.batches).containsExactly(List.of(0), List.of(1, 2, 3), List.of(4, 5, 6), List.of(7));
	}

	@Test
	void anEntryForWhichTheSystemHasNoThreadIsNotTaken() {
		try (GroupCommit<Integer> commits = withoutThreads(1)) {
			assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> commits.offer(1));
			assertThat(commits.size()).isZero();
			assertThat(commits.offer(2)).isTrue();
			Eventually.await(() -> written().size() == 1, () -> this.batches);
			assertThat(written()).containsExactly(2);
		}
	}

	@Test
	void anEntryThatFollowsFromOneIsWrittenWithTheNextOneWhereTheSystemHasNoThread() {
		try (GroupCommit<Integer> commits = withoutThreads(1)) {
			assertThatCode(() -> commits.followUp(1)).doesNotThrowAnyException();
			commits.followUp(2);
			Eventually.await(() -> written().size() == 2, () -> this.batches);
			assertThat(written()).containsExactly(1, 2);
		}
	}

	@Test
	void aCallerWritesWhatCameMeanwhileWhereTheSystemHasNoThread() throws Exception {
		try (GroupCommit<Integer> commits = withoutThreads(Integer.MAX_VALUE)) {
			CompletableFuture<Boolean> written = Background.supply(() -> tryWrite(commits, 0));
			assertThat(this.writing.await(30, TimeUnit.SECONDS)).isTrue();
			IntStream.rangeClosed(1, 4).forEach((i) -> assertThat(commits.offer(i)).isTrue());
			this.goOn.countDown();
			assertThat(Eventually.get(written)).isTrue();
			assertThat(this.batches).containsExactly(List.of(0), List.of(1, 2, 3), List.of(4));
		}
	}

	@Test
	void aCallerTriesOnlyOnceToWriteWhatCameMeanwhile() throws Exception {
		AtomicInteger attempts = new AtomicInteger();
		try (GroupCommit<Integer> commits = withoutThreads(Integer.MAX_VALUE, (batch) -> {
			if (attempts.getAndIncrement() > 0) {
				throw new IllegalStateException("failed");
			}
			write(batch);
		})) {
			CompletableFuture<Boolean> written = Background.supply(() -> tryWrite(commits, 0));
			assertThat(this.writing.await(30, TimeUnit.SECONDS)).isTrue();
			commits.offer(1);
			this.goOn.countDown();
			assertThat(Eventually.get(written)).isTrue();
			assertThat(attempts).hasValue(2);
			assertThat(commits.size()).isOne();
		}
	}

	@Test
	void theEndReturnsWhatTheSystemHasNoThreadFor() {
		GroupCommit<Integer> commits = withoutThreads(Integer.MAX_VALUE);
		assertThatCode(() -> commits.followUp(1)).doesNotThrowAnyException();
		assertThatCode(() -> assertThat(commits.finish(Duration.ofSeconds(30))).containsExactly(1))
			.doesNotThrowAnyException();
	}

	private GroupCommit<Integer> withoutThreads(int refusals) {
		return withoutThreads(refusals, this::write);
	}

	private static GroupCommit<Integer> withoutThreads(int refusals, GroupCommit.Writer<Integer> writer) {
		AtomicInteger threads = new AtomicInteger();
		return new GroupCommit<>(3, 7, Duration.ZERO, writer, (step) -> new BackgroundLoop((task) -> {
			if (threads.incrementAndGet() <= refusals) {
				throw new OutOfMemoryError("unable to create native thread");
			}
			return new DaemonThreadFactory("test-commit").newThread(task);
		}, failureLog(), step, (delay, task) -> {
			throw new OutOfMemoryError("unable to create native thread");
		}));
	}

	@Test
	void whatIsOfferedWhileACallerWritesIsWrittenAfterThat() throws Exception {
		writeOnACaller();
		assertThat(this.commits.offer(1)).isTrue();
		this.goOn.countDown();
		Eventually.await(() -> written().size() == 2, () -> this.batches);
		assertThat(this.batches).containsExactly(List.of(0), List.of(1));
	}

	private void writeOnACaller() throws InterruptedException {
		Background.run(() -> tryWrite(this.commits, 0));
		assertThat(this.writing.await(30, TimeUnit.SECONDS)).isTrue();
	}

	private static boolean tryWrite(GroupCommit<Integer> commits, int entry) {
		try {
			return commits.tryWrite(entry);
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void aBatchThatFailsIsWrittenAgainBeforeWhatCameLater() {
		this.failures.set(3);
		this.commits.offer(1);
		this.commits.offer(2);
		Eventually.await(() -> written().size() == 2, () -> this.batches);
		assertThat(written()).containsExactly(1, 2);
	}

	@Test
	void aCallerGetsTheFailureOfItsOwnEntry() {
		this.failures.set(1);
		assertThatIllegalStateException().isThrownBy(() -> this.commits.tryWrite(1));
		assertThat(this.batches).isEmpty();
		assertThat(this.commits.size()).isZero();
	}

	@Test
	void theEndWritesWhatFollowsFromWhatWaits() {
		Thread caller = Thread.currentThread();
		List<Integer> written = Collections.synchronizedList(new ArrayList<>());
		AtomicReference<GroupCommit<Integer>> self = new AtomicReference<>();
		self.set(new GroupCommit<>("test-follow-up", 1, 1,
				new FailureLog(LogFactory.getLog(GroupCommitTests.class), "Failed", "Works again"), (batch) -> {
					Eventually.await(() -> caller.getState() == Thread.State.TIMED_WAITING, caller::getState);
					int entry = batch.get(0);
					written.add(entry);
					if (entry < 3) {
						self.get().followUp(entry + 1);
					}
				}));
		self.get().offer(0);
		assertThat(self.get().finish(Duration.ofSeconds(30))).isEmpty();
		assertThat(written).containsExactly(0, 1, 2, 3);
	}

	@Test
	void theEndWritesWhatWaitsAndTakesNoMore() throws Exception {
		this.commits.offer(0);
		assertThat(this.writing.await(30, TimeUnit.SECONDS)).isTrue();
		IntStream.rangeClosed(1, 5).forEach(this.commits::offer);
		this.goOn.countDown();
		assertThat(this.commits.finish(Duration.ofSeconds(30))).isEmpty();
		assertThat(written()).containsExactly(0, 1, 2, 3, 4, 5);
		assertThat(this.commits.offer(6)).isFalse();
		assertThat(this.commits.tryWrite(6)).isFalse();
	}

	@Test
	void theEndWritesWhatWaitsForTheWriteOfACaller() throws Exception {
		Thread stopping = Thread.currentThread();
		writeOnACaller();
		this.commits.offer(1);
		Background.run(() -> {
			Eventually.await(() -> stopping.getState() == Thread.State.TIMED_WAITING, stopping::getState);
			this.goOn.countDown();
		});
		assertThat(this.commits.finish(Duration.ofSeconds(30))).isEmpty();
		assertThat(written()).containsExactly(0, 1);
	}

	@Test
	void theEndReturnsWhatCouldNotBeWritten() {
		this.failures.set(Integer.MAX_VALUE);
		this.commits.offer(1);
		assertThat(this.commits.finish(Duration.ofMillis(50))).containsExactly(1);
	}

	@Test
	void aBatchThatMayLingerIsWrittenWhenItsTimeIsOverOrItIsFull() {
		try (GroupCommit<Integer> lingering = lingering(Duration.ofMillis(100))) {
			long start = System.nanoTime();
			lingering.offer(1);
			lingering.offer(2);
			Eventually.await(() -> written().size() == 2, () -> this.batches);
			assertThat(this.batches).containsExactly(List.of(1, 2));
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(Duration.ofMillis(100));
		}
		try (GroupCommit<Integer> lingering = lingering(Duration.ofHours(1))) {
			IntStream.rangeClosed(3, 5).forEach(lingering::offer);
			Eventually.await(() -> written().size() == 5, () -> this.batches);
			assertThat(this.batches).containsExactly(List.of(1, 2), List.of(3, 4, 5));
		}
	}

	@Test
	void whatComesAfterABatchThatHasLingeredIsWrittenToo() {
		try (GroupCommit<Integer> lingering = lingering(Duration.ofMillis(1))) {
			for (int i = 1; i <= 200; i++) {
				lingering.offer(i);
				int last = i;
				// Some at once, which are one batch, and some alone
				if (i % 7 > 2) {
					Eventually.await(() -> written().size() == last, () -> this.batches);
				}
			}
			Eventually.await(() -> written().size() == 200, () -> this.batches);
		}
		assertThat(written()).containsExactlyElementsOf(IntStream.rangeClosed(1, 200).boxed().toList());
	}

	@Test
	void theEndDoesNotLinger() {
		GroupCommit<Integer> lingering = lingering(Duration.ofHours(1));
		lingering.offer(1);
		assertThat(lingering.finish(Duration.ofSeconds(30))).isEmpty();
		assertThat(written()).containsExactly(1);
	}

	private GroupCommit<Integer> lingering(Duration linger) {
		return new GroupCommit<>("test-commit", 3, 7, linger,
				new FailureLog(LogFactory.getLog(GroupCommitTests.class), "Failed", "Works again"), this::write);
	}

}
