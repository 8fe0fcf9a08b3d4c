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

import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;

import org.springframework.beans.factory.annotation.Autowired;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for orders, receipts and the reminder on the page, in a real browser.
 */
@SampleTest
class WorkPageTests extends PageTest {

	@Autowired
	InstanceName instance;

	@BeforeEach
	void awaitWork() {
		awaitText("instance", this.instance.toString());
	}

	@AfterEach
	void forgetReminder() {
		new SampleClient(this.environment).delete("/jobs/reminder");
	}

	@Test
	void anOrderAppearsOnThePageAndIsBackAfterAReload() {
		click("place-order");
		awaitText("order-status", "complete");
		assertSteps();
		String log = text("order-events");
		assertThat(log).startsWith("1run_created" + this.instance)
			.contains("step_started" + "charge" + this.instance)
			.endsWith("run_completed" + this.instance);
		browser.navigate().refresh();
		awaitText("order-status", "complete");
		assertSteps();
		assertThat(text("order-events")).isEqualTo(log);
	}

	private void assertSteps() {
		for (String step : List.of("reserve", "charge", "ship")) {
			assertThat(text("step-" + step)).isEqualTo(step + "done by " + this.instance);
		}
	}

	@Test
	void anOrderARunAndAnAnswerAreAllInTheAddress() {
		click("start");
		awaitText("answer-status", "complete");
		click("start-run");
		awaitText("run-status", "complete");
		click("place-order");
		awaitText("order-status", "complete");
		assertThat(script("return location.hash")).asString()
			.matches("#[0-9a-f-]{36}&run=[0-9a-f-]{36}&order=[0-9a-f-]{36}");
		browser.navigate().refresh();
		awaitText("answer-status", "complete");
		awaitText("run-status", "complete");
		awaitText("order-status", "complete");
	}

	@Test
	void aDeadReceiptIsSentOnceItHasAnAddressAndIsRequeued() {
		address("nowhere");
		click("place-order");
		awaitText("dead-status", "1");
		assertThat(text("dead")).startsWith(shownOrder().substring(0, 8)).contains("The address has no @");
		assertThat(text("order-status")).isEqualTo("live");
		assertThat(script("return document.documentElement.scrollWidth <= innerWidth")).isEqualTo(true);
		address("ada@example.com");
		click("change-address");
		awaitText("order-status", "address changed");
		browser.findElement(By.cssSelector("#dead button")).click();
		awaitText("order-status", "complete");
		awaitText("dead-status", "none");
		assertThat(text("dead")).isEmpty();
	}

	@Test
	void theEventOfAnOrderIsReceivedAndShown() {
		click("place-order");
		awaitText("order-status", "complete");
		String order = shownOrder().substring(0, 8);
		await("event").atMost(Duration.ofSeconds(30))
			.untilAsserted(
					() -> assertThat(text("received")).contains("order.placed " + order + " by " + this.instance));
		assertThat(script("return document.documentElement.scrollWidth <= innerWidth")).isEqualTo(true);
	}

	@Test
	void anAddressThatIsRefusedIsSaidToBe() {
		address("");
		click("place-order");
		awaitText("order-status", "The address has 1 to 100 characters");
	}

	@Test
	void aReminderIsSetSentAndCancelled() {
		remindIn("600");
		awaitReminder("due at .*");
		click("cancel-reminder");
		awaitReminder("not set");
		remindIn("600");
		awaitReminder("due at .*");
		remindIn("0");
		awaitReminder("sent by " + this.instance + ", \\d+ ms late");
	}

	private static void remindIn(String seconds) {
		script("document.getElementById('seconds').value = arguments[0]", seconds);
		click("remind");
	}

	private static void awaitReminder(String pattern) {
		await("reminder").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("reminder-status")).matches(pattern));
	}

	private static String shownOrder() {
		return (String) script("return shown.order");
	}

	private static void address(String address) {
		script("document.getElementById('address').value = arguments[0]", address);
	}

	private static void click(String button) {
		browser.findElement(By.id(button)).click();
	}

}
