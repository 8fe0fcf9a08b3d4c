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
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

/**
 * A network between an instance and its server that a test can cut, freeze and count.
 */
public final class TcpProxy implements AutoCloseable {

	private final TestDatabase database;

	private volatile InetSocketAddress target;

	private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

	private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

	private final AtomicInteger accepted = new AtomicInteger();

	/**
	 * Guards {@link #frozen} and {@link #rejecting}.
	 */
	private final Object mode = new Object();

	private boolean frozen;

	private boolean rejecting;

	/**
	 * After how many more bytes from the server to freeze, or a negative number. Guarded
	 * by {@link #mode}.
	 */
	private int bytesUntilFrozen = -1;

	private TcpProxy(TestDatabase database) throws IOException {
		this.database = database;
		this.target = address(database);
		start(this::accept);
	}

	private static InetSocketAddress address(TestDatabase database) {
		Properties properties = Driver.parseURL(database.url(), new Properties());
		return new InetSocketAddress(PGProperty.PG_HOST.getOrDefault(properties),
				Integer.parseInt(PGProperty.PG_PORT.getOrDefault(properties)));
	}

	/**
	 * Lead to the server of a database.
	 */
	public static TcpProxy to(TestDatabase database) {
		try {
			return new TcpProxy(database);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Return the database's URL through here.
	 */
	public String url() {
		return this.database.url()
			.replaceFirst("//[^/]+/", "//%s:%d/".formatted(this.server.getInetAddress().getHostAddress(), port()));
	}

	public int port() {
		return this.server.getLocalPort();
	}

	/**
	 * Return how many connections were tried.
	 */
	public int accepted() {
		return this.accepted.get();
	}

	/**
	 * Return how many connections there are.
	 */
	public int open() {
		return this.sockets.size() / 2;
	}

	/**
	 * Hold back all bytes, of new connections too, and close nothing.
	 */
	public void freeze() {
		set(true, false);
	}

	/**
	 * Let some more bytes from the server through and freeze then, in the middle of a
	 * message.
	 */
	public void freezeAfter(int bytes) {
		synchronized (this.mode) {
			this.bytesUntilFrozen = bytes;
		}
	}

	/**
	 * Reset all connections, and each new one.
	 */
	public void reject() {
		set(false, true);
		reset();
	}

	/**
	 * Let through what was held back, and all that comes.
	 */
	public void pass() {
		set(false, false);
	}

	/**
	 * Lead new connections to another server, and reset all others.
	 * @param database a database of the same name
	 */
	public void leadTo(TestDatabase database) {
		this.target = address(database);
		reset();
	}

	/**
	 * Reset all connections.
	 */
	public void reset() {
		this.sockets.forEach(TcpProxy::reset);
	}

	private void set(boolean frozen, boolean rejecting) {
		synchronized (this.mode) {
			this.frozen = frozen;
			this.rejecting = rejecting;
			this.mode.notifyAll();
		}
	}

	private void accept() throws IOException {
		while (true) {
			Socket client = this.server.accept();
			this.accepted.incrementAndGet();
			if (isRejecting()) {
				reset(client);
				continue;
			}
			Socket upstream;
			try {
				upstream = new Socket(this.target.getAddress(), this.target.getPort());
			}
			catch (IOException ex) {
				// The server is down
				reset(client);
				continue;
			}
			this.sockets.addAll(List.of(client, upstream));
			start(() -> pump(client, upstream, false));
			start(() -> pump(upstream, client, true));
		}
	}

	private boolean isRejecting() {
		synchronized (this.mode) {
			return this.rejecting;
		}
	}

	private void pump(Socket from, Socket to, boolean fromServer) throws IOException {
		try {
			InputStream in = from.getInputStream();
			OutputStream out = to.getOutputStream();
			byte[] buffer = new byte[8192];
			for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
				int passing = (fromServer) ? freezeWithin(length) : 0;
				out.write(buffer, 0, passing);
				awaitThaw();
				out.write(buffer, passing, length - passing);
			}
			awaitThaw();
		}
		finally {
			from.close();
			to.close();
			this.sockets.removeAll(List.of(from, to));
		}
	}

	private int freezeWithin(int length) {
		synchronized (this.mode) {
			if (this.bytesUntilFrozen < 0) {
				return 0;
			}
			int passing = Math.min(length, this.bytesUntilFrozen);
			this.bytesUntilFrozen = -1;
			this.frozen = true;
			return passing;
		}
	}

	private void awaitThaw() throws IOException {
		synchronized (this.mode) {
			while (this.frozen) {
				try {
					this.mode.wait();
				}
				catch (InterruptedException ex) {
					throw new IOException(ex);
				}
			}
		}
	}

	private static void reset(Socket socket) {
		try {
			socket.setSoLinger(true, 0);
			socket.close();
		}
		catch (IOException ex) {
			// It is gone either way
		}
	}

	private static void start(Pump task) {
		Thread thread = new Thread(() -> {
			try {
				task.run();
			}
			catch (IOException ex) {
				// The connection, or the proxy, was closed
			}
		}, "tcp-proxy");
		thread.setDaemon(true);
		thread.start();
	}

	@Override
	public void close() {
		try {
			this.server.close();
		}
		catch (IOException ex) {
			// It is gone either way
		}
		reject();
	}

	private interface Pump {

		void run() throws IOException;

	}

}
