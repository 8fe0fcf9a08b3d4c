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

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link AppendQueues}, without a database.
 */
class AppendQueuesTests {

	private static final Duration LONG = Duration.ofMinutes(1);

	private final AppendQueues queues = new AppendQueues(10_000);

	@Test
	void theMainLaneHasOneOwner() {
		assertThat(this.queues.tryEnter("a")).isTrue();
		assertThat(this.queues.tryEnter("b")).isFalse();
		offer("b");
		assertThat(this.queues.enter()).isEmpty();
		assertThat(this.queues.leave()).isTrue();
		assertThat(this.queues.enter()).hasSize(1);
	}

	@Test
	void nobodyEntersBesideWhatIsQueued() {
		PendingAppend queued = offer("a");
		assertThat(this.queues.tryEnter("b")).as("the lane has work").isFalse();
		List<PendingAppend> batch = this.queues.enter();
		assertThat(this.queues.leave()).isFalse();
		assertThat(this.queues.tryEnter("a")).as("its stream has unsettled work").isFalse();
		assertThat(batch).containsExactly(queued);
		this.queues.settled(batch);
		assertThat(this.queues.tryEnter("a")).isTrue();
		this.queues.leave();
		assertIsEmpty();
	}

	@Test
	void aBatchKeepsTheOrderOfEachStream() {
		List<PendingAppend> ofA = new ArrayList<>();
		List<PendingAppend> ofB = new ArrayList<>();
		for (int i = 0; i < 10; i++) {
			ofA.add(offer("a"));
			ofB.add(offer("b"));
		}
		List<PendingAppend> batch = this.queues.enter();
		assertThat(batch.stream().filter((append) -> append.stream().equals("a"))).containsExactlyElementsOf(ofA);
		assertThat(batch.stream().filter((append) -> append.stream().equals("b"))).containsExactlyElementsOf(ofB);
	}

	@Test
	void aBatchHasAtMostAThousandChunksAndNoStreamTakesTheTurnsOfOthers() {
		AppendQueues large = new AppendQueues(Long.MAX_VALUE);
		for (int i = 0; i < 3000; i++) {
			large.offer(append("greedy", 1, 0), false);
		}
		large.offer(append("modest", 1, 0), false);
		List<PendingAppend> batch = large.enter();
		assertThat(batch).hasSize(1000);
		assertThat(batch.subList(0, 65)).extracting(PendingAppend::stream).contains("modest");
	}

	@Test
	void aBatchHasAtMostFourMebibytesUnlessAnAppendIsLarger() {
		AppendQueues large = new AppendQueues(Long.MAX_VALUE);
		for (int i = 0; i < 3; i++) {
			large.offer(append("a", 1, 2_000_000), false);
		}
		large.offer(append("a", 5, 1_000_000), false);
		large.offer(append("a", 1, 0), false);
		assertThat(large.enter()).hasSize(2);
		large.leave();
		assertThat(large.enter()).hasSize(1);
		large.leave();
		assertThat(large.enter()).as("the larger one, alone").hasSize(1);
		large.leave();
		assertThat(large.enter()).hasSize(1);
	}

	@Test
	void anAppendWithAnExpectedIndexIsTheOnlyOneOfItsStreamInABatch() {
		PendingAppend before = offer("a");
		PendingAppend expecting = appendAt("a", 1);
		this.queues.offer(expecting, false);
		PendingAppend after = offer("a");
		PendingAppend other = offer("b");
		assertThat(this.queues.enter()).containsExactlyInAnyOrder(before, other);
		this.queues.leave();
		assertThat(this.queues.enter()).containsExactly(expecting);
		this.queues.leave();
		assertThat(this.queues.enter()).containsExactly(after);
	}

	@Test
	void aLockedStreamLeavesTheMainLaneWithAllItHasInOrder() {
		List<PendingAppend> ofA = new ArrayList<>(List.of(offer("a"), offer("a")));
		PendingAppend ofB = offer("b");
		List<PendingAppend> batch = this.queues.enter();
		ofA.add(offer("a"));
		assertThat(this.queues.putBack(List.copyOf(ofA.subList(0, 2)))).isTrue();
		this.queues.settled(List.of(ofB));
		ofA.add(offer("a"));
		assertThat(batch).hasSize(3);
		assertThat(this.queues.leave()).isFalse();
		assertThat(this.queues.tryEnter("a")).isFalse();
		assertThat(this.queues.takeContended(new ArrayList<>())).containsExactlyElementsOf(ofA);
		this.queues.settled(ofA);
		assertThat(this.queues.hasContended()).isFalse();
		offer("a");
		assertThat(this.queues.enter()).as("back in the main lane").hasSize(1);
	}

	@Test
	void anAppendThatWroteAloneAndFoundALockComesFirst() {
		assertThat(this.queues.tryEnter("a")).isTrue();
		PendingAppend behind = offer("a");
		PendingAppend alone = append("a", 1, 0);
		assertThat(this.queues.addLocked(alone)).isTrue();
		assertThat(this.queues.leave()).isFalse();
		assertThat(this.queues.takeContended(new ArrayList<>())).containsExactly(alone, behind);
		assertThat(this.queues.last("a")).isSameAs(behind);
	}

