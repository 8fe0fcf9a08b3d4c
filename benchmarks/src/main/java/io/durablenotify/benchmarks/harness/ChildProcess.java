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

package io.durablenotify.benchmarks.harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A second JVM of the same class path, which answers lines with lines. It ends with its
 * standard input, so that it does not outlive this process.
 */
public final class ChildProcess implements AutoCloseable {

	private final Process process;

	private final PrintWriter commands;

	private final BufferedReader answers;

	private ChildProcess(Process process) {
		this.process = process;
		this.commands = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
		this.answers = process.inputReader(StandardCharsets.UTF_8);
	}

	/**
	 * Start a class with a main method that calls {@link #serve}, with the options of
	 * {@code --jvm}.
	 */
	public static ChildProcess start(Run run, Class<?> main) throws IOException {
		List<String> command = new ArrayList<>();
		command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
		command.add("-D%s=%s".formatted(Metrics.PROPERTY, Metrics.areWanted()));
		command.add("-Xmx512m");
		command.addAll(run.options().jvm());
		command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
		return new ChildProcess(new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
	}

	/**
	 * Ask, and wait for the answer.
	 */
	public String ask(String command) throws IOException {
		this.commands.println(command);
		String answer = this.answers.readLine();
		if (answer == null) {
			throw new IllegalStateException("The other process has ended, asked for: " + command);
		}
		return answer;
	}

	/**
	 * End the process as SIGKILL does, which is what this is where there are signals.
	 */
	public void kill() {
		this.process.destroyForcibly();
	}

	@Override
	public void close() {
		this.commands.close();
		try {
			this.process.onExit().get(20, TimeUnit.SECONDS);
		}
		catch (InterruptedException | ExecutionException | TimeoutException ex) {
			this.process.destroyForcibly();
		}
	}

	/**
	 * In the other process: answer until the input ends. Other output goes to the error
	 * stream.
	 */
	public static void serve(Service service) throws Exception {
		PrintStream answers = System.out;
		System.setOut(System.err);
		try (service) {
			BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
			for (String command = commands.readLine(); command != null; command = commands.readLine()) {
				answers.println(service.answer(command.split(" ")));
				answers.flush();
			}
		}
	}

	/**
	 * What the other process does.
	 */
	public interface Service extends AutoCloseable {

		String answer(String[] command) throws Exception;

		@Override
		void close();

	}

}
