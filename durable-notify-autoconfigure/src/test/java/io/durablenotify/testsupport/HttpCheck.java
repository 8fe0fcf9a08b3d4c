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

import com.sun.net.httpserver.HttpServer;

/**
 * Answers by HTTP whether a server is the primary, as Patroni does.
 */
public final class HttpCheck implements AutoCloseable {

	private final HttpServer server;

	private HttpCheck(TestDatabase database) throws IOException {
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		this.server.createContext("/primary", (exchange) -> {
			exchange.sendResponseHeaders((isPrimary(database)) ? 200 : 503, -1);
			exchange.close();
		});
		this.server.start();
	}

	/**
	 * Start answering.
	 */
	public static HttpCheck of(TestDatabase database) {
		try {
			return new HttpCheck(database);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static boolean isPrimary(TestDatabase database) {
		try {
			return Boolean.FALSE.equals(database.jdbc().queryForObject("SELECT pg_is_in_recovery()", Boolean.class));
		}
		catch (RuntimeException ex) {
			return false;
		}
	}

	public int port() {
		return this.server.getAddress().getPort();
	}

	@Override
	public void close() {
		this.server.stop(0);
	}

}
