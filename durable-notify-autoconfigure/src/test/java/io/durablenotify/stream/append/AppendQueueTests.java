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

package io.durablenotify.stream.append;

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
 * Tests for {@link AppendQueue}, without a database.
 */
class AppendQueueTests {

	private static final Duration LONG = Duration.ofMinutes(1);

	private final AppendQueue queue = new AppendQueue(10_000);

	@Test
	void oneThreadWritesTheMainQueue() {
		assertThat(this.queue.tryEnter("a")).isTrue();
		assertThat(this.queue.tryEnter("b")).isFalse();
		offer("b");
		assertThat(enter(this.queue)).isEmpty();
		assertThat(this.queue.leave()).isTrue();
		assertThat(enter(this.queue)).hasSize(1);
	}

	@Test
	void noCallerEntersBesideWhatIsQueued() {
		Append queued = offer("a");
		assertThat(this.queue.tryEnter("b")).as("the queue has appends").isFalse();
		List<Append> batch = enter(this.queue);
		assertThat(this.queue.leave()).isFalse();
		assertThat(this.queue.tryEnter("a")).as("its stream has uncompleted appends").isFalse();
		assertThat(batch).containsExactly(queued);
		this.queue.completed(batch);
		assertThat(this.queue.tryEnter("a")).isTrue();
		this.queue.leave();
		assertIsEmpty();
	}

	@Test
	void whatIsWithdrawnIsNotTheLastOne() {
		Append first = offer("a");
		Append second = offer("a");
		assertThat(this.queue.withdraw(second)).isTrue();
		assertThat(this.queue.last("a")).isSameAs(first);
	}

	@Test
	void aBatchKeepsTheOrderOfEachStream() {
		List<Append> ofA = new ArrayList<>();
		List<Append> ofB = new ArrayList<>();
		for (int i = 0; i < 10; i++) {
			ofA.add(offer("a"));
			ofB.add(offer("b"));
		}
		List<Append> batch = enter(this.queue);
		assertThat(batch.stream().filter((append) -> append.stream().equals("a"))).containsExactlyElementsOf(ofA);
		assertThat(batch.stream().filter((append) -> append.stream().equals("b"))).containsExactlyElementsOf(ofB);
	}

	@Test
	void aBatchHasAtMostAThousandChunksAndNoStreamTakesTheTurnsOfOthers() {
		AppendQueue large = new AppendQueue(Long.MAX_VALUE);
		for (int i = 0; i < 3000; i++) {
			large.offer(append("greedy", 1, 0), false);
		}
		large.offer(append("modest", 1, 0), false);
		List<Append> batch = enter(large);
		assertThat(batch).hasSize(1000).extracting(Append::stream).contains("modest");
	}

	@Test
	void aBatchHasAtMostFourMebibytesUnlessAnAppendIsLarger() {
		AppendQueue large = new AppendQueue(Long.MAX_VALUE);
		for (int i = 0; i < 3; i++) {
			large.offer(append("a", 1, 2_000_000), false);
		}
		large.offer(append("a", 5, 1_000_000), false);
		large.offer(append("a", 1, 0), false);
		assertThat(enter(large)).hasSize(2);
		large.leave();
		assertThat(enter(large)).hasSize(1);
		large.leave();
		assertThat(enter(large)).as("the larger one, alone").hasSize(1);
		large.leave();
		assertThat(enter(large)).hasSize(1);
	}

	@Test
	void anAppendWithAnExpectedIndexIsTheOnlyOneOfItsStreamInABatch() {
		Append before = offer("a");
		Append expecting = appendAt("a", 1);
		this.queue.offer(expecting, false);
		Append after = offer("a");
		Append other = offer("b");
		assertThat(enter(this.queue)).containsExactlyInAnyOrder(before, other);
		this.queue.leave();
		assertThat(enter(this.queue)).containsExactly(expecting);
		this.queue.leave();
		assertThat(enter(this.queue)).containsExactly(after);
	}

