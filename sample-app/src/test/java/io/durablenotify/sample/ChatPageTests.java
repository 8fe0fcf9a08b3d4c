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

import org.junit.jupiter.api.Test;

import org.openqa.selenium.By;
import org.openqa.selenium.Keys;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.ConfigurableApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for the chat on the pages of two instances, in a real browser.
 */
@SampleTest
class ChatPageTests extends PageTest {

	@Autowired
	InstanceName instance;

	@Autowired
	JdbcConnectionDetails connectionDetails;

	@Test
	void aLineIsOnThePagesOfAllInstances() {
		try (ConfigurableApplicationContext second = new SpringApplicationBuilder(SampleApplication.class)
			.run("--server.port=0", "--spring.datasource.url=" + this.connectionDetails.getJdbcUrl())) {
			say("hello from the first <b>");
			awaitLine(this.instance + "hello from the first <b>");
			SampleClient secondClient = new SampleClient(second.getEnvironment());
			await("the other").atMost(Duration.ofSeconds(30))
				.untilAsserted(() -> assertThat(secondClient.get("/chat").body()).contains("hello from the first"));
			browser.get(secondClient.url() + "/");
			awaitLine(this.instance + "hello from the first <b>");
			say("hello from the second");
			awaitLine(second.getBean(InstanceName.class) + "hello from the second");
			browser.get(this.url + "/");
			awaitLine(second.getBean(InstanceName.class) + "hello from the second");
			assertThat(script("return document.documentElement.scrollWidth <= innerWidth")).isEqualTo(true);
		}
	}

	@Test
	void aLineThatIsRefusedIsSaidToBe() {
		say(" ");
		awaitText("chat-status", "A line has 1 to 200 characters");
	}

	private static void say(String text) {
		browser.findElement(By.id("chat-text")).sendKeys(text, Keys.ENTER);
	}

	private static void awaitLine(String line) {
		await("chat").atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(text("chat")).contains(line));
	}

}
