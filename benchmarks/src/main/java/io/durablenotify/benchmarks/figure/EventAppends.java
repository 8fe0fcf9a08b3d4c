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

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.event.AppendResult;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;

/**
 * Row 15.
 */
public final class EventAppends implements Figure {

	private static final int WARM_UP_MILLIS = 1_000;

	private static final int MEASURED_MILLIS = 2_000;

	private static final String PAYLOAD = "{\"step\": \"%s\"}".formatted("x".repeat(84));

	@Override
	public int row() {
		return 15;
	}

	@Override
	public String title() {
		return "`EventLog.append`, one thread, one run, beside raw autocommit INSERT of the same row";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database database = run.createDatabase();
				Connection connection = database.connect();
				RawEvents raw = new RawEvents(connection);
				Instance instance = Instance.start(database)) {
			OurEvents ours = new OurEvents(instance.bean(EventLog.class));
			return List.of(
					Rounds
						.alternate(run, () -> perSecond(run, (thread) -> raw.insert("step_completed")),
								() -> perSecond(run, (thread) -> ours.append("step_completed")))
						.line("`step_completed`", "events/s", Double::doubleValue, Double::doubleValue,
								Target.atLeast(0.6)),
					Rounds
						.alternate(run, () -> perSecond(run, (thread) -> raw.insert("step_created")),
								() -> perSecond(run, (thread) -> ours.append("step_created")))
						.line("`step_created`, which is unique", "events/s", Double::doubleValue, Double::doubleValue,
								Target.atLeast(0.6)));
		}
	}

	private static double perSecond(Run run, Throughput.Work work) throws Exception {
		return Throughput.of(1, run.size().time(WARM_UP_MILLIS), run.size().time(MEASURED_MILLIS), work).perSecond();
	}

	/**
	 * What the floor does, on a table of the same shape.
	 */
	private static final class RawEvents implements AutoCloseable {

		private final PreparedStatement insert;

		private long sequence;

		RawEvents(Connection connection) throws SQLException {
			this.insert = connection
				.prepareStatement("INSERT INTO raw_events (run_id, sequence, event_id, type, correlation_id, payload) "
						+ "VALUES (?, ?, ?, ?, ?, ?::json)");
		}

		void insert(String type) throws SQLException {
			this.insert.setString(1, "run");
			this.insert.setLong(2, ++this.sequence);
			this.insert.setObject(3, UUID.randomUUID());
			this.insert.setString(4, type);
			this.insert.setString(5, "step-" + this.sequence);
			this.insert.setString(6, PAYLOAD);
			this.insert.executeUpdate();
		}

		@Override
		public void close() throws SQLException {
			this.insert.close();
		}

	}

	private static final class OurEvents {

		private final EventLog events;

		private long sequence;

		OurEvents(EventLog events) {
			this.events = events;
		}

		void append(String type) {
			AppendResult result = this.events
				.append(NewEvent.of("run", type).correlationId("step-" + ++this.sequence).payload(PAYLOAD));
			Check.equal("the sequence", this.sequence, result.sequence());
		}

	}

}
