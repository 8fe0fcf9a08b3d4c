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

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A connection to the server that can be cut. Counts the attempts to connect while it is.
 */
final class Relay implements AutoCloseable {

	private final ServerSocket server = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());

	private final int target;

	private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

	private final AtomicInteger rejected = new AtomicInteger();

	private volatile boolean cut;

	/**
	 * Lead to a port of this machine.
	 */
	Relay(int target) throws IOException {
		this.target = target;
		start(this::accept);
	}

	int port() {
		return this.server.getLocalPort();
	}

	/**
	 * Close all connections, and each new one at once.
	 */
	void cut() {
		this.cut = true;
		this.sockets.forEach(Relay::close);
	}

	void restore() {
		this.cut = false;
	}

	/**
	 * Return how many connections were tried while it was cut.
	 */
	int rejected() {
		return this.rejected.get();
	}

	private void accept() throws IOException {
		while (true) {
			Socket client = this.server.accept();
			if (this.cut) {
				this.rejected.incrementAndGet();
				close(client);
				continue;
			}
			Socket upstream = new Socket(InetAddress.getLoopbackAddress(), this.target);
			this.sockets.add(client);
			this.sockets.add(upstream);
			start(() -> pump(client, upstream));
			start(() -> pump(upstream, client));
		}
	}

	private void pump(Socket from, Socket to) throws IOException {
		try (from; to) {
			InputStream in = from.getInputStream();
			OutputStream out = to.getOutputStream();
			in.transferTo(out);
		}
		finally {
			this.sockets.remove(from);
			this.sockets.remove(to);
		}
	}

	private static void close(Socket socket) {
		try {
			socket.setSoLinger(true, 0);
			socket.close();
		}
		catch (IOException ex) {
			// It is gone either way
		}
	}

	private static void start(Task task) {
		Thread thread = new Thread(() -> {
			try {
				task.run();
			}
			catch (IOException ex) {
				// The connection, or the relay, was closed
			}
		}, "relay");
		thread.setDaemon(true);
		thread.start();
	}

	@Override
	public void close() throws IOException {
		this.server.close();
		this.sockets.forEach(Relay::close);
	}

	private interface Task {

		void run() throws IOException;

	}

}
