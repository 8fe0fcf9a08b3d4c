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

/**
 * Ports of programs that tests start.
 */
public final class Ports {

	private Ports() {
	}

	/**
	 * Keep any port from others.
	 * @see #reserve(int)
	 */
	public static Socket reserve() {
		return reserve(0);
	}

	/**
	 * Keep a port from others, without listening to it: connections are refused until a
	 * program listens, which may do so as long as it reuses addresses, as servers do.
	 * @param port the port
	 * @return what keeps the port until it is closed
	 */
	public static Socket reserve(int port) {
		Socket socket = new Socket();
		try {
			socket.setReuseAddress(true);
			socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
			return socket;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
