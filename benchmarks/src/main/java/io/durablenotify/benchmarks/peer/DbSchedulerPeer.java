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

package io.durablenotify.benchmarks.peer;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerClient;
import com.github.kagkarlsson.scheduler.serializer.Serializer;
import com.github.kagkarlsson.scheduler.task.TaskInstance;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Payload;
import org.jspecify.annotations.Nullable;

/**
 * db-scheduler, polling by lock-and-fetch, which its documentation recommends for much
 * work. An execution is deleted when it is done, in a transaction of its own.
 */
final class DbSchedulerPeer implements WorkPeer {

	private static final int THREADS = 20;

	private static final int BATCH = 1_000;

	private static final String TABLE = """
			CREATE TABLE scheduled_tasks (
				task_name text NOT NULL,
				task_instance text NOT NULL,
				task_data bytea,
				execution_time timestamptz,
				picked boolean NOT NULL,
				picked_by text,
				last_success timestamptz,
				last_failure timestamptz,
				consecutive_failures int,
				last_heartbeat timestamptz,
				version bigint NOT NULL,
				priority smallint,
				state text,
				PRIMARY KEY (task_name, task_instance)
			);
			CREATE INDEX execution_time_idx ON scheduled_tasks (execution_time);
			CREATE INDEX last_heartbeat_idx ON scheduled_tasks (last_heartbeat)
			""";

	private final HikariDataSource dataSource = new HikariDataSource();

	private volatile @Nullable Count count;

	private final OneTimeTask<byte[]> task = Tasks.oneTime("work", byte[].class)
		.execute((instance, context) -> handled());

	private long tasks;

	DbSchedulerPeer(Database database) throws Exception {
		database.execute(TABLE);
		this.dataSource.setJdbcUrl(database.url());
		this.dataSource.setMaximumPoolSize(THREADS + 4);
	}

	private void handled() {
		Count count = this.count;
		if (count != null) {
			count.handled();
		}
	}

	@Override
	public double handle(int items) throws Exception {
		SchedulerClient client = client();
		for (int stored = 0; stored < items;) {
			List<TaskInstance<?>> batch = new ArrayList<>();
			while (batch.size() < BATCH && stored < items) {
				batch.add(next());
				stored++;
			}
			client.scheduleBatch(batch, Instant.now());
		}
		Count count = new Count(items);
		this.count = count;
		Scheduler scheduler = Scheduler.create(this.dataSource, this.task)
			.serializer(new Bytes())
			.threads(THREADS)
			.pollUsingLockAndFetch(0.5, 4)
			.pollingInterval(Duration.ofMillis(50))
			.shutdownMaxWait(Duration.ofSeconds(5))
			.build();
		scheduler.start();
		try {
			return count.awaitPerSecond();
		}
		finally {
			scheduler.stop();
		}
	}

	@Override
	public double enqueue(int items) throws Exception {
		SchedulerClient client = client();
		long start = System.nanoTime();
		// Not to be done by a later round
		Instant dueAt = Instant.now().plus(Duration.ofDays(1));
		for (int i = 0; i < items; i++) {
			Check.that(client.scheduleIfNotExists(next(), dueAt), "A task was there already");
		}
		return items * 1e9 / (System.nanoTime() - start);
	}

	private SchedulerClient client() {
		return SchedulerClient.Builder.create(this.dataSource, this.task).serializer(new Bytes()).build();
	}

	private TaskInstance<byte[]> next() {
		return this.task.instance(String.valueOf(++this.tasks), Payload.chunk());
	}

	@Override
	public void close() {
		this.dataSource.close();
	}

	/**
	 * Bytes as they are.
	 */
	private static final class Bytes implements Serializer {

		@Override
		public byte[] serialize(Object data) {
			return (byte[]) data;
		}

		@Override
		public <T> T deserialize(Class<T> type, byte[] data) {
			return type.cast(data);
		}

	}

}
