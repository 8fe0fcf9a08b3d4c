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
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/**
 * One connection. It understands as much of HTTP and of server-sent events as is needed
 * to know that each event came once and in order. Used by one thread.
 */
final class SseClient {

	private static final byte[] STATUS = "HTTP/1.1 200".getBytes(StandardCharsets.US_ASCII);

	private static final int BLANK_LINE = 0x0D0A0D0A;

	/**
	 * So much of a line is kept: an id, or a time.
	 */
	private static final int KEPT = 32;

	private final SseClients group;

	private final SocketChannel channel;

	private final ByteBuffer request;

	private Part part = Part.HEAD;

	/**
	 * How many bytes of the part have come, or are to come.
	 */
	private int bytes;

	private int lastFour;

	private final byte[] line = new byte[KEPT];

	private int lineLength;

	private long index = -1;

	private long sentAt;

	private long next = -1;

	private SseClient(SseClients group, SocketChannel channel, String path) {
		this.group = group;
		this.channel = channel;
		this.request = StandardCharsets.US_ASCII
			.encode("GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".formatted(path));
	}

	/**
	 * Connect. The selector's keys have the client attached.
	 * @param receiveBuffer its size in bytes, or 0 for the system's
	 */
	static SseClient open(SseClients group, Selector selector, int port, String path, int receiveBuffer)
			throws IOException {
		SocketChannel channel = SocketChannel.open();
		channel.configureBlocking(false);
		if (receiveBuffer > 0) {
			channel.setOption(StandardSocketOptions.SO_RCVBUF, receiveBuffer);
		}
		SseClient client = new SseClient(group, channel, path);
		channel.register(selector, SelectionKey.OP_CONNECT, client);
		channel.connect(new InetSocketAddress("127.0.0.1", port));
		return client;
	}

	/**
	 * Do what the connection is ready for.
	 */
	void ready(SelectionKey key, ByteBuffer buffer) throws IOException {
		if (key.isConnectable()) {
			this.channel.finishConnect();
			this.channel.write(this.request);
			if (this.request.hasRemaining()) {
				throw new IOException("The request was not taken");
			}
			key.interestOps(SelectionKey.OP_READ);
		}
		else if (!this.group.isReading()) {
			// The response has begun, and nothing of it is ever read
			key.cancel();
			this.group.begun();
		}
		else {
			read(buffer);
		}
	}

	private void read(ByteBuffer buffer) throws IOException {
		buffer.clear();
		if (this.channel.read(buffer) < 0) {
			throw new IOException("The server has closed the connection after event " + (this.next - 1));
		}
		buffer.flip();
		long now = System.nanoTime();
		while (buffer.hasRemaining()) {
			take(buffer.get(), now);
		}
	}

	private void take(byte value, long now) throws IOException {
		switch (this.part) {
			case HEAD -> {
				if (this.bytes < STATUS.length && value != STATUS[this.bytes]) {
					throw new IOException("The status is not 200");
				}
				this.bytes++;
				this.lastFour = (this.lastFour << 8) | value;
				if (this.lastFour == BLANK_LINE) {
					begin(Part.SIZE);
					this.group.begun();
				}
			}
			case SIZE -> {
				if (value == '\n') {
					if (this.bytes == 0) {
						throw new IOException("The response has ended after event " + (this.next - 1));
					}
					this.part = Part.DATA;
				}
				else if (value != '\r') {
					this.bytes = (this.bytes << 4) | Character.digit(value, 16);
				}
			}
			case DATA -> {
				takeData(value, now);
				if (--this.bytes == 0) {
					begin(Part.DATA_END);
				}
			}
			case DATA_END -> {
				if (value == '\n') {
					begin(Part.SIZE);
				}
			}
		}
	}

	private void begin(Part part) {
		this.part = part;
		this.bytes = 0;
	}

	private void takeData(byte value, long now) throws IOException {
		if (value != '\n') {
			if (this.lineLength < KEPT) {
				this.line[this.lineLength] = value;
			}
			this.lineLength++;
			return;
		}
		if (this.lineLength == 0) {
			if (this.index >= 0) {
				takeEvent(now);
			}
		}
		else {
			takeLine();
		}
		this.lineLength = 0;
	}

	private void takeLine() throws IOException {
		switch (this.line[0]) {
			case ':' -> this.group.comment();
			case 'i' -> this.index = number("id:".length());
			case 'd' -> this.sentAt = number("data: ".length());
			default -> throw new IOException(
					"Unexpected: " + new String(this.line, 0, Math.min(this.lineLength, KEPT), StandardCharsets.UTF_8));
		}
	}

	private long number(int from) {
		long number = 0;
		for (int i = from; i < Math.min(this.lineLength, KEPT); i++) {
			int digit = this.line[i] - '0';
			if (digit < 0 || digit > 9) {
				break;
			}
			number = number * 10 + digit;
		}
		return number;
	}

	private void takeEvent(long now) throws IOException {
		if (this.next >= 0 && this.index != this.next) {
			throw new IOException("Event %d came instead of %d".formatted(this.index, this.next));
		}
		this.next = this.index + 1;
		this.index = -1;
		this.group.event(now, this.sentAt);
	}

	void fail(Exception failure) {
		this.group.fail(failure);
	}

	void close() throws IOException {
		this.channel.close();
	}

	/**
	 * What comes next.
	 */
	private enum Part {

		HEAD, SIZE, DATA, DATA_END

	}

}
