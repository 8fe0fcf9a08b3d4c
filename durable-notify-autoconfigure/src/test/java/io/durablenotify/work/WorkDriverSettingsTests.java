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
package io.durablenotify.work;

import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.schema.SchemaName;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what becomes of claimed items, and for locks, with settings by which the
 * driver sends statements in another way. {@link ClaimTests} has claims.
 */
class WorkDriverSettingsTests extends AbstractWorkSqlTests {

	/**
	 * A prepared statement changes its ways with its fifth execution.
	 */
	private static final int ROUNDS = 6;

	private static final Duration AT_ONCE = Duration.ZERO;

	private static final String SERIALIZABLE = "options=-c%20default_transaction_isolation=serializable";

	private static final AtomicInteger queues = new AtomicInteger();

	private final String name = "driver-" + queues.incrementAndGet();

	private WorkTables holder;

	private int queue;

	/**
	 * Claims set it, for themselves.
	 */
	@BeforeAll
	static void setSynchronousCommit() {
		database.jdbc()
			.execute(
					"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$");
	}

	private void open(String settings) {
		this.holder = WorkTables.open(database, settings);
		this.queue = this.holder.queue(this.name);
	}

	/**
	 * Nothing is left, neither in the tables nor of settings.
	 */
	private void closeClean() {
		for (String table : List.of("work_items", "work_claims", "work_dead")) {
			assertThat(this.work.jdbc()
				.queryForObject("SELECT count(*) FROM durable_notify." + table + " WHERE queue_id = ?", Integer.class,
						this.queue))
				.as(this.work::dump)
				.isZero();
		}
		for (String setting : List.of("lock_timeout", "statement_timeout", "synchronous_commit", "enable_seqscan")) {
			String show = "SHOW " + setting;
			assertThat(this.holder.jdbc().queryForObject(show, String.class)).as(setting)
				.isEqualTo(this.work.jdbc().queryForObject(show, String.class));
		}
		this.holder.close();
	}

