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

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Sql;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.work.WorkAdmin;

import org.springframework.http.MediaType;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

/**
 * Row 35. The same client posts the same requests on both sides, with as many threads as
 * the outbox has by default, to a receiver in this process.
 */
public final class OutboxSending implements Figure {

	private static final int THREADS = 8;

	private static final String QUEUE = "outbox/receiver";

	private static final String DATA = "{\"order\": 7, \"customer\": \"bob\", \"items\": [1, 2, 3], \"total\": 12.50}";

	@Override
	public int row() {
		return 35;
	}

	@Override
	public String title() {
		return "outbox, events to a local HTTP receiver, beside a loop of the same POSTs, 8 threads";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int events = run.size().pick(20_000, 10_000, 200);
		try (Receiver receiver = new Receiver();
				Database database = run.createDatabase();
				Instance instance = Instance.start(database,
						"durable-notify.outbox.http.receiver.url=" + receiver.url())) {
			RestClient client = RestClient.builder()
				.requestFactory(new JdkClientHttpRequestFactory(
						HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()))
				.build();
			return List.of(Rounds
				.alternate(run, () -> floor(run, client, receiver), () -> ours(database, instance, receiver, events))
				.line("binary mode", "events/s", Double::doubleValue, Double::doubleValue, Target.atLeast(0.7)));
		}
	}

	private static double ours(Database database, Instance instance, Receiver receiver, int events) throws Exception {
		WorkAdmin admin = instance.bean(WorkAdmin.class);
		admin.pause(QUEUE);
		store(database, events);
		CountDownLatch received = receiver.expect(events);
		long start = System.nanoTime();
		admin.resume(QUEUE);
		if (!received.await(2, TimeUnit.MINUTES)) {
			throw new IllegalStateException("%d events were not received".formatted(received.getCount()));
		}
		while (database.number("SELECT count(*) FROM durable_notify.work_claims") > 0) {
			Thread.sleep(1);
		}
		double perSecond = events * 1e9 / (System.nanoTime() - start);
		Check.equal("events received once", events, receiver.distinct());
		return perSecond;
	}

	private static void store(Database database, int events) throws SQLException {
		try (Connection connection = database.connect()) {
			long queueId = StoredItems.createQueue(connection, QUEUE);
			Sql.execute(connection, """
					INSERT INTO durable_notify.work_items (queue_id, payload)
						SELECT %d, convert_to('{"event_id":"' || gen_random_uuid() || '","type":"order.placed",'
							|| '"source":"/shop","time":"2026-11-29T10:15:30.123456Z",'
							|| '"data_content_type":"application/json","data":%s}', 'UTF8')
						FROM generate_series(1, %d)
					""".formatted(queueId, DATA, events));
			StoredItems.vacuum(connection);
		}
	}

	private static double floor(Run run, RestClient client, Receiver receiver) throws Exception {
		receiver.expect(0);
		byte[] data = DATA.getBytes(StandardCharsets.UTF_8);
		return Throughput
			.of(THREADS, run.size().time(500), run.size().time(2_000), (thread) -> post(client, receiver.url(), data))
			.perSecond();
	}

	private static void post(RestClient client, String url, byte[] data) {
		client.post()
			.uri(url)
			.header("ce-specversion", "1.0")
			.header("ce-id", "5f1d2c3e-8a4b-4f0e-9c1d-7b2a6e5d4c3f")
			.header("ce-type", "order.placed")
			.header("ce-source", "/shop")
			.header("ce-time", "2026-11-29T10:15:30.123456Z")
			.contentType(MediaType.APPLICATION_JSON)
			.body(data)
			.retrieve()
			.toBodilessEntity();
	}

	/**
	 * Counts what it gets.
	 */
	private static final class Receiver implements AutoCloseable {

		private final HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
				100);

		private final ExecutorService executor = Executors.newCachedThreadPool();

		private final Set<String> ids = ConcurrentHashMap.newKeySet();

		private volatile CountDownLatch expected = new CountDownLatch(0);

		private Receiver() throws IOException {
			this.server.setExecutor(this.executor);
			this.server.createContext("/", this::handle);
			this.server.start();
		}

		private void handle(HttpExchange exchange) throws IOException {
			try (exchange) {
				exchange.getRequestBody().readAllBytes();
				this.ids.add(exchange.getRequestHeaders().getFirst("ce-id"));
				exchange.sendResponseHeaders(204, -1);
			}
			this.expected.countDown();
		}

		private String url() {
			return "http://127.0.0.1:%d/events".formatted(this.server.getAddress().getPort());
		}

		private CountDownLatch expect(int events) {
			this.ids.clear();
			this.expected = new CountDownLatch(events);
			return this.expected;
		}

		private long distinct() {
			return this.ids.size();
		}

		@Override
		public void close() {
			this.server.stop(0);
			this.executor.shutdownNow();
		}

	}

}