	@Test
	void aMutedStreamLeavesTheMainQueueWithAllItHasInOrder() {
		List<Append> ofA = new ArrayList<>(List.of(offer("a"), offer("a")));
		Append ofB = offer("b");
		List<Append> batch = enter(this.queue);
		ofA.add(offer("a"));
		assertThat(this.queue.mute(List.copyOf(ofA.subList(0, 2)))).isTrue();
		this.queue.completed(List.of(ofB));
		ofA.add(offer("a"));
		assertThat(batch).hasSize(3);
		assertThat(this.queue.leave()).isFalse();
		assertThat(this.queue.tryEnter("a")).isFalse();
		assertThat(takeMuted(this.queue, new ArrayList<>())).containsExactlyElementsOf(ofA);
		this.queue.completed(ofA);
		assertThat(this.queue.hasMuted()).isFalse();
		offer("a");
		assertThat(enter(this.queue)).as("back in the main queue").hasSize(1);
	}

	@Test
	void anAppendThatWroteAloneAndFoundALockComesFirst() {
		assertThat(this.queue.tryEnter("a")).isTrue();
		Append next = offer("a");
		Append alone = append("a", 1, 0);
		assertThat(this.queue.muteFor(alone)).isTrue();
		assertThat(this.queue.leave()).isFalse();
		assertThat(takeMuted(this.queue, new ArrayList<>())).containsExactly(alone, next);
		assertThat(this.queue.last("a")).isSameAs(next);
	}

	@Test
	void onlyExpiredAppendsOfMutedStreamsAreGivenUp() {
		Append expired = append("a", 1, 0, Duration.ZERO);
		Append young = append("a", 1, 0);
		this.queue.offer(expired, false);
		this.queue.offer(young, false);
		this.queue.mute(enter(this.queue));
		this.queue.leave();
		List<Append> givenUp = new ArrayList<>();
		assertThat(takeMuted(this.queue, givenUp)).containsExactly(young);
		assertThat(givenUp).containsExactly(expired);
	}

	@Test
	void whatExpiresIsNotGivenUpBeforeWhatItFollows() {
		Append young = append("a", 1, 0);
		Append expired = append("a", 1, 0, Duration.ZERO);
		this.queue.offer(young, false);
		this.queue.offer(expired, false);
		this.queue.mute(enter(this.queue));
		List<Append> givenUp = new ArrayList<>();
		assertThat(takeMuted(this.queue, givenUp)).containsExactly(young, expired);
		assertThat(givenUp).isEmpty();
	}

	@Test
	void theTimeOfAnAppendBeginsWhenItsStreamIsFoundLocked() {
		Append first = append("a", 1, 0, Duration.ZERO);
		this.queue.offer(first, false);
		assertThat(first.isExpired()).isFalse();
		List<Append> batch = enter(this.queue);
		Append second = append("a", 1, 0, Duration.ZERO);
		this.queue.offer(second, false);
		assertThat(second.isExpired()).isFalse();
		this.queue.mute(batch);
		Append third = append("a", 1, 0, Duration.ZERO);
		this.queue.offer(third, false);
		assertThat(List.of(first, second, third)).allMatch(Append::isExpired);
	}

	@Test
	void theTimeOfAnAppendBeginsOnce() {
		Append append = append("a", 1, 0, Duration.ofMillis(100));
		append.locked();
		Eventually.await(append::isExpired, append::stream);
		append.locked();
		assertThat(append.isExpired()).isTrue();
	}

