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

package io.durablenotify.sample;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.work.WorkListeners;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for work whose instance, another JVM, is killed, or stopped for so long that it
 * is given up.
 */
@SampleTest
@Timeout(300)
class KilledInstanceTests {

	private static final String OUTPUT = "output.log";

	private static final Duration LEASE = Duration.ofSeconds(2);

	@Autowired
	Environment environment;

	@Autowired
	JdbcConnectionDetails connectionDetails;

	@Autowired
	WorkListeners listeners;

	@Autowired
	EventLog log;

	@Autowired
	JdbcClient jdbc;

	@Autowired
	JsonMapper json;

	@Autowired
	InstanceName instance;

	@TempDir
	Path directory;

	SampleClient client;

	Process other;

	/**
	 * Leave all work to the other instance, which is slow.
	 */
	@BeforeEach
	void startOther() throws IOException {
		this.client = new SampleClient(this.environment);
		((SmartLifecycle) this.listeners).stop();
		this.client.put("/settings/pause", "100");
		this.other = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1",
				"-XX:+UseSerialGC", "-Xmx256m", "-cp", System.getProperty("java.class.path"),
				SampleApplication.class.getName(), "--server.port=0",
				"--spring.datasource.url=" + this.connectionDetails.getJdbcUrl(),
				"--durable-notify.work.lease-duration=" + LEASE.toSeconds() + "s")
			.redirectErrorStream(true)
			.redirectOutput(this.directory.resolve(OUTPUT).toFile())
			.start();
		Runtime.getRuntime().addShutdownHook(new Thread(this.other::destroyForcibly));
	}

	@AfterEach
	void endOther() throws InterruptedException {
		this.other.destroyForcibly().waitFor();
		((SmartLifecycle) this.listeners).start();
		this.client.put("/settings/pause", "5");
	}

	@Test
	void anOrderOfAnInstanceThatIsKilledIsCompletedByAnother() throws Exception {
		String order = this.client.order("ada@example.com");
		String killed = awaitSecondStep(order, "2000");
		((SmartLifecycle) this.listeners).start();
		signal("-KILL");
		this.client.put("/settings/pause", "5");
		assertThat(this.client.orderEvents(order)).isEqualTo(completedFrom(killed));
		assertThat(results(order)).isEqualTo(resultsFrom(killed));
	}

	@Test
	void anInstanceThatWasStoppedForThreeLeasesLeavesItsStepToTheOther() throws Exception {
		String order = this.client.order("ada@example.com");
		String stopped = awaitSecondStep(order, "1000");
		((SmartLifecycle) this.listeners).start();
		signal("-STOP");
		Instant stoppedAt = now();
		this.client.put("/settings/pause", "5");
		assertThat(this.client.orderEvents(order)).isEqualTo(completedFrom(stopped));
		await("three leases").atMost(Duration.ofSeconds(60))
			.until(() -> now().isAfter(stoppedAt.plus(LEASE.multipliedBy(3))));
		signal("-CONT");
		await("refusal").atMost(Duration.ofSeconds(60))
			.untilAsserted(() -> assertThat(output()).contains("The outcome of item"));
		assertThat(this.log.read(order, 0, 100).events()).hasSameSizeAs(completedFrom(stopped));
		assertThat(results(order)).isEqualTo(resultsFrom(stopped));
	}

	private Instant now() {
		return this.jdbc.sql("select clock_timestamp()").query(Timestamp.class).single().toInstant();
	}

	/**
	 * Wait until the other instance executes the second step of an order.
	 * @param pause how slow it is from then on
	 * @return its name
	 */
	private String awaitSecondStep(String order, String pause) {
		String name = awaitStart(order, "reserve");
		assertThat(name).isNotEqualTo(this.instance.toString());
		this.client.put("/settings/pause", pause);
		assertThat(awaitStart(order, "charge")).isEqualTo(name);
		return name;
	}

	private String awaitStart(String order, String step) {
		await(step).atMost(Duration.ofMinutes(2))
			.untilAsserted(() -> assertThat(starts(order, step)).as(this::output).hasSize(1));
		return this.json.readTree(starts(order, step).get(0).payload()).get("instance").asString();
	}

	private List<StoredEvent> starts(String order, String step) {
		return this.log.findByCorrelation(order, step)
			.stream()
			.filter((event) -> event.type().equals("step_started"))
			.toList();
	}

	private List<String> completedFrom(String lost) {
		return List.of("run_created by " + this.instance, "step_started reserve by " + lost,
				"step_completed reserve by " + lost, "step_started charge by " + lost,
				"step_started charge by " + this.instance, "step_completed charge by " + this.instance,
				"step_started ship by " + this.instance, "step_completed ship by " + this.instance,
				"receipt_sent by " + this.instance, "run_completed by " + this.instance);
	}

	private List<String> results(String order) {
		return this.jdbc.sql("select step || ' by ' || engine from step_results where run_id = ?")
			.param(UUID.fromString(order))
			.query(String.class)
			.list();
	}

	private List<String> resultsFrom(String lost) {
		return List.of("reserve by " + lost, "charge by " + this.instance, "ship by " + this.instance);
	}

	private void signal(String signal) throws IOException, InterruptedException {
		assertThat(new ProcessBuilder("kill", signal, String.valueOf(this.other.pid())).start().waitFor()).isZero();
	}

	private String output() {
		try {
			return Files.readString(this.directory.resolve(OUTPUT));
		}
		catch (IOException ex) {
			return ex.toString();
		}
	}

}
