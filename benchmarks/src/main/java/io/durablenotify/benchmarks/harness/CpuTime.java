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

import java.time.Duration;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The CPU time of this JVM and of all processes of the server. Other work of the machine
 * adds little to it.
 */
public final class CpuTime {

	private final PostgresServer server;

	private final Map<Long, Duration> before;

	private CpuTime(PostgresServer server) {
		this.server = server;
		this.before = read(server);
	}

	/**
	 * Begin to count.
	 */
	public static CpuTime start(PostgresServer server) {
		return new CpuTime(server);
	}

	/**
	 * Return the microseconds since the start, without those of server processes that
	 * have ended.
	 * @param operations among how many operations to share them
	 */
	public double micros(long operations) {
		Map<Long, Duration> now = read(this.server);
		long nanos = 0;
		for (Map.Entry<Long, Duration> process : now.entrySet()) {
			nanos += process.getValue().minus(this.before.getOrDefault(process.getKey(), Duration.ZERO)).toNanos();
		}
		return nanos / 1e3 / operations;
	}

	private static Map<Long, Duration> read(PostgresServer server) {
		return Stream.concat(Stream.of(ProcessHandle.current()), server.processes())
			.collect(Collectors.toMap(ProcessHandle::pid,
					(process) -> process.info().totalCpuDuration().orElse(Duration.ZERO)));
	}

}
