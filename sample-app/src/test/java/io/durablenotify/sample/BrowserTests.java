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
import java.util.UUID;

import io.durablenotify.stream.StreamWriter;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;
import org.openqa.selenium.WindowType;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.ConfigurableApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for answers, settings and runs on the page, in a real browser.
 */
@SampleTest
class BrowserTests extends PageTest {

	private static final String TEXT = "  Leading spaces,\n\n\n    indented lines\n\tand a tab,\n \n"
			+ "  ’quoted‘ 🙂 👩‍👩‍👧 two  spaces, <b>no markup</b> &amp;  \n\n\n";

	private static final long CLOSED = 2;

	@Autowired
	StreamWriter streams;

	@Autowired
	RequestCounter requests;

	@Autowired
	JdbcConnectionDetails connectionDetails;

	@Test
	void aTextComesOutByteForByteAndTheBrowserDoesNotConnectAgain() {
		script("document.getElementById('text').value = arguments[0]", TEXT);
		browser.findElement(By.id("start")).click();
		awaitText("answer-status", "complete");
		assertThat(text("answer")).isEqualTo(TEXT);
		assertThat(script("return source.readyState")).isEqualTo(CLOSED);
		assertThat(this.requests.count("GET /answers/" + shownId())).isOne();
	}

	@Test
	void aPageThatDoesNotCloseItsEventSourceGetsA204() {
		UUID id = write(TEXT);
		this.streams.complete(Answer.stream(id));
		script("""
				window.received = '';
				window.kept = new EventSource(arguments[0]);
				window.kept.onmessage = (event) => window.received += event.data;
				""", "/answers/" + id);
		await().atMost(Duration.ofSeconds(30)).until(() -> script("return kept.readyState").equals(CLOSED));
		assertThat(script("return received")).isEqualTo(TEXT);
		assertThat(this.requests.count("GET /answers/" + id)).isEqualTo(2);
	}

	@Test
	void anAnswerIsResumedAfterAReload() {
		UUID id = write("  one\n", "    two");
		browser.get(this.url + "/#" + id);
		awaitText("answer", "  one\n    two");
		browser.navigate().refresh();
		awaitText("answer", "  one\n    two");
		this.streams.append(Answer.stream(id), "\n\nthree");
		awaitText("answer", "  one\n    two\n\nthree");
		this.streams.complete(Answer.stream(id));
		awaitText("answer-status", "complete");
	}

	@Test
	void anAnswerIsWholeWhenTheListenersBackendIsTerminatedInTheMiddle() {
		long reconnects = reconnects();
		UUID id = write("one");
		browser.get(this.url + "/#" + id);
		awaitText("answer", "one");
		browser.findElement(By.id("terminate")).click();
		awaitText("terminated", "Terminated 1 backend.");
		this.streams.append(Answer.stream(id), " two");
		awaitText("answer", "one two");
		await().atMost(Duration.ofSeconds(30)).until(() -> reconnects() > reconnects);
		awaitText("listener-status", "listening");
		this.streams.append(Answer.stream(id), " three");
		awaitText("answer", "one two three");
		this.streams.complete(Answer.stream(id));
		awaitText("answer-status", "complete");
	}

	private static long reconnects() {
		return Long.parseLong(text("listener-reconnects"));
	}

	@Test
	void anAnswerGoesOnWhereItWasWhenTheInstanceIsRestarted() {
		UUID id = write("one");
		String port;
		try (ConfigurableApplicationContext instance = startInstance("0")) {
			port = instance.getEnvironment().getRequiredProperty("local.server.port");
			browser.get("http://localhost:" + port + "/#" + id);
			awaitText("answer", "one");
		}
		awaitText("answer-status", "reconnecting…");
		this.streams.append(Answer.stream(id), " two");
		try (ConfigurableApplicationContext instance = startInstance(port)) {
			assertThat(instance.isRunning()).isTrue();
			awaitText("answer", "one two");
			this.streams.complete(Answer.stream(id));
			awaitText("answer-status", "complete");
			assertThat(text("answer")).isEqualTo("one two");
		}
	}

	@Test
	void aSettingChangedInAPageAppearsInThePageOfAnotherInstance() {
		String firstWindow = browser.getWindowHandle();
		SampleClient client = new SampleClient(this.environment);
		client.put("/settings/pause", "5");
		try (ConfigurableApplicationContext second = startInstance("0")) {
			awaitText("pause-value", "5 ms");
			browser.switchTo().newWindow(WindowType.WINDOW);
			String secondUrl = new SampleClient(second.getEnvironment()).url();
			browser.get(secondUrl + "/");
			awaitText("pause-value", "5 ms");
			script("window.connected = settings");
			String secondWindow = browser.getWindowHandle();
			browser.switchTo().window(firstWindow);
			slide(10);
			browser.switchTo().window(secondWindow);
			awaitText("pause-value", "10 ms");
			// It has received the change, and not just asked again when it was switched
			// to
			assertThat(script("return settings === connected")).isEqualTo(true);
			browser.close();
			browser.switchTo().window(firstWindow);
		}
		finally {
			client.put("/settings/pause", "5");
		}
	}

