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

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A separate JVM that runs {@link WriterApplication}.
 */
public final class WriterProcess implements AutoCloseable {

	private final Process process;

	private final List<String> output = Collections.synchronizedList(new ArrayList<>());

	private WriterProcess(Process process) {
		this.process = process;
		Thread reader = new Thread(this::read, "writer-process-output");
		reader.setDaemon(true);
		reader.start();
	}

	/**
	 * Start an application that writes a stream.
	 * @param arguments the stream's name first, and properties as {@code --name=value}
	 */
	public static WriterProcess start(TestDatabase database, String... arguments) {
		return start(WriterApplication.class, database, arguments);
	}

	/**
	 * Start an application.
	 * @param application its main class
	 * @param arguments its own arguments first, and properties as {@code --name=value}
	 */
	public static WriterProcess start(Class<?> application, TestDatabase database, String... arguments) {
		List<String> command = new ArrayList<>(
				List.of(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
						"-Xmx256m", "-cp", System.getProperty("java.class.path"), application.getName()));
		command.addAll(List.of(arguments));
		command.add("--spring.datasource.url=" + database.url());
		try {
			Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
			Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
			return new WriterProcess(process);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private void read() {
		try (BufferedReader reader = this.process.inputReader(StandardCharsets.UTF_8)) {
			for (String line = reader.readLine(); line != null; line = reader.readLine()) {
				this.output.add(line);
			}
		}
		catch (IOException ex) {
			this.output.add(ex.toString());
		}
	}

	/**
	 * Wait for a line of output that contains a text.
	 */
	public String awaitLine(String text) {
		Eventually.await(() -> find(text) != null, this::toString);
		return String.valueOf(find(text));
	}

	private String find(String text) {
		synchronized (this.output) {
			return this.output.stream().filter((line) -> line.contains(text)).findFirst().orElse(null);
		}
	}

	/**
	 * Send SIGTERM.
	 */
	public void terminate() {
		signal("-TERM");
	}

	/**
	 * Send SIGKILL.
	 */
	public void kill() {
		this.process.destroyForcibly();
	}

	/**
	 * Send SIGSTOP.
	 */
	public void stop() {
		signal("-STOP");
	}

	/**
	 * Send SIGCONT.
	 */
	public void resume() {
		signal("-CONT");
	}

	private void signal(String signal) {
		try {
			int status = new ProcessBuilder("kill", signal, String.valueOf(this.process.pid())).inheritIO()
				.start()
				.waitFor();
			if (status != 0) {
				throw new IllegalStateException("kill ended with " + status);
			}
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	public void awaitExit() {
		Eventually.await(() -> !this.process.isAlive(), this::toString);
	}

	@Override
	public void close() {
		this.process.destroyForcibly();
		try {
			this.process.waitFor(30, TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	@Override
	public String toString() {
		synchronized (this.output) {
			return "alive %s, output:%n%s".formatted(this.process.isAlive(), String.join("\n", this.output));
		}
	}

}