	private Claimed claimOne(String payload) {
		Claimed claimed = this.holder.awaitClaim(this.queue, 1);
		assertThat(WorkTables.texts(claimed)).containsExactly(payload);
		return claimed;
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "prepareThreshold=0", "prepareThreshold=1",
			"prepareThreshold=-1", "stringtype=unspecified", "stringtype=unspecified&prepareThreshold=1",
			"stringtype=unspecified&preferQueryMode=simple", "binaryTransfer=false", "defaultRowFetchSize=1",
			SERIALIZABLE })
	void anItemIsSettledInEachWay(String settings) {
		open(settings);
		for (int round = 0; round < ROUNDS; round++) {
			this.holder.insert(this.name, "fails", "is postponed", "is done for now", "is given back", "runs on",
					"dies");
			this.holder.put(WorkTables.keyed(this.name, "key", "is asked for"));
			this.holder.insert(this.name, "is completed");
			Claimed claimed = this.holder.claim(this.queue, 10);
			List<Done> items = WorkTables.done(claimed);
			assertThat(items).hasSize(8);
			Returned.Kind[] kinds = { this.holder.fail(items.get(0), AT_ONCE, false).kind(),
					settle((connection, joined) -> this.holder.settle().postpone(connection, items.get(1), AT_ONCE))
						.kind(),
					settle((connection, joined) -> this.holder.settle().rearm(connection, items.get(2), Instant.EPOCH))
						.kind(),
					settle((connection, joined) -> this.holder.settle().takeBack(connection, items.get(4))).kind() };
			assertThat(kinds).containsOnly(Returned.Kind.AGAIN);
			settle((connection, joined) -> this.holder.settle()
				.release(connection, claimed.claim(), items.subList(3, 4)));
			assertThat(this.holder.fail(items.get(5), AT_ONCE, true).kind()).isEqualTo(Returned.Kind.DEAD);
			this.other.put(WorkTables.replacing(this.name, "key", "was asked for", null));
			assertThat(this.holder.complete(items.subList(6, 7), List.of())).isEmpty();
			assertThat(this.holder.again(items.get(6)).kind()).isEqualTo(Returned.Kind.AGAIN);
			for (boolean commit : List.of(false, true)) {
				this.holder.begin();
				assertThat(this.holder.completeInTransaction(items.get(7))).isTrue();
				if (commit) {
					this.holder.commit();
				}
				else {
					this.holder.rollback();
				}
			}
			assertThat(this.holder.again(items.get(7)).kind()).isEqualTo(Returned.Kind.LOST);
			this.holder.complete(List.of(), List.of(claimed.claim()));
			assertThat(this.holder.row(items.get(0).itemId())).containsEntry("failures", 1)
				.containsEntry("token", 1)
				.containsEntry("last_error", "reason");
			assertThat(this.holder.complete(List.of(items.get(0), items.get(4)), List.of()))
				.as("with a token from before")
				.isEmpty();
			assertThat(this.holder.requeue(this.name, 10)).isOne();
			List<String> again = new ArrayList<>();
			while (again.size() < 7) {
				Claimed next = this.holder.awaitClaim(this.queue, 10);
				again.addAll(WorkTables.texts(next));
				assertThat(this.holder.complete(next)).hasSize(next.items().size());
			}
			assertThat(again).containsExactlyInAnyOrder("fails", "is postponed", "is done for now", "is given back",
					"runs on", "dies", "was asked for");
		}
		closeClean();
	}

	private <T> T settle(SessionWork<T> work) {
		return this.holder.run(work);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "prepareThreshold=0", "prepareThreshold=1",
			"prepareThreshold=-1", "stringtype=unspecified", "stringtype=unspecified&preferQueryMode=simple",
			"defaultRowFetchSize=1", SERIALIZABLE })
	void lanesAreReleasedAndLostItemsTakenOver(String settings) {
		open(settings);
		for (int round = 0; round < ROUNDS; round++) {
			for (String key : List.of("one", "two")) {
				this.holder.put(WorkTables.ordered(this.name, key, "a"));
				this.holder.put(WorkTables.ordered(this.name, key, "b"));
			}
			try (WorkTables lost = WorkTables.open(database, settings)) {
				Claimed claimed = lost.claim(this.queue, 10);
				assertThat(claimed.items()).hasSize(2);
				ClaimedItem lane = claimed.items().get(0);
				Done first = WorkTables.done(claimed, lane, lost.laneItems(lane).get(0));
				assertThat(lost.complete(List.of(first), List.of())).hasSize(1);
				assertThat(this.holder.takeOverFrom(lost)).extracting("items").containsExactly(2);
				assertThat(lost.complete(List.of(first), List.of())).isEmpty();
				assertThat(lost.releaseLanes(claimed, claimed.items())).isEmpty();
			}
			for (String key : List.of("one", "two")) {
				// Each alone, since it may be guilty
				Claimed alone = this.holder.awaitClaim(this.queue, 10);
				ClaimedItem lane = alone.items().get(0);
				assertThat(lane.key()).isEqualTo(key);
				List<ClaimedItem> items = this.holder.laneItems(lane);
				assertThat(items).extracting(WorkTables::text)
					.containsExactlyElementsOf((key.equals("one")) ? List.of("b") : List.of("a", "b"));
				for (ClaimedItem item : items) {
					this.holder.begin();
					assertThat(this.holder.completeInTransaction(WorkTables.done(alone, lane, item))).isTrue();
					this.holder.commit();
				}
				assertThat((key.equals("one")) ? this.holder.releaseLane(alone, lane).kind()
						: this.holder.releaseLanes(alone, List.of(lane)).get(lane.itemId()))
					.isEqualTo(Returned.Kind.DONE);
				this.holder.complete(List.of(), List.of(alone.claim()));
			}
		}
		closeClean();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "preferQueryMode=simple&autosave=always",
			"prepareThreshold=0", "prepareThreshold=-1", "stringtype=unspecified",
			"stringtype=unspecified&preferQueryMode=simple", "defaultRowFetchSize=1" })
	void locksAreWaitedForAsLongAsIsAllowed(String settings) {
		open(settings);
		SchemaName schema = new SchemaName("durable_notify");
		Duration timeout = Duration.ofMillis(15);
		WorkAdminSql admin = new WorkAdminSql(schema, timeout);
		EnqueueSql enqueue = new EnqueueSql(schema, timeout);
		NewItem keyed = WorkTables.keyed(this.name, "key", "a");
		NewItem ordered = WorkTables.ordered(this.name, "lane", "a");
		this.holder.put(keyed);
		Claimed claimed = claimOne("a");
		this.other.begin();
		this.other.put(keyed);
		this.other.put(ordered);
		this.other.run((connection, joined) -> this.other.admin().pause(connection, this.name, true));
		List<SessionWork<Object>> waiting = List.of((connection, joined) -> admin.pause(connection, this.name, false),
				(connection, joined) -> admin.limit(connection, this.name, 3),
				(connection, joined) -> enqueue.coalesce(connection, keyed),
				(connection, joined) -> enqueue.append(connection, ordered),
				(connection, joined) -> enqueue.cancel(connection, this.name, "key"),
				(connection, joined) -> this.holder.complete(claimed),
				(connection, joined) -> this.holder.fail(WorkTables.done(claimed).get(0), AT_ONCE, false));
		for (int round = 0; round < ROUNDS; round++) {
			for (SessionWork<Object> statement : waiting) {
				long start = System.nanoTime();
				assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(() -> this.holder.run(statement))
					.satisfies((ex) -> assertThat(SqlErrors.isLockTimeout(ex)).isTrue());
				assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
			}
		}
		this.other.rollback();
		assertThat(this.holder.complete(claimed)).hasSize(1);
		assertThat(this.work.jdbc()
			.queryForObject("SELECT paused_at IS NULL AND max_running IS NULL FROM durable_notify.work_queues "
					+ "WHERE queue_id = ?", Boolean.class, this.queue))
			.isTrue();
		closeClean();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "stringtype=unspecified", "prepareThreshold=-1" })
	void aQueueIsChangedInOneTransaction(String settings) {
		open(settings);
		for (int round = 0; round < ROUNDS; round++) {
			boolean paused = round % 2 == 0;
			int limit = round + 1;
			this.holder.run((connection, joined) -> this.holder.admin().pause(connection, this.name, paused));
			this.holder.run((connection, joined) -> this.holder.admin().limit(connection, this.name, limit));
			assertThat(this.work.jdbc()
				.queryForMap("SELECT paused_at IS NOT NULL AS paused, max_running FROM durable_notify.work_queues "
						+ "WHERE queue_id = ?", this.queue))
				.containsEntry("paused", paused)
				.containsEntry("max_running", limit);
			this.holder.begin();
			this.holder.run((connection, joined) -> this.holder.admin().limit(connection, this.name, null));
			this.holder.rollback();
		}
		closeClean();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=simple", "stringtype=unspecified" })
	void aFailedStatementLeavesTheConnectionUsable(String settings) throws SQLException {
		open(settings);
		for (int round = 0; round < ROUNDS; round++) {
			assertThatExceptionOfType(WorkTables.SqlFailure.class).isThrownBy(() -> this.holder
				.run((connection, joined) -> this.holder.admin().limit(connection, this.name, -1)));
			assertThat(this.holder.connection().getAutoCommit()).isTrue();
			this.holder.insert(this.name, "a");
			assertThat(this.holder.complete(claimOne("a"))).hasSize(1);
		}
		closeClean();
	}

}