	@Test
	void mutedStreamsTakeTurns() {
		AppendQueue large = new AppendQueue(Long.MAX_VALUE);
		for (int stream = 0; stream < 20; stream++) {
			large.offer(append("stream/" + stream, 100, 0), false);
		}
		List<Append> locked = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			locked.addAll(enter(large));
			large.leave();
		}
		large.mute(locked);
		List<Append> first = takeMuted(large, new ArrayList<>());
		large.mute(first);
		List<Append> second = takeMuted(large, new ArrayList<>());
		assertThat(first).hasSize(10).doesNotContainAnyElementsOf(second);
		assertThat(second).hasSize(10);
	}

	@Test
	void aFullBufferRefusesTheImpatientUntilSomethingIsSettled() {
		Append first = append("a", 1, 9_000);
		assertThat(this.queue.offer(first, false)).isTrue();
		assertThat(this.queue.offer(append("b", 1, 9_000), false)).isFalse();
		assertThat(enter(this.queue)).containsExactly(first);
		assertThat(this.queue.offer(append("b", 1, 9_000), false)).as("what is being written counts").isFalse();
		this.queue.completed(List.of(first));
		assertThat(this.queue.offer(append("b", 1, 9_000), false)).isTrue();
	}

	@Test
	void aFullBufferMakesCallersWaitDespiteInterrupts() throws Exception {
		Append first = append("a", 1, 9_000);
		this.queue.offer(first, false);
		CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			this.queue.offer(append("b", 1, 9_000), true);
			interrupted.complete(Thread.interrupted());
		});
		caller.start();
		caller.interrupt();
		Eventually.await(() -> caller.getState() == Thread.State.WAITING, caller::getState);
		this.queue.completed(enter(this.queue));
		assertThat(interrupted.get(30, TimeUnit.SECONDS)).isTrue();
		this.queue.leave();
		assertThat(enter(this.queue)).hasSize(1);
	}

	@Test
	void whatIsLargerThanTheBufferGoesWhenItIsEmpty() {
		assertThat(this.queue.offer(append("a", 1, 20_000), false)).isTrue();
		assertThat(this.queue.offer(append("a", 1, 0), false)).isFalse();
		this.queue.completed(enter(this.queue));
		assertIsEmptyBut("writing true");
	}

	@Test
	void mutedStreamsFillHalfOfTheBufferAtMost() {
		Append locked = append("locked", 1, 1_000);
		this.queue.offer(locked, false);
		this.queue.mute(enter(this.queue));
		this.queue.leave();
		assertThat(this.queue.offer(append("locked", 1, 3_500), false)).isTrue();
		assertThat(this.queue.offer(append("locked", 1, 500), false)).isFalse();
		assertThat(this.queue.offer(append("free", 1, 4_500), false)).isTrue();
		List<Append> all = takeMuted(this.queue, new ArrayList<>());
		this.queue.completed(all);
		assertThat(this.queue.offer(append("locked", 1, 4_500), false)).isTrue();
	}

	@Test
	void aCallerThatWaitsForRoomGoesBeforeThoseThatCome() {
		Append first = append("a", 1, 1_000);
		this.queue.offer(first, false);
		CompletableFuture<Boolean> large = offerAndWait(append("b", 1, 20_000));
		assertThat(this.queue.offer(append("c", 1, 100), false)).isFalse();
		assertThat(enter(this.queue)).containsExactly(first);
		this.queue.completed(List.of(first));
		assertThat(large.orTimeout(30, TimeUnit.SECONDS).join()).isTrue();
		assertThat(this.queue.offer(append("c", 1, 100), false)).isFalse();
		this.queue.leave();
		this.queue.completed(enter(this.queue));
		assertThat(this.queue.offer(append("c", 1, 100), false)).isTrue();
	}

	@Test
	void callersOfALockedStreamKeepTheirOrderAndHoldUpNoOthers() {
		Append locked = append("locked", 1, 1_000);
		this.queue.offer(locked, false);
		this.queue.mute(enter(this.queue));
		this.queue.leave();
		CompletableFuture<Boolean> large = offerAndWait(append("locked", 1, 6_000));
		assertThat(this.queue.offer(append("free", 1, 1_000), false)).isTrue();
		assertThat(this.queue.offer(append("locked", 1, 100), false)).isFalse();
		this.queue.completed(takeMuted(this.queue, new ArrayList<>()));
		assertThat(large.orTimeout(30, TimeUnit.SECONDS).join()).isTrue();
		assertThat(this.queue.offer(append("locked", 1, 100), false)).isTrue();
	}

	@Test
	void aCallerWaitsForNoLockedStream() {
		this.queue.offer(append("locked", 1, 3_000), false);
		this.queue.mute(enter(this.queue));
		this.queue.leave();
		Append free = append("free", 1, 1_000);
		this.queue.offer(free, false);
		CompletableFuture<Boolean> large = offerAndWait(append("large", 1, 9_000));
		this.queue.completed(enter(this.queue));
		assertThat(large.orTimeout(30, TimeUnit.SECONDS).join()).isTrue();
		assertThat(this.queue.offer(append("free", 1, 0), false)).isFalse();
	}

	@Test
	void aCallerThatWaitsForLockedStreamsHoldsUpNoOthers() {
		this.queue.offer(append("locked", 1, 6_000), false);
		this.queue.mute(enter(this.queue));
		this.queue.leave();
		CompletableFuture<Boolean> large = offerAndWait(append("large", 1, 5_000));
		assertThat(this.queue.offer(append("free", 1, 1_000), false)).isTrue();
		assertThat(this.queue.offer(append("large", 1, 1_000), false)).isFalse();
		assertThat(large).isNotDone();
		this.queue.close(0);
		assertThat(large.orTimeout(30, TimeUnit.SECONDS).join()).isFalse();
	}

	@Test
	void aCallerOfALockedStreamGivesUpInTimeAndLetsThoseAfterItGo() {
		Append locked = append("locked", 1, 1_000);
		this.queue.offer(locked, false);
		this.queue.mute(enter(this.queue));
		this.queue.leave();
		Append late = append("locked", 1, 6_000, Duration.ofMillis(100));
		CompletableFuture<Boolean> large = offerAndWait(late);
		CompletableFuture<Boolean> small = offerAndWait(append("locked", 1, 100));
		assertThat(large.orTimeout(30, TimeUnit.SECONDS).join()).isFalse();
		assertThat(late.isExpired()).isTrue();
		assertThat(small.orTimeout(30, TimeUnit.SECONDS).join()).isTrue();
	}

	@Test
	void aCallerOfAStreamThatIsFoundLockedGivesUpInTime() {
		Append first = append("a", 1, 9_000);
		this.queue.offer(first, false);
		List<Append> batch = enter(this.queue);
		CompletableFuture<Boolean> waiting = offerAndWait(append("a", 1, 9_000, Duration.ofMillis(100)));
		this.queue.mute(batch);
		assertThat(waiting.orTimeout(30, TimeUnit.SECONDS).join()).isFalse();
	}

	@Test
	void theWaitForRoomAloneTakesNothingOfACallersTime() {
		Append first = append("a", 1, 9_000);
		this.queue.offer(first, false);
		Append noTime = append("b", 1, 9_000, Duration.ZERO);
		CompletableFuture<Boolean> waiting = offerAndWait(noTime);
		this.queue.completed(enter(this.queue));
		assertThat(waiting.orTimeout(30, TimeUnit.SECONDS).join()).isTrue();
		assertThat(noTime.isExpired()).isFalse();
	}

	@Test
	void theTimeOfAnAppendStopsWhileItsStreamIsNotLocked() {
		Append append = append("a", 1, 0, Duration.ofMillis(100));
		append.locked();
		Eventually.await(() -> append.nanosLeft() < Duration.ofMillis(99).toNanos(), append::nanosLeft);
		append.unlocked();
		assertThat(append.nanosLeft()).isEqualTo(Long.MAX_VALUE);
		append.locked();
		assertThat(append.nanosLeft()).isLessThan(Duration.ofMillis(99).toNanos());
		Eventually.await(append::isExpired, append::nanosLeft);
		append.unlocked();
		assertThat(append.isExpired()).isFalse();
		append.locked();
		assertThat(append.isExpired()).isTrue();
	}

	private CompletableFuture<Boolean> offerAndWait(Append append) {
		CompletableFuture<Boolean> offered = new CompletableFuture<>();
		Thread caller = new Thread(() -> offered.complete(this.queue.offer(append, true)));
		caller.start();
		// It may have given up by now
		Eventually.await(() -> offered.isDone() || caller.getState().name().endsWith("WAITING"), caller::getState);
		return offered;
	}

	@Test
	void closingReturnsWhatIsLeftAndTakesNothingMore() {
		Append inFlight = offer("a");
		enter(this.queue);
		Append left = offer("a");
		CompletableFuture<Boolean> patient = Background.supply(() -> this.queue.offer(append("b", 1, 10_000), true));
		assertThat(this.queue.close(0)).containsExactly(left);
		assertThat(patient.orTimeout(30, TimeUnit.SECONDS).join()).isFalse();
		assertThat(this.queue.offer(append("b", 1, 0), true)).isFalse();
		assertThat(this.queue.tryEnter("b")).isFalse();
		assertThat(this.queue.mute(List.of(inFlight))).as("nobody would take it again").isFalse();
		assertThat(this.queue.muteFor(append("c", 1, 0))).isFalse();
	}

	@Test
	void closingWaitsForWhatIsBeingWritten() throws Exception {
		Append inFlight = offer("a");
		enter(this.queue);
		CompletableFuture<List<Append>> closing = Background
			.supply(() -> this.queue.close(TimeUnit.SECONDS.toNanos(30)));
		Eventually.await(() -> this.queue.toString().endsWith("closed true"), this.queue::toString);
		assertThat(closing).isNotDone();
		this.queue.completed(List.of(inFlight));
		this.queue.leave();
		assertThat(closing.get(30, TimeUnit.SECONDS)).isEmpty();
	}

	@Test
	void nothingIsLostDoubledOrReorderedByManyThreads() throws Exception {
		AppendQueue queue = new AppendQueue(20_000);
		Map<String, List<Append>> offered = new ConcurrentHashMap<>();
		Map<String, List<Append>> written = new ConcurrentHashMap<>();
		AtomicBoolean over = new AtomicBoolean();
		List<CompletableFuture<Void>> queues = List.of(Background.run(() -> {
			while (!over.get() || !isEmpty(queue)) {
				List<Append> batch = enter(queue);
				if (!batch.isEmpty()) {
					settleSome(queue, batch, written);
					queue.leave();
				}
			}
		}), Background.run(() -> {
			while (!over.get() || !isEmpty(queue)) {
				settleSome(queue, takeMuted(queue, new ArrayList<>()), written);
			}
		}));
		List<CompletableFuture<Void>> callers = new ArrayList<>();
		for (int caller = 0; caller < 6; caller++) {
			String stream = "stream/" + caller;
			List<Append> ofStream = offered.computeIfAbsent(stream, (name) -> new ArrayList<>());
			callers.add(Background.run(() -> {
				for (int i = 0; i < 500; i++) {
					Append append = append(stream, 1, i % 1_000);
					if (queue.tryEnter(stream)) {
						settleAlone(queue, append, written);
						queue.leave();
					}
					else {
						assertThat(queue.offer(append, true)).isTrue();
					}
					ofStream.add(append);
				}
			}));
		}
		CompletableFuture.allOf(callers.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
		over.set(true);
		CompletableFuture.allOf(queues.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
		assertThat(written).isEqualTo(offered);
	}

	private static void settleAlone(AppendQueue queue, Append append, Map<String, List<Append>> written) {
		if (ThreadLocalRandom.current().nextInt(4) == 0) {
			queue.muteFor(append);
		}
		else {
			write(append, written);
		}
	}

	/**
	 * Finds a stream of four locked.
	 */
	private static void settleSome(AppendQueue queue, List<Append> batch, Map<String, List<Append>> written) {
		Map<String, Boolean> locked = new ConcurrentHashMap<>();
		batch.forEach((append) -> locked.computeIfAbsent(append.stream(),
				(stream) -> ThreadLocalRandom.current().nextInt(4) == 0));
		List<Append> settled = batch.stream().filter((append) -> !locked.get(append.stream())).toList();
		settled.forEach((append) -> write(append, written));
		queue.mute(batch.stream().filter((append) -> locked.get(append.stream())).toList());
		queue.completed(settled);
	}

	private static void write(Append append, Map<String, List<Append>> written) {
		written.computeIfAbsent(append.stream(), (stream) -> Collections.synchronizedList(new ArrayList<>()))
			.add(append);
	}

	private static boolean isEmpty(AppendQueue queue) {
		return queue.toString().startsWith("streams 0");
	}

	private static List<Append> enter(AppendQueue queue) {
		return appends(queue.enter());
	}

	private static List<Append> takeMuted(AppendQueue queue, List<Append> expired) {
		return appends(queue.takeMuted(expired));
	}

	private static List<Append> appends(List<AppendGroup> groups) {
		return groups.stream().flatMap((group) -> group.appends().stream()).toList();
	}

	private Append offer(String stream) {
		Append append = append(stream, 1, 0);
		assertThat(this.queue.offer(append, false)).isTrue();
		return append;
	}

	private void assertIsEmpty() {
		assertIsEmptyBut("writing false");
	}

	private void assertIsEmptyBut(String writing) {
		assertThat(this.queue)
			.hasToString("streams 0, ready 0, muted [], bytes 0 (muted 0), " + writing + ", closed false");
	}

	private static Append appendAt(String stream, long index) {
		return new Append(stream, new AppendConditions(AppendConditions.ANY, index), List.of(new byte[0])).within(LONG);
	}

	private static Append append(String stream, int chunks, int bytes) {
		return append(stream, chunks, bytes, LONG);
	}

	private static Append append(String stream, int chunks, int bytes, Duration timeout) {
		return new Append(stream, AppendConditions.NONE, Collections.nCopies(chunks, new byte[bytes])).within(timeout);
	}

}
