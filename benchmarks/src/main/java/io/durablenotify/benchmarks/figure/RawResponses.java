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
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

import io.durablenotify.benchmarks.harness.Check;

/**
 * Responses of server-sent events that are written in a loop, and nothing more.
 */
final class RawResponses implements AutoCloseable {

	private final ServerSocketChannel server;

	private final CompletableFuture<List<SocketChannel>> accepted;

	private RawResponses(ServerSocketChannel server, CompletableFuture<List<SocketChannel>> accepted) {
		this.server = server;
		this.accepted = accepted;
	}

	/**
	 * Wait for clients.
	 * @param clients how many come
	 */
	static RawResponses start(int clients) throws IOException {
		ServerSocketChannel server = ServerSocketChannel.open();
		server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), clients);
		return new RawResponses(server, CompletableFuture.supplyAsync(() -> accept(server, clients)));
	}

	private static List<SocketChannel> accept(ServerSocketChannel server, int clients) {
		List<SocketChannel> channels = new ArrayList<>();
		try {
			ByteBuffer request = ByteBuffer.allocate(1024);
			for (int i = 0; i < clients; i++) {
				SocketChannel channel = server.accept();
				channels.add(channel);
				channel.read(request.clear());
				channel.configureBlocking(false);
				write(channel, StandardCharsets.US_ASCII
					.encode("HTTP/1.1 200 \r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"));
			}
			return channels;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	int port() throws IOException {
		return ((InetSocketAddress) this.server.getLocalAddress()).getPort();
	}

	/**
	 * Write an event to one client after the other.
	 */
	void write(String event) throws IOException, ExecutionException, InterruptedException {
		ByteBuffer bytes = StandardCharsets.US_ASCII.encode("%x\r\n%s\r\n".formatted(event.length(), event));
		for (SocketChannel channel : this.accepted.get()) {
			write(channel, bytes.rewind());
		}
	}

	private static void write(SocketChannel channel, ByteBuffer bytes) throws IOException {
		channel.write(bytes);
		Check.equal("bytes that a socket does not take", 0, bytes.remaining());
	}

	@Override
	public void close() throws IOException {
		this.server.close();
		for (SocketChannel channel : this.accepted.getNow(List.of())) {
			channel.close();
		}
	}

}
