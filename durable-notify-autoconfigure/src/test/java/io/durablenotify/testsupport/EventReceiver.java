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
package io.durablenotify.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/**
 * A receiver of events over HTTP, which remembers what it gets, and answers as a test
 * wants.
 */
public final class EventReceiver implements AutoCloseable {

	private static final Handler OK = (request, exchange) -> answer(exchange, 204);

	private final List<Request> requests = Collections.synchronizedList(new ArrayList<>());

	private final Set<String> distinct = ConcurrentHashMap.newKeySet();

	private final AtomicInteger running = new AtomicInteger();

	private final AtomicInteger mostRunning = new AtomicInteger();

	private final ExecutorService executor = Executors.newCachedThreadPool();

	private volatile Handler handler = OK;

	private HttpServer server;

	private int port;

	/**
	 * Keeps the port from others, without listening to it.
	 */
	private Socket reserved = new Socket();

	private EventReceiver() {
	}

	/**
	 * Start a receiver on any port.
	 */
	public static EventReceiver start() {
		EventReceiver receiver = new EventReceiver();
		receiver.open();
		return receiver;
	}

	/**
	 * Open, on the same port as before.
	 */
	public void open() {
		try {
			this.reserved.close();
			this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), this.port), 1_000);
			this.port = this.server.getAddress().getPort();
			this.server.setExecutor(this.executor);
			this.server.createContext("/", this::handle);
			this.server.start();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Go away: connections are refused.
	 */
	public void goAway() {
		this.server.stop(0);
		this.reserved = Ports.reserve(this.port);
	}

	public String url() {
		return "http://127.0.0.1:%d/events".formatted(this.port);
	}

	/**
	 * Answer in another way from now on.
	 */
	public void answer(Handler handler) {
		this.handler = handler;
	}

	public void answer(int status) {
		answer((request, exchange) -> answer(exchange, status));
	}

	public void answerWell() {
		answer(OK);
	}

	public static void answer(HttpExchange exchange, int status) throws IOException {
		exchange.sendResponseHeaders(status, -1);
	}

	private void handle(HttpExchange exchange) throws IOException {
		int running = this.running.incrementAndGet();
		this.mostRunning.accumulateAndGet(running, Math::max);
		try (exchange) {
			Map<String, String> headers = new LinkedHashMap<>();
			exchange.getRequestHeaders().forEach((name, values) -> headers.put(name.toLowerCase(), values.get(0)));
			Request request = new Request(headers, exchange.getRequestBody().readAllBytes());
			this.requests.add(request);
			if (request.id() != null) {
				this.distinct.add(request.id());
			}
			this.handler.handle(request, exchange);
		}
		finally {
			this.running.decrementAndGet();
		}
	}

	/**
	 * Return what was received, in its order.
	 */
	public List<Request> requests() {
		synchronized (this.requests) {
			return List.copyOf(this.requests);
		}
	}

	public List<String> ids() {
		return requests().stream().map(Request::id).toList();
	}

	/**
	 * Wait until so many events were received, each once or more often, as long as more
	 * of them come.
	 */
	public void awaitDistinct(int count) {
		while (this.distinct.size() < count) {
			int next = Math.min(count, this.distinct.size() + 500);
			Eventually.await(() -> this.distinct.size() >= next, () -> "%d events: %s".formatted(next, this));
		}
	}

	/**
	 * Forget what was received.
	 */
	public void clear() {
		this.distinct.clear();
		this.requests.clear();
		this.mostRunning.set(this.running.get());
	}

	/**
	 * Return how many requests were handled at once, at most.
	 */
	public int mostRunning() {
		return this.mostRunning.get();
	}

	public void awaitRequests(int count) {
		Eventually.await(() -> this.requests.size() >= count, this::toString);
	}

	@Override
	public void close() {
		try {
			this.reserved.close();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		this.server.stop(0);
		this.executor.shutdownNow();
	}

	@Override
	public String toString() {
		List<Request> requests = requests();
		return "%d requests, at last %s".formatted(requests.size(),
				requests.subList(Math.max(0, requests.size() - 20), requests.size()));
	}

	/**
	 * A request in binary mode, or in any other.
	 *
	 * @param headers by their names in lower case
	 */
	public record Request(Map<String, String> headers, byte[] body) {

		public String id() {
			return this.headers.get("ce-id");
		}

		public String text() {
			return new String(this.body, StandardCharsets.UTF_8);
		}

		@Override
		public String toString() {
			return "%s %s".formatted(id(), text());
		}

	}

	/**
	 * Answers a request.
	 */
	@FunctionalInterface
	public interface Handler {

		void handle(Request request, HttpExchange exchange) throws IOException;

	}

}