	@Test
	void settingsAreWatchedAgainAfterTheyCouldNotBeRead() {
		awaitText("settings-status", "live");
		this.requests.refuseOnce("GET /settings");
		script("""
				const status = document.getElementById('settings-status');
				window.seen = [];
				new MutationObserver(() => seen.push(status.textContent)).observe(status, { childList: true });
				watchSettings();
				""");
		await("refused").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(script("return seen.join()")).isEqualTo("cannot be read,live"));
	}

	private static void slide(int value) {
		script("""
				const slider = document.getElementById('pause');
				slider.value = arguments[0];
				slider.dispatchEvent(new Event('input'));
				slider.dispatchEvent(new Event('change'));
				""", value);
	}

	@Test
	void aRunsLogAppearsOnThePageAndIsBackAfterAReload() {
		browser.findElement(By.id("start-run")).click();
		awaitText("run-status", "complete");
		assertSteps();
		String log = text("events");
		assertThat(log).startsWith("1run_created")
			.contains("race_lost: step_created is ")
			.endsWith("run_completed" + lastEngine());
		assertThat(text("lost")).matches("races lost: A \\d+, B \\d+");
		assertThat(script("return runSource.readyState")).isEqualTo(CLOSED);
		browser.navigate().refresh();
		awaitText("run-status", "complete");
		assertSteps();
		assertThat(text("events")).isEqualTo(log);
	}

	private static void assertSteps() {
		for (String step : List.of("draft", "review", "publish")) {
			assertThat(text("step-" + step)).matches(step + "done by [AB]");
		}
	}

	private static String lastEngine() {
		return (String) script(
				"return document.getElementById('events').lastElementChild.lastElementChild.textContent");
	}

	@Test
	void aRunAndAnAnswerAreBothInTheAddress() {
		UUID id = write("one");
		browser.get(this.url + "/#" + id);
		awaitText("answer", "one");
		browser.findElement(By.id("start-run")).click();
		awaitText("run-status", "complete");
		browser.navigate().refresh();
		awaitText("run-status", "complete");
		awaitText("answer", "one");
	}

	@Test
	void anUnknownRunIsDistinguishedFromOneThatIsRead() {
		browser.get(this.url + "/#run=" + UUID.randomUUID());
		awaitText("run-status", "cannot be read");
	}

	private ConfigurableApplicationContext startInstance(String port) {
		return new SpringApplicationBuilder(SampleApplication.class).run("--server.port=" + port,
				"--spring.datasource.url=" + this.connectionDetails.getJdbcUrl());
	}

	@Test
	void anAnswerIsStoppedByTheButton() {
		script("document.getElementById('text').value = arguments[0]", "word ".repeat(20_000));
		browser.findElement(By.id("start")).click();
		await("button").atMost(Duration.ofSeconds(30)).until(() -> browser.findElement(By.id("stop")).isDisplayed());
		browser.findElement(By.id("stop")).click();
		awaitText("answer-status", "stopped");
		assertThat(text("answer")).startsWith("word ");
		assertThat(browser.findElement(By.id("stop")).isDisplayed()).isFalse();
		assertThat(script("return source.readyState")).isEqualTo(CLOSED);
	}

	@Test
	void anAnswerThatIsStoppedElsewhereIsShownAsStopped() {
		UUID id = write("one");
		browser.get(this.url + "/#" + id);
		awaitText("answer", "one");
		this.streams.cancel(Answer.stream(id), "stopped by the reader");
		awaitText("answer-status", "stopped");
		assertThat(text("answer")).isEqualTo("one");
	}

	@Test
	void theReasonOfAFailureIsShown() {
		UUID id = write("one");
		browser.get(this.url + "/#" + id);
		awaitText("answer", "one");
		this.streams.fail(Answer.stream(id), "out of words");
		awaitText("answer-status", "failed: out of words");
		assertThat(script("return source.readyState")).isEqualTo(CLOSED);
	}

	@Test
	void anUnknownAnswerIsDistinguishedFromOneThatIsRead() {
		browser.get(this.url + "/#" + UUID.randomUUID());
		awaitText("answer-status", "cannot be read");
	}

	@Test
	void aTextThatIsRefusedIsSaidToBe() {
		script("document.getElementById('text').value = ' '");
		browser.findElement(By.id("start")).click();
		awaitText("answer-status", "The text is blank: there is no word to answer");
	}

	private UUID write(String... chunks) {
		UUID id = UUID.randomUUID();
		for (String chunk : chunks) {
			this.streams.append(Answer.stream(id), chunk);
		}
		return id;
	}

	private static String shownId() {
		return (String) script("return location.hash.slice(1)");
	}

}
