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
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.RawChanges;
import io.durablenotify.benchmarks.harness.RawChunks;
import io.durablenotify.benchmarks.harness.RawItems;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.PromptSocketFactory;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGProperty;

/**
 * What runs in the other process: readers, listeners, and whole instances that only
 * listen. Row 39 has a writer in another process too.
 */
public final class OtherProcess implements ChildProcess.Service {

	private final List<Instance> instances = new ArrayList<>();

	private @Nullable LatencySource handler;

	private @Nullable Subscription subscription;

	private OtherProcess() {
	}

	public static void main(String[] arguments) throws Exception {
		ChildProcess.serve(new OtherProcess());
	}

	/**
	 * Answer: {@code clock}; {@code instances url count}; {@code subscribe stream count};
	 * {@code receive topic count}; {@code handle queue count};
	 * {@code hold url queue count property}; {@code listen url channel count};
	 * {@code report}; {@code append stream count rate}; {@code publish topic count rate};
	 * {@code enqueue queue count rate}; and of rows in a table of the floor, which is
	 * {@code chunks}, {@code changes} or {@code items},
	 * {@code follow table url channel count} and
	 * {@code insert table url channel count rate}.
	 */
	@Override
	public String answer(String[] command) throws Exception {
		switch (command[0]) {
			case "clock" -> {
				return String.valueOf(System.nanoTime());
			}
			case "instances" -> startInstances(command[1], Integer.parseInt(command[2]));
			case "subscribe" -> {
				LatencyHandler handler = new LatencyHandler(Integer.parseInt(command[2]));
				this.handler = handler;
				this.subscription = this.instances.get(0)
					.reader()
					.subscribe(command[1], StreamPosition.start(), handler);
			}
			case "receive" -> {
				LatencyHandler handler = new LatencyHandler(Integer.parseInt(command[2]));
				this.handler = handler;
				this.subscription = this.instances.get(0)
					.bean(ChangeNotifier.class)
					.subscribe(command[1], new ChangeLatencyHandler(handler));
			}
			case "handle" -> {
				WorkLatencyHandler handler = new WorkLatencyHandler(Integer.parseInt(command[2]));
				this.handler = handler;
				this.subscription = this.instances.get(0)
					.bean(WorkListeners.class)
					.register(WorkListenerSpec.of(command[1]), handler);
			}
			case "hold" -> hold(Instance.start(command[1], command[4]), command[2], Integer.parseInt(command[3]));
			case "listen" -> listen(command[1], command[2], Integer.parseInt(command[3]), Row.NONE);
			case "follow" ->
				listen(command[2], command[3], Integer.parseInt(command[4]), reader(command[1], command[2]));
			case "append" ->
				PacedAppends.append(pace(command[2], command[3]), this.instances.get(0).writer(), command[1]);
			case "publish" -> ChangeLatency.publish(pace(command[2], command[3]),
					this.instances.get(0).bean(ChangeNotifier.class), command[1]);
			case "enqueue" -> WorkLatency.enqueue(pace(command[2], command[3]),
					this.instances.get(0).bean(WorkQueue.class), command[1]);
			case "insert" -> insert(command[1], command[2], command[3], pace(command[4], command[5]));
			case "report" -> {
				return report();
			}
			default -> throw new IllegalArgumentException(command[0]);
		}
		return "ok";
	}

	private void startInstances(String url, int count) throws InterruptedException {
		for (int i = 0; i < count; i++) {
			this.instances.add(Instance.start(url, "spring.datasource.hikari.maximum-pool-size=2"));
		}
		for (Instance instance : this.instances) {
			while (instance.listener().state().status() != ListenerState.Status.LISTENING) {
				Thread.sleep(10);
			}
		}
	}

