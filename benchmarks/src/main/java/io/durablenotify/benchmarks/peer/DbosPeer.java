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
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import dev.dbos.transact.DBOS;
import dev.dbos.transact.StartWorkflowOptions;
import dev.dbos.transact.config.DBOSConfig;
import dev.dbos.transact.workflow.Workflow;
import dev.dbos.transact.workflow.WorkflowHandle;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;

/**
 * DBOS Transact's streams, which workflows write.
 */
final class DbosPeer implements Peer {

	private static final String KEY = "chunks";

	/**
	 * As many characters as others have bytes.
	 */
	private static final String CHUNK = "x".repeat(Payload.BYTES);

	private final Database database;

	private final DBOS dbos;

	private final Writing writing;

	private final AtomicInteger workflows = new AtomicInteger();

	DbosPeer(Database database) {
		this.database = database;
		this.dbos = new DBOS(DBOSConfig.defaults("benchmark")
			.withDatabaseUrl(database.url())
			.withDbUser("postgres")
			.withDbPassword(""));
		this.writing = this.dbos.registerProxy(Writing.class, new DefaultWriting(this.dbos));
		this.dbos.launch();
	}

	private StartWorkflowOptions newWorkflow() {
		return new StartWorkflowOptions("workflow-" + this.workflows.incrementAndGet());
	}

	@Override
	public double append(int writers, Duration time) throws Exception {
		List<WorkflowHandle<Long, RuntimeException>> handles = new ArrayList<>();
		for (int i = 0; i < writers; i++) {
			handles.add(this.dbos.startWorkflow(() -> this.writing.writeFor(time.toMillis()), newWorkflow()));
		}
		double perSecond = 0;
		for (WorkflowHandle<Long, RuntimeException> handle : handles) {
			long written = handle.getResult();
			perSecond += written * 1e9 / time.toNanos();
			// The end is a row too
			Check.equal("chunks", written + 1, this.database
				.number("SELECT count(*) FROM dbos.streams WHERE workflow_uuid = '%s'".formatted(handle.workflowId())));
		}
		return perSecond;
	}

	@Override
	public Latency latency(int count, int perSecond) throws Exception {
		WorkflowHandle<Long, RuntimeException> handle = this.dbos
			.startWorkflow(() -> this.writing.write(count, perSecond), newWorkflow());
		Arrivals arrivals = new Arrivals(count);
		for (Iterator<Object> chunks = this.dbos.readStream(handle.workflowId(), KEY); chunks.hasNext();) {
			arrivals.received(Long.parseLong(String.valueOf(chunks.next()).trim()));
		}
		handle.getResult();
		return arrivals.await();
	}

	@Override
	public double read(int chunks) {
		WorkflowHandle<Long, RuntimeException> handle = this.dbos
			.startWorkflow(() -> this.writing.write(chunks, Integer.MAX_VALUE), newWorkflow());
		handle.getResult();
		long start = System.nanoTime();
		int read = 0;
		for (Iterator<Object> stored = this.dbos.readStream(handle.workflowId(), KEY); stored.hasNext();) {
			stored.next();
			read++;
		}
		Check.equal("chunks", chunks, read);
		return read * 1e9 / (System.nanoTime() - start);
	}

	@Override
	public void close() {
		this.dbos.shutdown();
	}

	/**
	 * The workflows.
	 */
	public interface Writing {

		long writeFor(long millis);

		long write(int count, int perSecond);

	}

	/**
	 * Writes streams. Both end what they wrote.
	 */
	public static final class DefaultWriting implements Writing {

		private final DBOS dbos;

		DefaultWriting(DBOS dbos) {
			this.dbos = dbos;
		}

		@Override
		@Workflow(name = "writeFor")
		public long writeFor(long millis) {
			long end = System.nanoTime() + Duration.ofMillis(millis).toNanos();
			long count = 0;
			while (System.nanoTime() - end < 0) {
				this.dbos.writeStream(KEY, CHUNK);
				count++;
			}
			this.dbos.closeStream(KEY);
			return count;
		}

		@Override
		@Workflow(name = "write")
		public long write(int count, int perSecond) {
			try {
				new Pace(count, perSecond)
					.run((i) -> this.dbos.writeStream(KEY, ("%" + Payload.BYTES + "d").formatted(System.nanoTime())));
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
			this.dbos.closeStream(KEY);
			return count;
		}

	}

}
