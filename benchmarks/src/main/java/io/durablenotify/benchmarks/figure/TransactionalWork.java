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

package io.durablenotify.benchmarks.figure;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import javax.sql.DataSource;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.CpuTime;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.benchmarks.harness.Throughput.Done;
import io.durablenotify.benchmarks.harness.Worked;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkOutcome;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Row 24. The same transaction on both sides: with {@code JdbcTemplate}, on a connection
 * of the same pool.
 */
public final class TransactionalWork implements Figure {

	private static final int THREADS = 8;

	/**
	 * The share of the items that are handled before it counts: that of the floor's time.
	 */
	private static final int WARM_UP = 4;

	private final AtomicLong transactions = new AtomicLong();

	private int queues;

	@Override
	public int row() {
		return 24;
	}

	@Override
	public String title() {
		return "work in the transaction of its handler, which inserts a row, 8 threads, beside that transaction alone";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int items = run.size().pick(16_000, 8_000, 200);
		List<Line> lines = new ArrayList<>();
		for (int prefetch : new int[] { 0, 2 * THREADS }) {
			try (Database database = run.createDatabase();
					Instance instance = Instance.start(database, "spring.datasource.hikari.maximum-pool-size=16")) {
				database.execute("CREATE TABLE effects (item_id bigint PRIMARY KEY, data bytea NOT NULL)");
				JdbcTemplate jdbc = new JdbcTemplate(instance.bean(DataSource.class));
				lines.addAll(Worked.lines(
						Rounds.alternate(run, () -> floor(run, database, instance, jdbc),
								() -> ours(database, instance, jdbc, prefetch, items)),
						(prefetch == 0) ? "as it comes" : "`prefetch = %d`".formatted(prefetch), "transactions/s",
						Target.atLeast(0.7)));
			}
		}
		return lines;
	}

	private Worked ours(Database database, Instance instance, JdbcTemplate jdbc, int prefetch, int items)
			throws Exception {
		String before = "before-" + ++this.queues;
		String queue = "transactional-" + this.queues;
		StoredItems.store(database, before, items / WARM_UP);
		long ids = StoredItems.store(database, queue, items);
		handle(database, instance, before, prefetch, new InsertingHandler(jdbc, items / WARM_UP));
		long effects = database.number("SELECT count(*) FROM effects");
		CountingHandler handler = new InsertingHandler(jdbc, items);
		Worked worked = Worked.of(database, items, () -> handle(database, instance, queue, prefetch, handler));
		handler.check(ids);
		Check.equal("effects", items, database.number("SELECT count(*) FROM effects") - effects);
		return worked;
	}

	private static double handle(Database database, Instance instance, String queue, int prefetch,
			CountingHandler handler) throws Exception {
		WorkListenerSpec spec = WorkListenerSpec.of(queue).concurrency(THREADS).inTransaction();
		return Backlog.handle(database, instance, (prefetch == 0) ? spec : spec.prefetch(prefetch), handler);
	}

	private Worked floor(Run run, Database database, Instance instance, JdbcTemplate jdbc) throws Exception {
		TransactionTemplate template = new TransactionTemplate(instance.bean(PlatformTransactionManager.class));
		CpuTime cpu = CpuTime.start(database.server());
		Done done = Throughput.of(THREADS, run.size().time(500), run.size().time(2_000), (thread) -> template
			.executeWithoutResult((status) -> insert(jdbc, -this.transactions.incrementAndGet())));
		return new Worked(done.perSecond(), cpu.micros(done.count()));
	}

	private static void insert(JdbcTemplate jdbc, long id) {
		jdbc.update("INSERT INTO effects (item_id, data) VALUES (?, ?)", id, Payload.chunk());
	}

	/**
	 * Inserts a row for each item.
	 */
	private static final class InsertingHandler extends CountingHandler {

		private final JdbcTemplate jdbc;

		InsertingHandler(JdbcTemplate jdbc, int expected) {
			super(expected);
			this.jdbc = jdbc;
		}

		@Override
		public WorkOutcome handle(WorkItem item) throws Exception {
			insert(this.jdbc, item.id());
			return super.handle(item);
		}

	}

}
