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
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.FutureTask;

import io.durablenotify.benchmarks.harness.ChildProcess;
import org.jspecify.annotations.Nullable;

/**
 * Clients of server-sent events in a process of their own, which one thread serves.
 */
public final class SseClientProcess implements ChildProcess.Service {

	private static final int BUFFER = 64 * 1024;

	private final Selector selector;

	private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();

	private final Map<String, SseClients> groups = new ConcurrentHashMap<>();

	private volatile boolean closed;

	private SseClientProcess() throws IOException {
		this.selector = Selector.open();
		Thread thread = new Thread(this::serve, "clients");
		thread.setDaemon(true);
		thread.start();
	}

	public static void main(String[] arguments) throws Exception {
		ChildProcess.serve(new SseClientProcess());
	}

	/**
	 * Answer: {@code clock}; {@code open group port path count}; {@code open-stuck group
	 * port path count receiveBuffer}; {@code comments group each};
	 * {@code events group each} with the time at which the last one came;
	 * {@code report group} with latencies; {@code close group}.
	 */
	@Override
	public String answer(String[] command) throws Exception {
		switch (command[0]) {
			case "clock" -> {
				return String.valueOf(System.nanoTime());
			}
			case "open" -> open(command, 0, true);
			case "open-stuck" -> open(command, Integer.parseInt(command[5]), false);
			case "comments" -> group(command).awaitComments(Integer.parseInt(command[2]));
			case "events" -> {
				return String.valueOf(group(command).awaitEvents(Long.parseLong(command[2])));
			}
			case "report" -> {
				return group(command).takeLatency().encode();
			}
			case "close" -> {
				SseClients group = group(command);
				this.groups.remove(command[1]);
				run(() -> {
					group.close();
					// Sockets are closed with their keys
					this.selector.selectNow();
					return null;
				});
			}
			default -> throw new IllegalArgumentException(command[0]);
		}
		return "ok";
	}

	private SseClients group(String[] command) {
		SseClients group = this.groups.get(command[1]);
		if (group == null) {
			throw new IllegalArgumentException("No clients " + command[1]);
		}
		return group;
	}

	private void open(String[] command, int receiveBuffer, boolean reading) throws Exception {
		SseClients group = new SseClients(this.selector, Integer.parseInt(command[2]), command[3],
				Integer.parseInt(command[4]), receiveBuffer, reading);
		this.groups.put(command[1], group);
		run(() -> {
			group.open();
			return null;
		});
		group.awaitBegun();
	}

	private void run(Callable<@Nullable Void> work) throws Exception {
		FutureTask<@Nullable Void> task = new FutureTask<>(work);
		this.tasks.add(task);
		this.selector.wakeup();
		task.get();
	}

	private void serve() {
		ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
		try {
			while (!this.closed) {
				this.selector.select((key) -> serve(key, buffer));
				for (Runnable task = this.tasks.poll(); task != null; task = this.tasks.poll()) {
					task.run();
				}
			}
		}
		catch (IOException ex) {
			this.groups.values().forEach((group) -> group.fail(ex));
		}
	}

	private void serve(SelectionKey key, ByteBuffer buffer) {
		SseClient client = (SseClient) key.attachment();
		try {
			client.ready(key, buffer);
		}
		catch (IOException | RuntimeException ex) {
			key.cancel();
			client.fail(ex);
		}
	}

	@Override
	public void close() {
		this.closed = true;
		this.selector.wakeup();
	}

}
