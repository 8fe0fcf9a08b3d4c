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
import java.util.stream.IntStream;

import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.benchmarks.harness.Database;
import org.jobrunr.jobs.lambdas.JobRequest;
import org.jobrunr.jobs.lambdas.JobRequestHandler;
import org.jobrunr.jobs.mappers.JobMapper;
import org.jobrunr.scheduling.JobRequestScheduler;
import org.jobrunr.server.BackgroundJobServer;
import org.jobrunr.server.BackgroundJobServerConfiguration;
import org.jobrunr.server.JobActivator;
import org.jobrunr.storage.StorageProvider;
import org.jobrunr.storage.sql.postgres.PostgresStorageProvider;
import org.jobrunr.utils.mapper.JsonMapper;
import org.jobrunr.utils.mapper.jackson3.Jackson3JsonMapper;
import org.jspecify.annotations.Nullable;

/**
 * JobRunr, whose jobs keep a row with their history when they are done.
 */
final class JobRunrPeer implements WorkPeer {

	private static final int THREADS = 20;

	/**
	 * The shortest that it allows. It fetches sooner when its workers are idle.
	 */
	private static final Duration POLL_INTERVAL = Duration.ofSeconds(5);

	private final HikariDataSource dataSource = new HikariDataSource();

	private final JsonMapper jsonMapper = new Jackson3JsonMapper();

	private final StorageProvider storage;

	private final JobRequestScheduler scheduler;

	private final NoOpHandler handler = new NoOpHandler();

	JobRunrPeer(Database database) {
		this.dataSource.setJdbcUrl(database.url());
		this.dataSource.setMaximumPoolSize(THREADS + 4);
		this.storage = new PostgresStorageProvider(this.dataSource);
		this.storage.setJobMapper(new JobMapper(this.jsonMapper));
		this.scheduler = new JobRequestScheduler(this.storage);
	}

	@Override
	public double handle(int items) throws Exception {
		this.scheduler.enqueue(IntStream.range(0, items).mapToObj(NoOp::new));
		Count count = new Count(items);
		this.handler.count = count;
		BackgroundJobServer server = new BackgroundJobServer(this.storage, this.jsonMapper, new JobActivator() {

			@Override
			public <T> T activateJob(Class<T> type) {
				return type.cast(JobRunrPeer.this.handler);
			}

		}, BackgroundJobServerConfiguration.usingStandardBackgroundJobServerConfiguration()
			.andWorkerCount(THREADS)
			.andPollInterval(POLL_INTERVAL));
		server.start();
		try {
			return count.awaitPerSecond();
		}
		finally {
			server.stop();
		}
	}

	@Override
	public double enqueue(int items) {
		// Not to be done by a later round
		Instant dueAt = Instant.now().plus(Duration.ofDays(1));
		long start = System.nanoTime();
		for (int i = 0; i < items; i++) {
			this.scheduler.schedule(dueAt, new NoOp(i));
		}
		return items * 1e9 / (System.nanoTime() - start);
	}

	@Override
	public void close() {
		this.storage.close();
		this.dataSource.close();
	}

	/**
	 * A job.
	 *
	 * @param number its number
	 */
	public record NoOp(int number) implements JobRequest {

		@Override
		public Class<NoOpHandler> getJobRequestHandler() {
			return NoOpHandler.class;
		}

	}

	/**
	 * Only counts.
	 */
	public static final class NoOpHandler implements JobRequestHandler<NoOp> {

		private volatile @Nullable Count count;

		@Override
		public void run(NoOp job) {
			Count count = this.count;
			if (count != null) {
				count.handled();
			}
		}

	}

}
