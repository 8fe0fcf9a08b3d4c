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

package io.durablenotify.listener;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import javax.net.SocketFactory;

import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGNotification;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PromptSocketFactory} under a {@link ListenerConnection}.
 */
class PromptSocketTests {

	@Fixture
	private static TestDatabase database;

	private Connection sender;

	@BeforeEach
	void openSender() throws SQLException {
		this.sender = DriverManager.getConnection(database.url());
	}

	@AfterEach
	void closeSender() throws SQLException {
		this.sender.close();
	}

	@Test
	void aNotificationArrivesWithoutTheDriversDelayOfAMillisecond() throws Exception {
		int rounds = 200;
		try (Timed prompt = new Timed("prompt", open(true)); Timed plain = new Timed("plain", open(false))) {
			List<Duration> promptTimes = new ArrayList<>();
			List<Duration> plainTimes = new ArrayList<>();
			for (int i = 0; i < rounds; i++) {
				promptTimes.add(prompt.measure());
				plainTimes.add(plain.measure());
			}
			// Where this fails, the driver has changed and the factory may go
			assertThat(median(plainTimes)).isGreaterThan(Duration.ofMillis(1));
			assertThat(median(promptTimes)).isLessThan(median(plainTimes));
		}
	}

	private static Duration median(List<Duration> times) {
		return times.stream().sorted().toList().get(times.size() / 2);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void payloadsOfAllSizesInBurstsArriveWholeAndInOrder(boolean prompt) throws Exception {
		Random random = new Random(42);
		List<String> sent = new ArrayList<>();
		for (int i = 0; i < 2000; i++) {
			sent.add(i + " " + "x".repeat(random.nextInt(7900)));
		}
		try (ListenerConnection connection = open(prompt)) {
			connection.requirePrimary();
			connection.listen("bursts");
			CompletableFuture<Void> sending = Background.run(() -> sendInBursts(sent, random));
			List<String> received = new ArrayList<>();
			Eventually.await(() -> {
				try {
					connection.await(Duration.ofMillis(1))
						.forEach((notification) -> received.add(notification.getParameter()));
					// Statements in between, in whose answers notifications hide
					connection.requireAnswer(Duration.ofSeconds(5));
					connection.takeHeardInStatements()
						.forEach((notification) -> received.add(notification.getParameter()));
				}
				catch (SQLException ex) {
					throw new IllegalStateException(ex);
				}
				return received.size() >= sent.size();
			}, received::size);
			sending.get(30, TimeUnit.SECONDS);
			assertThat(received).isEqualTo(sent);
		}
	}

	private void sendInBursts(List<String> payloads, Random random) {
		try (PreparedStatement statement = this.sender.prepareStatement("SELECT pg_notify('bursts', ?)")) {
			int next = 0;
			while (next < payloads.size()) {
				int burst = Math.min(1 + random.nextInt(50), payloads.size() - next);
				this.sender.setAutoCommit(false);
				for (int i = 0; i < burst; i++) {
					statement.setString(1, payloads.get(next++));
					statement.execute();
				}
				this.sender.setAutoCommit(true);
			}
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void aSocketFactoryOfTheUsersInTheUrlIsKept() throws Exception {
		int before = CountingSocketFactory.created.get();
		String url = database.url() + "&socketFactory=" + CountingSocketFactory.class.getName();
		try (ListenerConnection connection = open(new DriverConnectionDetails(url, null, null, Map.of()), true)) {
			connection.requirePrimary();
		}
		assertThat(CountingSocketFactory.created).hasValue(before + 1);
	}

	@Test
	void aSocketFactoryOfTheUsersInTheDriversPropertiesIsKept() throws Exception {
		int before = CountingSocketFactory.created.get();
		Map<String, String> properties = Map.of("socketFactory", CountingSocketFactory.class.getName());
		try (ListenerConnection connection = open(new DriverConnectionDetails(database.url(), null, null, properties),
				true)) {
			connection.requirePrimary();
		}
		assertThat(CountingSocketFactory.created).hasValue(before + 1);
	}

	@Test
	void allWaysToCreateASocketConnect() throws Exception {
		PromptSocketFactory factory = new PromptSocketFactory();
		InetAddress loopback = InetAddress.getLoopbackAddress();
		try (ServerSocket server = new ServerSocket(0, 10, loopback)) {
			int port = server.getLocalPort();
			for (Socket socket : List.of(factory.createSocket(loopback, port),
					factory.createSocket(loopback.getHostAddress(), port),
					factory.createSocket(loopback, port, loopback, 0),
					factory.createSocket(loopback.getHostAddress(), port, loopback, 0))) {
				assertThat(socket.isConnected()).isTrue();
				assertThat(socket.getLocalAddress()).isEqualTo(loopback);
				socket.close();
			}
			assertThat(factory.createSocket().isConnected()).isFalse();
		}
	}

	private static ListenerConnection open(boolean prompt) throws SQLException {
		return open(new DriverConnectionDetails(database.url(), null, null, Map.of()), prompt);
	}

	private static ListenerConnection open(DriverConnectionDetails details, boolean prompt) throws SQLException {
		return ListenerConnection.open(details,
				new ListenerProperties(true, true, prompt, null, null, null, null, Duration.ofSeconds(10),
						new ListenerProperties.Backoff(Duration.ofSeconds(1), 2, Duration.ofSeconds(1), Duration.ZERO),
						new ListenerProperties.Probe(Duration.ofSeconds(10), Duration.ofSeconds(5))),
				"prompt-socket");
	}

	/**
	 * Times notifications on a separate channel.
	 */
	private final class Timed implements AutoCloseable {

		private final ListenerConnection connection;

		private final BlockingQueue<Long> arrivals = new LinkedBlockingQueue<>();

		private final PreparedStatement statement;

		private Timed(String channel, ListenerConnection connection) throws SQLException {
			this.connection = connection;
			this.statement = PromptSocketTests.this.sender.prepareStatement("SELECT pg_notify(?, '')");
			this.statement.setString(1, channel);
			connection.listen(channel);
			connection.takeHeardInStatements();
			Thread thread = new Thread(this::listen, channel);
			thread.setDaemon(true);
			thread.start();
		}

		private void listen() {
			try {
				while (true) {
					for (PGNotification ignored : this.connection.await(Duration.ofSeconds(1))) {
						this.arrivals.add(System.nanoTime());
					}
				}
			}
			catch (SQLException ex) {
				// Closed
			}
		}

		private Duration measure() throws Exception {
			long start = System.nanoTime();
			this.statement.execute();
			Long arrival = this.arrivals.poll(30, TimeUnit.SECONDS);
			assertThat(arrival).isNotNull();
			return Duration.ofNanos(arrival - start);
		}

		@Override
		public void close() {
			this.connection.close();
		}

	}

	/**
	 * Public because the driver creates it.
	 */
	public static final class CountingSocketFactory extends SocketFactory {

		private static final AtomicInteger created = new AtomicInteger();

		@Override
		public Socket createSocket() {
			created.incrementAndGet();
			return new Socket();
		}

		@Override
		public Socket createSocket(String host, int port) throws IOException {
			throw new UnsupportedOperationException();
		}

		@Override
		public Socket createSocket(String host, int port, InetAddress localHost, int localPort) throws IOException {
			throw new UnsupportedOperationException();
		}

		@Override
		public Socket createSocket(InetAddress host, int port) throws IOException {
			throw new UnsupportedOperationException();
		}

		@Override
		public Socket createSocket(InetAddress address, int port, InetAddress localAddress, int localPort)
				throws IOException {
			throw new UnsupportedOperationException();
		}

	}

}