	/**
	 * Claim items, and never complete them.
	 */
	private void hold(Instance instance, String queue, int count) {
		this.instances.add(instance);
		instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(queue).concurrency(1).prefetch(count - 1), (item) -> {
				new CountDownLatch(1).await();
				return WorkOutcome.done();
			});
	}

	/**
	 * Listen as our listener does, and do nothing else.
	 */
	private void listen(String url, String channel, int count, Row row) throws SQLException {
		Properties properties = new Properties();
		properties.setProperty(PGProperty.SOCKET_FACTORY.getName(), PromptSocketFactory.class.getName());
		Connection connection = DriverManager.getConnection(url, properties);
		try (Statement statement = connection.createStatement()) {
			statement.execute("LISTEN " + channel);
		}
		LatencyHandler handler = new LatencyHandler(count);
		this.handler = handler;
		Thread thread = new Thread(() -> receive(connection, handler, count, row), "listen");
		thread.setDaemon(true);
		thread.start();
	}

	private static void receive(Connection connection, LatencyHandler handler, int count, Row row) {
		try (connection) {
			int received = 0;
			while (received < count) {
				for (PGNotification notification : connection.unwrap(PGConnection.class).getNotifications(10_000)) {
					row.read(received);
					handler.received(received++, Long.parseLong(notification.getParameter()));
				}
			}
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Return what reads the row of each notification.
	 */
	private static Row reader(String table, String url) throws SQLException {
		return switch (table) {
			case "chunks" -> {
				RawChunks raw = new RawChunks(url, RawChunks.TABLE);
				yield (index) -> Check.equal("the next index", index + 1, raw.readPage(1, index, 1));
			}
			case "changes" -> {
				RawChanges raw = new RawChanges(url);
				RawChanges.Row[] row = { RawChanges.Row.FIRST };
				yield (index) -> row[0] = raw.readNext(row[0].xact(), row[0].id());
			}
			case "items" -> {
				RawItems raw = new RawItems(url, 1);
				yield (index) -> Check.equal("items taken", 1, raw.take());
			}
			default -> throw new IllegalArgumentException(table);
		};
	}

	/**
	 * Insert rows, and notify of each.
	 */
	private static void insert(String table, String url, String channel, Pace pace) throws Exception {
		byte[] data = Payload.chunk();
		switch (table) {
			case "chunks" -> {
				try (RawChunks raw = new RawChunks(url, RawChunks.TABLE)) {
					insert(raw.connection(), (i) -> raw.insert(1, i, data), channel, pace);
				}
			}
			case "changes" -> {
				try (RawChanges raw = new RawChanges(url)) {
					insert(raw.connection(), (i) -> raw.insert("topic", i + ":" + System.nanoTime()), channel, pace);
				}
			}
			case "items" -> {
				try (RawItems raw = new RawItems(url, 1)) {
					insert(raw.connection(), (i) -> raw.insert(data), channel, pace);
				}
			}
			default -> throw new IllegalArgumentException(table);
		}
	}

	private static void insert(Connection connection, Pace.Step row, String channel, Pace pace) throws Exception {
		try (PreparedStatement notify = connection.prepareStatement("SELECT pg_notify(?, ?)")) {
			notify.setString(1, channel);
			pace.run((i) -> {
				long start = System.nanoTime();
				row.run(i);
				notify.setString(2, String.valueOf(start));
				notify.execute();
			});
		}
	}

	private static Pace pace(String count, String perSecond) {
		return new Pace(Integer.parseInt(count), Integer.parseInt(perSecond));
	}

	private String report() throws InterruptedException {
		if (this.handler == null) {
			throw new IllegalStateException("Nothing is being received");
		}
		String report = this.handler.await().encode();
		if (this.subscription != null) {
			this.subscription.cancel();
		}
		return report;
	}

	@Override
	public void close() {
		this.instances.forEach(Instance::close);
	}

	/**
	 * The row of a notification.
	 */
	private interface Row {

		/**
		 * The floor of what is only notified of.
		 */
		Row NONE = (index) -> {
		};

		void read(long index) throws SQLException;

	}

}
