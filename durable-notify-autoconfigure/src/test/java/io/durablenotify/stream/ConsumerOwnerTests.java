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
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WriterProcess;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that a consumer has one owner of several instances, and another one after that.
 */
class ConsumerOwnerTests {

	private static final String LEASE = "durable-notify.streams.lease=2s";

	/**
	 * What happens within the tests' timeout is the work of wake-ups.
	 */
	private static final String NO_POLL = "durable-notify.poll.interval=10m";

	private static final String NO_DEGRADED_POLL = "durable-notify.poll.degraded-interval=10m";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { LEASE, NO_POLL, NO_DEGRADED_POLL })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Fixture
	private static StreamConsumers consumers;

	private final RecordingConsumer here = new RecordingConsumer();

	private final RecordingConsumer there = new RecordingConsumer();

	@AfterEach
	void removeConsumers() {
		consumers.list().forEach((consumer) -> consumers.remove(consumer.name()));
	}

	private static Instance startOther() {
		return Instance.start(database, LEASE, NO_POLL, NO_DEGRADED_POLL);
	}

	private static void append(String stream, int count) {
		writer.appendAll(stream, IntStream.range(0, count).mapToObj((i) -> ("" + i).getBytes()).toList());
	}

	private static List<Long> range(long from, long to) {
		return LongStream.range(from, to).boxed().toList();
	}

	private static void awaitOwned(String name) {
		Eventually.await(() -> consumers.find(name).orElseThrow().owner() != null, () -> consumers.list());
	}

	private static void awaitPosition(String name, long position) {
		Eventually.await(() -> consumers.find(name).orElseThrow().position().getAsLong() == position,
				() -> consumers.list());
	}

	@Test
	void oneInstanceHasAllChunksAndTheNextOneGoesOnWhenItCancels() {
		try (Instance other = startOther()) {
			Subscription first = reader.consumer("one", "one").subscribe(this.here);
			awaitOwned("one");
			Subscription second = other.reader().consumer("one", "one").subscribe(this.there);
			append("one", 20);
			this.here.awaitChunks(20);
			awaitPosition("one", 20);
			first.cancel();
			append("one", 20);
			this.there.awaitChunks(20);
			assertThat(this.here.indexes("one")).isEqualTo(range(0, 20));
			assertThat(this.there.indexes("one")).isEqualTo(range(20, 40));
			assertThat(second.isActive()).isTrue();
		}
	}

	@Test
	void anOwnerThatClosesHandsOverAtOnce() {
		Instance other = Instance.start(database, "durable-notify.streams.lease=10m", NO_POLL, NO_DEGRADED_POLL);
		other.reader().consumer("closing", "closing").inTransaction().subscribe(this.there);
		awaitOwned("closing");
		append("closing", 10);
		this.there.awaitChunks(10);
		reader.consumer("closing", "closing").subscribe(this.here);
		other.close();
		append("closing", 10);
		// Long before the end of the lease
		this.here.awaitChunks(10);
		assertThat(this.here.indexes("closing")).isEqualTo(range(10, 20));
		assertThat(this.here.consumed().get(0).fencingToken())
			.isGreaterThan(this.there.consumed().get(0).fencingToken());
	}

	@Test
	void aContextThatRestartsGoesOnFromItsPosition() {
		try (Instance other = startOther()) {
			Subscription subscription = other.reader().consumer("restarted", "restarted").subscribe(this.there);
			append("restarted", 10);
			this.there.awaitChunks(10);
			other.context().stop();
			assertThat(consumers.find("restarted").orElseThrow().owner()).isNull();
			assertThat(consumers.find("restarted").orElseThrow().position()).hasValue(10);
			append("restarted", 10);
			other.context().start();
			this.there.awaitChunks(20);
			assertThat(this.there.indexes("restarted")).isEqualTo(range(0, 20));
			assertThat(subscription.isActive()).isTrue();
		}
	}

	/**
	 * As contexts do that the cache of test contexts keeps. They renew their leases.
	 */
	@Test
	void aContextThatPausesHandsOverAndGoesOnWhenItRestarts() {
		try (Instance other = startOther()) {
			other.reader().consumer("paused", "paused").subscribe(this.there);
			awaitOwned("paused");
			Subscription here = reader.consumer("paused", "paused").subscribe(this.here);
			other.context().pause();
			append("paused", 1);
			this.here.awaitChunks(1);
			awaitPosition("paused", 1);
			other.context().restart();
			here.cancel();
			append("paused", 1);
			this.there.awaitChunks(1);
			assertThat(this.here.indexes("paused")).containsExactly(0L);
			assertThat(this.there.indexes("paused")).containsExactly(1L);
		}
	}

	@Test
	void aHandlerThatDoesNotReturnIsGivenUpAtTheCloseAndItsLateCommitIsRefused() throws Exception {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS late (chunk bigint)");
		append("late", 1);
		Instance other = startOther();
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		RuntimeException[] refused = new RuntimeException[1];
		CountDownLatch returned = new CountDownLatch(1);
		// In a transaction that outlives the context
		other.reader().consumer("late", "late").subscribe((chunk) -> {
			called.countDown();
			awaitUninterruptibly(release);
			try {
				instance.transaction().executeWithoutResult((status) -> {
					instance.jdbc().update("INSERT INTO late VALUES (?)", chunk.chunk().index());
					new ConsumerWrites("late", instance.bean(ApplicationDatabase.class), null)
						.writeInTransaction((connection) -> instance.bean(OpenConsumers.class)
							.positions()
							.move(connection, new ConsumerSql.Held(consumerId("late"), chunk.fencingToken()),
									streamId("late"), 0, 0, 1));
				});
			}
			catch (RuntimeException ex) {
				refused[0] = ex;
			}
			returned.countDown();
		});
		called.await();
		other.close();
		reader.consumer("late", "late").subscribe(this.here);
		this.here.awaitChunks(1);
		awaitPosition("late", 1);
		release.countDown();
		returned.await();
		assertThat(refused[0]).isInstanceOf(ConsumerLostException.class);
		assertThat(database.jdbc().queryForList("SELECT * FROM late")).isEmpty();
	}

	@Test
	void aStopWaitsForTheHandlerOfACancelledSubscription() throws Exception {
		append("cancelled", 1);
		Instance other = startOther();
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		Subscription subscription = other.reader().consumer("cancelled", "cancelled").subscribe((chunk) -> {
			called.countDown();
			awaitUninterruptibly(release);
		});
		called.await();
		subscription.cancel();
		Thread closing = new Thread(other::close);
		closing.start();
		Eventually.await(() -> !closing.isAlive() || isWaiting(closing),
				() -> Arrays.toString(closing.getStackTrace()));
		release.countDown();
		closing.join();
		append("cancelled", 1);
		reader.consumer("cancelled", "cancelled").subscribe(this.here);
		this.here.awaitChunks(1);
		assertThat(this.here.indexes("cancelled")).containsExactly(1L);
	}

	@Test
	void aStopDoesNotWaitForConnectionsThatHandlersHave() throws Exception {
		List<String> names = List.of("connected-0", "connected-1", "connected-2");
		CountDownLatch called = new CountDownLatch(names.size());
		CountDownLatch release = new CountDownLatch(1);
		try (Instance other = Instance.start(database, LEASE, NO_POLL, NO_DEGRADED_POLL,
				"spring.datasource.hikari.maximum-pool-size=" + names.size())) {
			List<Subscription> subscriptions = names.stream().map((name) -> {
				append(name, 1);
				return other.reader().consumer(name, name).inTransaction().subscribe((chunk) -> {
					called.countDown();
					awaitUninterruptibly(release);
				});
			}).toList();
			called.await();
			subscriptions.get(0).cancel();
			OpenConsumers stopped = other.bean(OpenConsumers.class);
			try {
				assertThat(Background.run(stopped::stop)).succeedsWithin(Eventually.TIMEOUT);
			}
			finally {
				release.countDown();
			}
			stopped.start();
			Eventually.await(() -> consumers.find(names.get(0)).orElseThrow().owner() == null, () -> consumers.list());
			append(names.get(1), 1);
			awaitPosition(names.get(1), 2);
		}
	}

	@Test
	void aStopDoesNotWaitForASubscriptionThatIsBeingCancelled() {
		append("leaving", 1);
		try (Instance other = startOther()) {
			Subscription subscription = other.reader().consumer("leaving", "leaving").subscribe(this.there);
			this.there.awaitChunks(1);
			OpenConsumers stopped = other.bean(OpenConsumers.class);
			// It would be waited for for 5 s
			Eventually.assertTakesLess(Duration.ofSeconds(4), () -> {
				stopped.start();
				Eventually.await(() -> ((ConsumerRun) subscription).isOwned(), subscription::toString);
				// As in a thread that is held up in its cancellation
				stopped.leaving((ConsumerRun) subscription);
				long start = System.nanoTime();
				stopped.stop();
				return Duration.ofNanos(System.nanoTime() - start);
			});
		}
	}

	@Test
	void aStopDoesNotForgetTheChunksBeforeTheOneWhoseHandlerDoesNotReturn() throws Exception {
		append("slow", 10);
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		try (Instance other = startOther()) {
			other.reader().consumer("slow", "slow").subscribe((chunk) -> {
				if (chunk.chunk().index() == 5) {
					called.countDown();
					awaitUninterruptibly(release);
				}
			});
			called.await();
			try {
				other.bean(OpenConsumers.class).stop();
				reader.consumer("slow", "slow").subscribe(this.here);
				this.here.awaitChunks(5);
				assertThat(this.here.indexes("slow")).isEqualTo(range(5, 10));
			}
			finally {
				release.countDown();
			}
		}
	}

	@Test
	void aConsumerThatIsLockedWhileItIsGivenUpDoesNotKeepOthersFromTheirOwner() {
		Subscription locked = reader.consumer("locked", "locked").subscribe(this.there);
		awaitOwned("locked");
		append("locked-free", 1);
		instance.transaction().executeWithoutResult((status) -> {
			consumers.remove("locked");
			locked.cancel();
			awaitTwoLockWaits();
			assertThat(Background.run(() -> reader.consumer("locked-free", "locked-free").subscribe(this.here)))
				.succeedsWithin(Eventually.TIMEOUT);
			this.here.awaitChunks(1);
			status.setRollbackOnly();
		});
		Eventually.await(() -> consumers.find("locked").orElseThrow().owner() == null, () -> consumers.list());
	}

	@Test
	void aConsumerThatIsLockedDoesNotKeepOthersFromNewStreams() {
		Subscription locked = reader.prefixConsumer("removed/", "removed").subscribe(this.there);
		reader.prefixConsumer("kept/", "kept").subscribe(this.here);
		awaitOwned("removed");
		awaitOwned("kept");
		instance.transaction().executeWithoutResult((status) -> {
			consumers.remove("removed");
			assertThat(Background.run(() -> {
				append("removed/1", 1);
				// One after the other: the loop goes on after it has met the first
				append("kept/1", 1);
				this.here.awaitChunks(1);
				append("kept/2", 1);
				this.here.awaitChunks(2);
			})).succeedsWithin(Eventually.TIMEOUT);
			assertThat(lockWaits()).as("statements that wait").isZero();
			assertThat(this.there.consumed()).isEmpty();
			status.setRollbackOnly();
		});
		this.there.awaitChunks(1);
		assertThat(locked.isActive()).isTrue();
	}

	@Test
	void positionsOfAConsumerThatIsLockedAreCleanedLater() {
		List<Long> ids = Stream.of("dirty", "dirty-too")
			.map((name) -> database.jdbc()
				.queryForObject("SELECT consumer_id FROM durable_notify.create_stream_consumer(?, 's', false, false)",
						Long.class, name))
			.toList();
		ids.forEach((id) -> database.jdbc()
			.update("INSERT INTO durable_notify.stream_consumer_positions (consumer_id, stream_id, stream_created_at, "
					+ "stream, next_index, ended) VALUES (?, -1, now(), 's', 1, true)", id));
		ConsumerPositionSql positions = instance.bean(OpenConsumers.class).positions();
		instance.transaction().executeWithoutResult((status) -> {
			consumers.remove("dirty");
			assertThat(Background.supply(() -> instance.bean(ApplicationDatabase.class)
				.executeSeparately("clean", (connection, joined) -> positions.clean(connection, ids))))
				.succeedsWithin(Duration.ofSeconds(10))
				.isEqualTo(1);
			status.setRollbackOnly();
		});
		assertThat(database.jdbc()
			.queryForList("SELECT consumer_id FROM durable_notify.stream_consumer_positions WHERE stream_id = -1",
					Long.class))
			.containsExactly(ids.get(0));
	}

	private static int lockWaits() {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
					+ "AND datname = current_database()", Integer.class);
	}

	/**
	 * Wait until one statement has waited for a lock, and another one does.
	 */
	private static void awaitTwoLockWaits() {
		Set<String> starts = new HashSet<>();
		Eventually.await(() -> {
			starts.addAll(database.jdbc()
				.queryForList("SELECT query_start::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
						+ "AND datname = current_database()", String.class));
			return starts.size() >= 2;
		}, () -> starts);
	}

	private static boolean isWaiting(Thread closing) {
		List<String> frames = Arrays.stream(closing.getStackTrace())
			.map((frame) -> frame.getClassName() + "." + frame.getMethodName())
			.toList();
		int stop = frames.indexOf(OpenConsumers.class.getName() + ".stop");
		return stop > 0 && frames.get(stop - 1).endsWith("CompletableFuture.join");
	}

	private static void awaitUninterruptibly(CountDownLatch latch) {
		while (latch.getCount() > 0) {
			try {
				latch.await();
			}
			catch (InterruptedException ex) {
				// The executor shuts down
			}
		}
	}

	private static long consumerId(String name) {
		return database.jdbc()
			.queryForObject("SELECT consumer_id FROM durable_notify.stream_consumers WHERE name = ?", Long.class, name);
	}

	private static long streamId(String name) {
		return database.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = ?", Long.class, name);
	}

	@Test
	void anOwnerThatWasTakenOverFromHasItsTransactionRolledBackAndStops() throws Exception {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS fenced (chunk bigint, holder text)");
		append("fenced", 5);
		try (Instance other = startOther()) {
			CountDownLatch called = new CountDownLatch(1);
			CountDownLatch release = new CountDownLatch(1);
			Subscription first = reader.consumer("fenced", "fenced").inTransaction().subscribe((chunk) -> {
				instance.jdbc().update("INSERT INTO fenced VALUES (?, 'first')", chunk.chunk().index());
				called.countDown();
				release.await();
			});
			called.await();
			// As if its lease had run out
			database.jdbc()
				.update("UPDATE durable_notify.stream_consumers SET instance_id = NULL WHERE name = 'fenced'");
			Subscription second = other.reader().consumer("fenced", "fenced").inTransaction().subscribe((chunk) -> {
				other.jdbc().update("INSERT INTO fenced VALUES (?, 'second')", chunk.chunk().index());
				this.there.onChunk(chunk);
			});
			this.there.awaitChunks(5);
			awaitPosition("fenced", 5);
			release.countDown();
			append("fenced", 5);
			awaitPosition("fenced", 10);
			assertThat(database.jdbc().queryForList("SELECT chunk FROM fenced ORDER BY chunk", Long.class))
				.isEqualTo(range(0, 10));
			assertThat(database.jdbc().queryForList("SELECT DISTINCT holder FROM fenced", String.class))
				.containsExactly("second");
			// It is the next in line again
			second.cancel();
			append("fenced", 1);
			awaitPosition("fenced", 11);
			first.cancel();
		}
	}

	/**
	 * The position is where the first owner expects it: only the token tells them apart.
	 */
	@Test
	void aLateCommitIsRefusedAlthoughTheNewOwnerHasStoredNothingYet() throws Exception {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS tokens (chunk bigint, holder text)");
		append("tokens", 1);
		try (Instance other = startOther()) {
			CountDownLatch firstCalled = new CountDownLatch(1);
			CountDownLatch releaseFirst = new CountDownLatch(1);
			CountDownLatch secondCalled = new CountDownLatch(1);
			CountDownLatch releaseSecond = new CountDownLatch(1);
			Subscription first = reader.consumer("tokens", "tokens").inTransaction().subscribe((chunk) -> {
				instance.jdbc().update("INSERT INTO tokens VALUES (?, 'first')", chunk.chunk().index());
				firstCalled.countDown();
				releaseFirst.await();
			});
			firstCalled.await();
			long token = token("tokens");
			database.jdbc()
				.update("UPDATE durable_notify.stream_consumers SET instance_id = NULL WHERE name = 'tokens'");
			other.reader().consumer("tokens", "tokens").inTransaction().subscribe((chunk) -> {
				other.jdbc().update("INSERT INTO tokens VALUES (?, 'second')", chunk.chunk().index());
				secondCalled.countDown();
				releaseSecond.await();
			});
			secondCalled.await();
			assertThat(token("tokens")).isGreaterThan(token);
			first.cancel();
			releaseFirst.countDown();
			Eventually.await(() -> backendsInTransaction() == 1, ConsumerOwnerTests::backendsInTransaction);
			assertThat(consumers.find("tokens").orElseThrow().position()).hasValue(0);
			releaseSecond.countDown();
			awaitPosition("tokens", 1);
			assertThat(database.jdbc().queryForList("SELECT holder FROM tokens", String.class))
				.containsExactly("second");
		}
	}

	private static long token(String name) {
		return database.jdbc()
			.queryForObject("SELECT token FROM durable_notify.stream_consumers WHERE name = ?", Long.class, name);
	}

	private static int backendsInTransaction() {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' "
					+ "AND datname = current_database()", Integer.class);
	}

	@Test
	void theConsumerOfAKilledProcessIsTakenOverAfterItsLease() {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS effects (chunk bigint, holder text)");
		append("killed", 20);
		try (WriterProcess process = WriterProcess.start(ConsumerApplication.class, database, "killed", "--" + LEASE,
				"--test.pause=300")) {
			process.awaitLine("handling 2");
			process.kill();
			long killed = System.nanoTime();
			reader.consumer("killed", "killed").inTransaction().subscribe((chunk) -> {
				instance.jdbc().update("INSERT INTO effects VALUES (?, 'here')", chunk.chunk().index());
				this.here.onChunk(chunk);
			});
			awaitPosition("killed", 20);
			assertThat(Duration.ofNanos(System.nanoTime() - killed)).isLessThan(Duration.ofSeconds(20));
			assertThat(effects()).isEqualTo(range(0, 20));
		}
	}

	@Test
	void aProcessThatIsStoppedForThreeLeasesHasItsLateCommitRefused() {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS effects (chunk bigint, holder text)");
		database.jdbc().execute("TRUNCATE effects");
		append("stopped", 3);
		try (WriterProcess process = WriterProcess.start(ConsumerApplication.class, database, "stopped", "--" + LEASE,
				"--test.pause=1000")) {
			process.awaitLine("handling 0");
			process.stop();
			reader.consumer("stopped", "stopped").inTransaction().subscribe((chunk) -> {
				instance.jdbc().update("INSERT INTO effects VALUES (?, 'here')", chunk.chunk().index());
				this.here.onChunk(chunk);
			});
			this.here.awaitChunks(3);
			awaitPosition("stopped", 3);
			process.resume();
			process.awaitLine("Another instance owns consumer ");
			append("stopped", 1);
			awaitPosition("stopped", 4);
			assertThat(effects()).isEqualTo(range(0, 4));
		}
	}

	private static List<Long> effects() {
		return database.jdbc().queryForList("SELECT chunk FROM effects ORDER BY chunk", Long.class);
	}

	@Test
	void withoutAListenerThePollFindsStreamsChunksAndConsumersThatAreFree() {
		String[] properties = { LEASE, "durable-notify.listener.enabled=false", "durable-notify.poll.interval=100ms" };
		try (Instance deaf = Instance.start(database, properties)) {
			Instance owner = Instance.start(database, properties);
			owner.reader().prefixConsumer("deaf/", "deaf").subscribe(this.there);
			awaitOwned("deaf");
			deaf.reader().prefixConsumer("deaf/", "deaf").subscribe(this.here);
			append("deaf/a", 5);
			this.there.awaitChunks(5);
			owner.close();
			append("deaf/b", 5);
			this.here.awaitChunks(5);
			assertThat(this.here.indexes("deaf/b")).isEqualTo(range(0, 5));
			assertThat(this.there.indexes("deaf/a")).isEqualTo(range(0, 5));
			assertThat(this.here.indexes("deaf/a")).isEmpty();
		}
	}

	@Test
	void manyConsumersAreSharedByTheInstancesAndEachHasAllInOrder() {
		try (Instance other = startOther()) {
			List<RecordingConsumer> handlers = Stream.generate(RecordingConsumer::new).limit(30).toList();
			List<Subscription> subscriptions = IntStream.range(0, handlers.size())
				.mapToObj((i) -> ((i % 2 == 0) ? reader : other.reader()).consumer("many", "many/" + i)
					.subscribe(handlers.get(i)))
				.toList();
			append("many", 500);
			handlers
				.forEach((handler) -> assertThat(handler.awaitChunks(500).indexes("many")).isEqualTo(range(0, 500)));
			Eventually.await(() -> consumers.list().stream().allMatch((info) -> info.lag() == 0),
					() -> consumers.list());
			assertThat(consumers.list()).extracting(ConsumerInfo::owner).doesNotContainNull();
			assertThat(consumers.list().stream().map(ConsumerInfo::owner).distinct()).hasSize(2);
			subscriptions.forEach(Subscription::cancel);
		}
	}

}
