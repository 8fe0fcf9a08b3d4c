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

import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.durablenotify.workflow.WorkflowResumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for orders and their receipts over HTTP.
 */
@SampleTest
class OrderTests {

	@Autowired
	Environment environment;

	@Autowired
	JdbcClient jdbc;

	@Autowired
	JsonMapper json;

	@Autowired
	InstanceName instance;

	@Autowired
	WorkflowResumptions resumptions;

	SampleClient client;

	@BeforeEach
	void setUp() {
		this.client = new SampleClient(this.environment);
	}

	@Test
	void anOrderIsExecutedStepByStepAndEndsWithItsReceipt() {
		String order = place("ada@example.com");
		assertThat(this.client.orderEvents(order)).containsExactlyElementsOf(withInstance("run_created",
				"step_started reserve", "step_completed reserve", "step_started charge", "step_completed charge",
				"step_started ship", "step_completed ship", "receipt_sent", "run_completed"));
		assertThat(results(order)).containsExactly("reserve", "charge", "ship");
	}

	@Test
	void aResumptionThatIsRequestedInBetweenDoesNoStepTwice() {
		List<String> orders = Stream.generate(() -> place("ada@example.com")).limit(5).toList();
		for (int i = 0; i < 20; i++) {
			orders.forEach((order) -> this.resumptions.request(Orders.WORKFLOW, order));
		}
		orders.forEach((order) -> {
			assertThat(this.client.orderEvents(order)).hasSize(9).doesNotHaveDuplicates();
			assertThat(results(order)).containsExactly("reserve", "charge", "ship");
		});
	}

	@Test
	void aReceiptWithoutAddressIsDeadUntilItIsRequeuedWithOne() {
		String order = place("nowhere");
		JsonNode dead = awaitDead(order);
		assertThat(dead.get("error").asString()).isEqualTo("The address has no @");
		assertThat(requeue(dead)).isEqualTo("{\"requeued\":true}");
		// Nothing has changed: it is dead again
		dead = awaitDead(order);
		assertThat(this.client.put("/orders/" + order + "/address", " ada@example.com\n").statusCode()).isEqualTo(204);
		assertThat(requeue(dead)).isEqualTo("{\"requeued\":true}");
		assertThat(this.client.orderEvents(order)).endsWith("receipt_sent by " + this.instance,
				"run_completed by " + this.instance);
		assertThat(dead(order)).isEmpty();
		assertThat(requeue(dead)).isEqualTo("{\"requeued\":false}");
	}

	private JsonNode awaitDead(String order) {
		await("dead receipt").atMost(Duration.ofSeconds(30)).until(() -> !dead(order).isEmpty());
		return dead(order).get(0);
	}

	private List<JsonNode> dead(String order) {
		List<JsonNode> dead = new ArrayList<>();
		this.json.readTree(this.client.get("/jobs").body()).get("dead").forEach((receipt) -> {
			if (receipt.get("order").asString().equals(order)) {
				dead.add(receipt);
			}
		});
		return dead;
	}

	private String requeue(JsonNode dead) {
		return this.client.post("/jobs/dead/" + dead.get("id") + "/requeue").body();
	}

	@Test
	void anInstanceNamesItself() {
		assertThat(this.json.readTree(this.client.get("/jobs").body()).get("instance").asString())
			.matches("[0-9a-f]{4}")
			.isEqualTo(this.instance.toString());
	}

	@ParameterizedTest
	@ValueSource(strings = { " ", "\0" })
	void anAddressThatIsNoneIsABadRequest(String address) {
		HttpResponse<String> response = this.client.post("/orders", "text/plain", address);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains("The address has 1 to 100 characters");
	}

	@Test
	void anAddressThatIsTooLongIsABadRequest() {
		assertThat(this.client.post("/orders", "text/plain", "x".repeat(101)).statusCode()).isEqualTo(400);
	}

	@Test
	void anUnknownOrderIsNotFound() {
		assertThat(this.client.put("/orders/" + UUID.randomUUID() + "/address", "ada@example.com").statusCode())
			.isEqualTo(404);
		assertThat(this.client.put("/orders/42/address", "ada@example.com").statusCode()).isEqualTo(404);
		assertThat(this.client.post("/jobs/dead/x/requeue").statusCode()).isEqualTo(404);
	}

	private String place(String address) {
		return this.client.order(address);
	}

	private List<String> withInstance(String... events) {
		return Stream.of(events).map((event) -> event + " by " + this.instance).collect(Collectors.toList());
	}

	private List<String> results(String order) {
		return this.jdbc.sql("select step from step_results where run_id = ?")
			.param(UUID.fromString(order))
			.query(String.class)
			.list();
	}

}