	@Test
	void onlyWhatIsExpiredInTheContendedLaneIsGivenUp() {
		PendingAppend expired = append("a", 1, 0, Duration.ZERO);
		PendingAppend young = append("a", 1, 0);
		this.queues.offer(expired, false);
		this.queues.offer(young, false);
		this.queues.putBack(this.queues.enter());
		this.queues.leave();
		List<PendingAppend> givenUp = new ArrayList<>();
		assertThat(this.queues.takeContended(givenUp)).containsExactly(young);
		assertThat(givenUp).containsExactly(expired);
	}

	@Test
	void whatExpiresIsNotGivenUpBeforeWhatItCameBehind() {
		PendingAppend young = append("a", 1, 0);
		// Had waited for room before it came here
		PendingAppend expired = append("a", 1, 0, Duration.ZERO);
		this.queues.offer(young, false);
		this.queues.offer(expired, false);
		this.queues.putBack(this.queues.enter());
		List<PendingAppend> givenUp = new ArrayList<>();
		assertThat(this.queues.takeContended(givenUp)).containsExactly(young, expired);
		assertThat(givenUp).isEmpty();
	}

	@Test
	void contendedStreamsTakeTurns() {
		AppendQueues large = new AppendQueues(Long.MAX_VALUE);
		for (int stream = 0; stream < 20; stream++) {
			large.offer(append("stream/" + stream, 100, 0), false);
		}
		List<PendingAppend> locked = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			locked.addAll(large.enter());
			large.leave();
		}
		large.putBack(locked);
		List<PendingAppend> first = large.takeContended(new ArrayList<>());
		large.putBack(first);
		List<PendingAppend> second = large.takeContended(new ArrayList<>());
		assertThat(first).hasSize(10).doesNotContainAnyElementsOf(second);
		assertThat(second).hasSize(10);
	}

	@Test
	void aFullBufferRefusesTheImpatientUntilSomethingIsSettled() {
		PendingAppend first = append("a", 1, 9_000);
		assertThat(this.queues.offer(first, false)).isTrue();
		assertThat(this.queues.offer(append("b", 1, 9_000), false)).isFalse();
		assertThat(this.queues.enter()).containsExactly(first);
		assertThat(this.queues.offer(append("b", 1, 9_000), false)).as("what is being written counts").isFalse();
		this.queues.settled(List.of(first));
		assertThat(this.queues.offer(append("b", 1, 9_000), false)).isTrue();
	}

	@Test
	void aFullBufferMakesThePatientWaitWhateverInterruptsThem() throws Exception {
		PendingAppend first = append("a", 1, 9_000);
		this.queues.offer(first, false);
		CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			this.queues.offer(append("b", 1, 9_000), true);
			interrupted.complete(Thread.interrupted());
		});
		caller.start();
		caller.interrupt();
		Eventually.await(() -> caller.getState() == Thread.State.WAITING, caller::getState);
		this.queues.settled(this.queues.enter());
		assertThat(interrupted.get(30, TimeUnit.SECONDS)).isTrue();
		this.queues.leave();
		assertThat(this.queues.enter()).hasSize(1);
	}

	@Test
	void whatIsLargerThanTheBufferGoesWhenItIsEmpty() {
		assertThat(this.queues.offer(append("a", 1, 20_000), false)).isTrue();
		assertThat(this.queues.offer(append("a", 1, 0), false)).isFalse();
		this.queues.settled(this.queues.enter());
		assertIsEmptyBut("writing true");
	}

	@Test
	void lockedStreamsFillHalfOfTheBufferAtMost() {
		PendingAppend locked = append("locked", 1, 1_000);
		this.queues.offer(locked, false);
		this.queues.putBack(this.queues.enter());
		this.queues.leave();
		assertThat(this.queues.offer(append("locked", 1, 3_500), false)).isTrue();
		assertThat(this.queues.offer(append("locked", 1, 500), false)).isFalse();
		assertThat(this.queues.offer(append("free", 1, 4_500), false)).isTrue();
		List<PendingAppend> all = this.queues.takeContended(new ArrayList<>());
		this.queues.settled(all);
		assertThat(this.queues.offer(append("locked", 1, 4_500), false)).isTrue();
	}

	@Test
	void closingReturnsWhatIsLeftAndTakesNothingMore() {
		PendingAppend inFlight = offer("a");
		this.queues.enter();
		PendingAppend left = offer("a");
		CompletableFuture<Boolean> patient = Background.supply(() -> this.queues.offer(append("b", 1, 10_000), true));
		assertThat(this.queues.close(0)).containsExactly(left);
		assertThat(patient.orTimeout(30, TimeUnit.SECONDS).join()).isFalse();
		assertThat(this.queues.offer(append("b", 1, 0), true)).isFalse();
		assertThat(this.queues.tryEnter("b")).isFalse();
		assertThat(this.queues.putBack(List.of(inFlight))).as("nobody would take it again").isFalse();
		assertThat(this.queues.addLocked(append("c", 1, 0))).isFalse();
	}

	@Test
	void closingWaitsForWhatIsBeingWritten() throws Exception {
		PendingAppend inFlight = offer("a");
		this.queues.enter();
		CompletableFuture<List<PendingAppend>> closing = Background
			.supply(() -> this.queues.close(TimeUnit.SECONDS.toNanos(30)));
		Eventually.await(() -> this.queues.toString().endsWith("closed true"), this.queues::toString);
		assertThat(closing).isNotDone();
		this.queues.settled(List.of(inFlight));
		this.queues.leave();
		assertThat(closing.get(10, TimeUnit.SECONDS)).isEmpty();
	}

	@Test
	void nothingIsLostDoubledOrReorderedByManyThreads() throws Exception {
		AppendQueues queues = new AppendQueues(20_000);
		Map<String, List<PendingAppend>> offered = new ConcurrentHashMap<>();
		Map<String, List<PendingAppend>> written = new ConcurrentHashMap<>();
		AtomicBoolean over = new AtomicBoolean();
		List<CompletableFuture<Void>> lanes = List.of(Background.run(() -> {
			while (!over.get() || !isEmpty(queues)) {
				List<PendingAppend> batch = queues.enter();
				if (!batch.isEmpty()) {
					settleSome(queues, batch, written);
					queues.leave();
				}
			}
		}), Background.run(() -> {
			while (!over.get() || !isEmpty(queues)) {
				settleSome(queues, queues.takeContended(new ArrayList<>()), written);
			}
		}));
		List<CompletableFuture<Void>> callers = new ArrayList<>();
		for (int caller = 0; caller < 6; caller++) {
			String stream = "stream/" + caller;
			List<PendingAppend> ofStream = offered.computeIfAbsent(stream, (name) -> new ArrayList<>());
			callers.add(Background.run(() -> {
				for (int i = 0; i < 500; i++) {
					PendingAppend append = append(stream, 1, i % 1_000);
					if (queues.tryEnter(stream)) {
						settleAlone(queues, append, written);
						queues.leave();
					}
					else {
						assertThat(queues.offer(append, true)).isTrue();
					}
					ofStream.add(append);
				}
			}));
		}
		CompletableFuture.allOf(callers.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
		over.set(true);
		CompletableFuture.allOf(lanes.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
		assertThat(written).isEqualTo(offered);
	}

	private static void settleAlone(AppendQueues queues, PendingAppend append,
			Map<String, List<PendingAppend>> written) {
		if (ThreadLocalRandom.current().nextInt(4) == 0) {
			queues.addLocked(append);
		}
		else {
			write(append, written);
		}
	}

	/**
	 * Finds a stream of four locked.
	 */
	private static void settleSome(AppendQueues queues, List<PendingAppend> batch,
			Map<String, List<PendingAppend>> written) {
		Map<String, Boolean> locked = new ConcurrentHashMap<>();
		batch.forEach((append) -> locked.computeIfAbsent(append.stream(),
				(stream) -> ThreadLocalRandom.current().nextInt(4) == 0));
		List<PendingAppend> settled = batch.stream().filter((append) -> !locked.get(append.stream())).toList();
		settled.forEach((append) -> write(append, written));
		queues.putBack(batch.stream().filter((append) -> locked.get(append.stream())).toList());
		queues.settled(settled);
	}

	private static void write(PendingAppend append, Map<String, List<PendingAppend>> written) {
		written.computeIfAbsent(append.stream(), (stream) -> Collections.synchronizedList(new ArrayList<>()))
			.add(append);
	}

	private static boolean isEmpty(AppendQueues queues) {
		return queues.toString().startsWith("streams 0");
	}

	private PendingAppend offer(String stream) {
		PendingAppend append = append(stream, 1, 0);
		assertThat(this.queues.offer(append, false)).isTrue();
		return append;
	}

	private void assertIsEmpty() {
		assertIsEmptyBut("writing false");
	}

	private void assertIsEmptyBut(String writing) {
		assertThat(this.queues)
			.hasToString("streams 0, ready 0, contended [], bytes 0 (contended 0), " + writing + ", closed false");
	}

	private static PendingAppend appendAt(String stream, long index) {
		return new PendingAppend(new Addition(stream, index, List.of(new byte[0])), LONG, null);
	}

	private static PendingAppend append(String stream, int chunks, int bytes) {
		return append(stream, chunks, bytes, LONG);
	}

	private static PendingAppend append(String stream, int chunks, int bytes, Duration timeout) {
		return new PendingAppend(new Addition(stream, Addition.ANY_INDEX, Collections.nCopies(chunks, new byte[bytes])),
				timeout, null);
	}

}
