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
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.By;
import org.openqa.selenium.WebElement;

import org.springframework.beans.factory.annotation.Autowired;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for durable-notify's console in a real browser.
 */
@SampleTest
class ConsolePageTests extends PageTest {

	/**
	 * A name that is HTML.
	 */
	private static final String MARKUP = "<img/src=x/onerror=document.title='run'>";

	private static final String ROW = "[...document.querySelectorAll('#queues tr')]"
			+ ".find((row) => row.firstChild.textContent === arguments[0])";

	@Autowired
	StreamReader reader;

	@Autowired
	StreamWriter writer;

	@Autowired
	WorkQueue work;

	@Autowired
	WorkListeners listeners;

	@Autowired
	WorkAdmin admin;

	@BeforeEach
	void openConsole() {
		browser.get(this.url + "/actuator/durablenotifyconsole");
		awaitText("status", "listening");
	}

	@Test
	void theStripShowsThatTheListenersBackendWasTerminatedAndReplaced() {
		long before = (Long) script("return document.querySelectorAll('#strip span').length");
		assertThat(new SampleClient(this.environment).post("/listener/terminate").body())
			.isEqualTo("{\"terminated\":1}");
		await("strip").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("history")).contains("backing off")
				.contains("terminating connection due to administrator command"));
		awaitText("status", "listening");
		assertThat((Long) script("return document.querySelectorAll('#strip span').length"))
			.isEqualTo(Math.min(20, before + 2));
		assertThat(script("return document.querySelector('#strip span:last-child').className")).isEqualTo("good");
		assertThat(text("problem")).isEmpty();
		picture("console-listener");
	}

	@Test
	void theListenerReconnectsWhenItIsAskedTo() {
		button("Reconnect").click();
		await("history").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("history")).contains("a new connection was asked for"));
		awaitText("status", "listening");
	}

	@Test
	void readersAndAStreamAreShownWithTheirNamesAsText() {
		this.writer.append(MARKUP, "a");
		Subscription subscription = this.reader.subscribe(MARKUP, StreamPosition.start(), (chunk) -> {
		});
		Subscription waiting = this.reader.subscribe("later" + MARKUP, StreamPosition.start(), (chunk) -> {
		});
		try {
			await("readers").atMost(Duration.ofSeconds(30))
				.untilAsserted(
						() -> assertThat(text("readers")).contains(MARKUP + "live11", "later" + MARKUP + "waiting"));
			browser.findElement(By.id("name")).sendKeys(MARKUP);
			button("Find").click();
			await("stream").atMost(Duration.ofSeconds(30))
				.untilAsserted(() -> assertThat(text("stream")).contains("Stateopen", "Next index1", MARKUP + "live"));
			for (String feature : List.of("events", "changes", "consumers", "streams")) {
				script("document.getElementById('feature').value = arguments[0]; document.getElementById('feature').onchange()",
						feature);
				await(feature).atMost(Duration.ofSeconds(30))
					.untilAsserted(() -> assertThat(text("readers")).containsAnyOf("Name", "Topic", "None"));
			}
			assertThat(script("return document.images.length")).isEqualTo(0L);
			assertThat(browser.getTitle()).isEqualTo("durable-notify");
			assertThat(text("problem")).isEmpty();
		}
		finally {
			subscription.cancel();
			waiting.cancel();
		}
	}

	@Test
	void deadItemsAreShownAndRequeuedAndQueuesPaused() {
		String queue = "console/" + MARKUP;
		AtomicBoolean failed = new AtomicBoolean();
		Subscription subscription = this.listeners.register(WorkListenerSpec.of(queue).maxAttempts(1), (item) -> {
			if (failed.compareAndSet(false, true)) {
				throw new IllegalStateException(MARKUP);
			}
			return WorkOutcome.done();
		});
		try {
			this.work.enqueue(WorkRequest.of(queue, "a").key("key " + MARKUP));
			await("dead").atMost(Duration.ofSeconds(30))
				.until(() -> this.admin.queues()
					.stream()
					.anyMatch((info) -> info.name().equals(queue) && info.dead() == 1));
			await("queue").atMost(Duration.ofSeconds(30)).until(() -> row(queue).contains("Dead items"));
			click(queue, "Dead items");
			await("items").atMost(Duration.ofSeconds(30))
				.untilAsserted(() -> assertThat(text("dead")).contains("Dead items of " + queue, "key " + MARKUP,
						"java.lang.IllegalStateException: " + MARKUP));
			picture("console-queues");
			narrow();
			assertThat(script("return document.documentElement.scrollWidth")).isEqualTo(380L);
			picture("console-narrow");
			wide();
			click(queue, "Pause");
			await("paused").atMost(Duration.ofSeconds(30)).until(() -> row(queue).contains("paused"));
			script("document.querySelector('#items button').click()");
			await("requeued").atMost(Duration.ofSeconds(30)).until(() -> text("items").equals("None"));
			assertThat(text("done")).startsWith("Requeue of item ").contains(" of " + queue + ": 1 requeued at ");
			click(queue, "Resume");
			await("resumed").atMost(Duration.ofSeconds(30)).until(() -> !row(queue).contains("paused"));
			failed.set(false);
			this.work.enqueue(WorkRequest.of(queue, "b"));
			await("dead again").atMost(Duration.ofSeconds(30)).until(() -> row(queue).contains("Requeue dead"));
			script("window.confirm = (question) => { window.question = question; return false; }");
			click(queue, "Requeue dead");
			assertThat(script("return window.question"))
				.isEqualTo("Requeue the dead items of " + queue + ", at most 1,000?");
			await("not requeued").atMost(Duration.ofSeconds(30))
				.until(() -> !text("items").equals("None") && row(queue).contains("Requeue dead"));
			script("[...document.querySelectorAll('#items button')].find((one) => one.textContent === 'Delete').click()");
			assertThat((String) script("return window.question")).startsWith("Delete item ")
				.endsWith(" of " + queue + " for good?");
			assertThat(this.admin.queues()).anyMatch((info) -> info.name().equals(queue) && info.dead() == 1);
			script("window.confirm = () => true");
			click(queue, "Requeue dead");
			await("requeued again").atMost(Duration.ofSeconds(30)).until(() -> text("items").equals("None"));
			assertThat(text("done")).startsWith("Requeue dead of " + queue + ": 1 requeued at ");
			assertThat(script("return document.images.length")).isEqualTo(0L);
			assertThat(text("problem")).isEmpty();
		}
		finally {
			subscription.cancel();
		}
	}

	/**
	 * The overview asks no database, and what does is not waited for.
	 */
	@Test
	void whileTheDatabaseIsAwayTheStripMovesAndTheQueuesSayThatTheyAreOld() {
		intercept("url.includes('/work') ? new Promise((resolve, reject) => { window.giveUp = reject; }) : null");
		script("queuesAt = 0");
		await("asked").atMost(Duration.ofSeconds(30))
			.until(() -> (Boolean) script("return window.giveUp !== undefined"));
		awaitTicks(3);
		assertThat(text("queues-problem")).isEmpty();
		script("window.giveUp(new Error('the database is away'))");
		await("old").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("queues-problem"))
				.matches("Not up to date since .*\\d:\\d\\d.*: the database is away"));
		String since = text("queues-problem");
		awaitTicks(3);
		assertThat(text("queues-problem")).isEqualTo(since);
		assertThat(text("problem")).isEmpty();
		intercept("null");
		script("refresh()");
		awaitText("queues-problem", "");
	}

	@Test
	void whileTheInstanceIsAwayNothingSaysThatAllIsWell() {
		intercept("Promise.reject(new Error('away'))");
		awaitText("status", "unknown");
		assertThat(text("problem")).matches("Not up to date since .*\\d:\\d\\d.*: away");
		assertThat(script("return getComputedStyle(document.getElementById('strip')).filter"))
			.isEqualTo("grayscale(1)");
		narrow();
		script("scrollTo(0, document.body.scrollHeight)");
		assertThat(script("return document.getElementById('problem').getBoundingClientRect().top >= 0"))
			.isEqualTo(true);
		wide();
		script("scrollTo(0, 0)");
		picture("console-away");
		intercept("null");
		awaitText("status", "listening");
		assertThat(text("problem")).isEmpty();
		assertThat(script("return document.body.className")).isEqualTo("");
	}

	@Test
	void aStreamIsNotShownUnderTheNameOfTheNextOne() {
		this.writer.append("console/first", "a");
		find("console/first");
		await("stream").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("stream")).startsWith("Nameconsole/firstStateopen"));
		intercept("url.includes('name=console%2Fsecond') ? new Promise(() => { window.asked = true; }) : null");
		find("console/second");
		assertThat(text("stream")).isEmpty();
		await("asked").atMost(Duration.ofSeconds(30)).until(() -> (Boolean) script("return window.asked === true"));
		awaitTicks(1);
		assertThat(text("stream")).isEmpty();
		assertThat(script("document.getElementById('feature').onchange();"
				+ "return document.getElementById('readers').textContent"))
			.isEqualTo("");
	}

	private static void find(String name) {
		browser.findElement(By.id("name")).clear();
		browser.findElement(By.id("name")).sendKeys(name);
		button("Find").click();
	}

	@Test
	void aListThatIsCutSaysSo() {
		List<Subscription> readers = IntStream.range(0, 51)
			.mapToObj((i) -> this.reader.subscribe("console/more/" + i, StreamPosition.start(), (chunk) -> {
			}))
			.toList();
		String queue = "console/dead";
		Subscription listener = this.listeners.register(WorkListenerSpec.of(queue).maxAttempts(1), (item) -> {
			throw new IllegalStateException("dead");
		});
		try {
			await("readers").atMost(Duration.ofSeconds(30))
				.untilAsserted(() -> assertThat(text("readers")).endsWith("50 shown, there are more More"));
			script("document.querySelector('#readers button').click()");
			await("all readers").atMost(Duration.ofSeconds(30))
				.untilAsserted(() -> assertThat((Long) script("return document.getElementById('readers').rows.length"))
					.isGreaterThanOrEqualTo(52));
			assertThat(text("readers")).doesNotContain("shown");
			this.work.enqueueAll(IntStream.range(0, 51).mapToObj((i) -> WorkRequest.of(queue, "a")).toList());
			await("dead").atMost(Duration.ofSeconds(30))
				.until(() -> this.admin.queues()
					.stream()
					.anyMatch((info) -> info.name().equals(queue) && info.dead() == 51));
			script("refresh()");
			click(queue, "Dead items");
			await("dead items").atMost(Duration.ofSeconds(30))
				.untilAsserted(() -> assertThat(text("items")).endsWith("50 shown, there are more More"));
			script("document.querySelector('#items tr:last-child button').click()");
			await("all dead items").atMost(Duration.ofSeconds(30))
				.untilAsserted(
						() -> assertThat(script("return document.getElementById('items').rows.length")).isEqualTo(52L));
			assertThat(text("items")).doesNotContain("shown");
		}
		finally {
			readers.forEach(Subscription::cancel);
			listener.cancel();
			this.admin.purge(DeadQuery.of(queue));
		}
	}

	@Test
	void aPollThatIsOffAndChangesThatWaitAreSaidToBe() {
		assertThat(script("""
				return ask("").then((overview) => {
					overview.poll.interval = "PT0S";
					showOverview(overview);
					return document.getElementById("cards").textContent;
				});
				""")).asString().contains("Polloffwake-ups");
		assertThat(
				script("""
						showReading("changes", { subscriptions: [0, 3].map((waiting) =>
							({ topic: "a", behind: false, waiting, positionAge: "PT1S", handler: "A" })) });
						return [...document.querySelectorAll("#readers span")].map((one) => one.className + one.textContent).join();
						"""))
			.isEqualTo("goodlive,warnwaiting");
	}

	@Test
	void queuesWhoseNamesAreHiddenHaveNoActionsAndThePageSaysWhy() {
		awaitText("unnamed", "");
		intercept("""
				url.endsWith("/work") ? window.fetched(url, options).then((answer) => answer.json()).then((answer) => {
					answer.queues.forEach((queue) => { queue.name = "******"; queue.dead = 1; });
					return Response.json(answer);
				}) : null""");
		script("refresh()");
		awaitText("unnamed",
				"Dead items and actions need the names of queues, which show-values of the endpoint hides");
		assertThat(script("return document.querySelectorAll('#queues button').length")).isEqualTo(0L);
	}

	@Test
	void actionsAreOnlyThereWhereAccessAllowsThem() {
		String answers = """
				url === "durablenotify" ? window.fetched(url, options).then((answer) => answer.json())
					.then((answer) => Response.json({ ...answer, access: "%s" })) :
				url.includes("/work") ? Promise.resolve(Response.json({ queues: [{ name: "a", pending: 0, running: 0, dead: 1 }],
					queue: "a", items: [{ id: 1, key: "dead" }] })) : null""";
		// The page must not have had more access before
		Object added = browser
			.executeCdpCommand("Page.addScriptToEvaluateOnNewDocument",
					Map.of("source", interception(answers.formatted("READ_ONLY"))))
			.get("identifier");
		try {
			browser.navigate().refresh();
			awaitText("status", "listening");
			click("a", "Dead items");
			await("items").atMost(Duration.ofSeconds(30)).until(() -> text("items").contains("dead"));
			assertThat(buttons()).isEqualTo(List.of("Find", "Dead items"));
		}
		finally {
			browser.executeCdpCommand("Page.removeScriptToEvaluateOnNewDocument", Map.of("identifier", added));
		}
		intercept(answers.formatted("UNRESTRICTED"));
		script("refresh()");
		await("actions").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(buttons()).isEqualTo(List.of("Reconnect", "Poll now", "Find", "Dead items",
					"Pause", "Requeue dead", "Requeue", "Delete")));
	}

	private static Object buttons() {
		return script("return [...document.querySelectorAll('button')].map((one) => one.textContent)");
	}

	@Test
	void anActionHasTheTokenOfTheCookie() {
		intercept(
				"""
						options.method === "POST" ? (window.posted = options.headers, Promise.resolve(Response.json({}))) : null""");
		script("document.cookie = 'XSRF-TOKEN=a%2Fb; path=/'");
		try {
			button("Poll now").click();
			assertThat(script("return window.posted['X-XSRF-TOKEN']")).isEqualTo("a/b");
		}
		finally {
			script("document.cookie = 'XSRF-TOKEN=; path=/; max-age=0'");
		}
	}

	@Test
	void aQueueWhoseClaimsSearchForLongSaysSo() {
		this.work.enqueue(WorkRequest.of("console/slow", "a").key("a"));
		intercept("""
				url.endsWith("/work") ? window.fetched(url, options).then((answer) => answer.json()).then((answer) => {
					answer.queues.forEach((queue) => queue.searchTook = "PT2S");
					return Response.json(answer);
				}) : null""");
		script("refresh()");
		await("slow").atMost(Duration.ofSeconds(30)).until(() -> row("console/slow").contains("searches for 2"));
		this.work.cancel("console/slow", "a");
	}

	@Test
	void whatHasNotChangedKeepsTheFocusWhenTheRestIsDrawnAnew() {
		String queue = "console/focus";
		this.work.enqueue(WorkRequest.of(queue, "a").key("a"));
		script("refresh()");
		await("queue").atMost(Duration.ofSeconds(30)).until(() -> row(queue).contains(queue + "10"));
		script("window.pressed = (" + ROW + ").querySelector('button'); pressed.focus()", queue);
		this.work.enqueue(WorkRequest.of(queue, "b").key("b"));
		this.work.enqueue(WorkRequest.of("console/before", "c").key("c"));
		script("refresh()");
		await("changed").atMost(Duration.ofSeconds(30))
			.until(() -> row(queue).contains(queue + "20") && row("console/before").contains("Pause"));
		assertThat(script("return document.activeElement === pressed")).isEqualTo(true);
		script("pressed.click()");
		await("paused").atMost(Duration.ofSeconds(30)).until(() -> row(queue).endsWith("Resume"));
		assertThat(script("return document.activeElement === pressed")).isEqualTo(true);
		assertThat(text("done")).startsWith("Pause of " + queue + ": done at ");
		this.admin.resume(queue);
		List.of("a", "b").forEach((key) -> this.work.cancel(queue, key));
		this.work.cancel("console/before", "c");
	}

	@Test
	void anActionIsDoneOnceAndItsFailureStaysUntilTheNextOne() {
		intercept("""
				options.method === "POST" ? new Promise((resolve, reject) => {
					window.posts = (window.posts ?? 0) + 1;
					window.giveUp = reject;
				}) : null""");
		button("Poll now");
		script("""
				window.pressed = [...document.querySelectorAll("button")].find((one) => one.textContent === "Poll now");
				pressed.click();
				pressed.click();
				""");
		assertThat(script("return window.posts")).isEqualTo(1L);
		assertThat(script("return pressed.getAttribute('aria-disabled')")).isEqualTo("true");
		script("window.giveUp(new Error('away'))");
		await("failed").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("failed")).startsWith("Poll now: away at "));
		intercept("null");
		script("pressed.click()");
		assertThat(text("failed")).isEmpty();
		await("done").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("done")).startsWith("Poll now: done at "));
	}

	@Test
	void theWholeHistoryIsThereWithoutAPointer() {
		assertThat(
				script("""
						return ask("").then((overview) => {
							overview.listener.history = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => ({ at: overview.listener.since, status: "DEAF", error: "why" + i }));
							showListener(overview.listener);
							const earlier = document.getElementById("earlier");
							return earlier.closest("details:not([hidden])") && earlier.textContent;
						});
						"""))
			.asString()
			.contains("why6", "why7")
			.doesNotContain("why5");
		assertThat(script("return document.getElementById('status').getAttribute('role')")).isEqualTo("status");
	}

	/**
	 * The least that WCAG 2.2 asks for, in 1.4.11.
	 */
	@Test
	void bordersOfControlsHaveAContrastOfThreeToOne() {
		button("Poll now");
		for (String scheme : List.of("light", "dark")) {
			scheme(scheme);
			assertThat(script("""
					const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
						.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
						.reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0.05);
					return Math.min(...[...document.querySelectorAll("button, input, select")].map((one) => {
						const border = light(getComputedStyle(one).borderTopColor);
						const card = light(getComputedStyle(one.closest("section")).backgroundColor);
						return Math.max(border / card, card / border);
					}));
					""")).asInstanceOf(InstanceOfAssertFactories.DOUBLE).as(scheme).isGreaterThan(3);
		}
	}

	@Test
	void cellsWithTheSameTextInARowAreDrawnAnew() {
		assertThat(script("""
				const drawn = [];
				for (const cells of [["1", "11"], ["11", "1"]]) {
					rows("stream", ["a", "b"], [cells], (row) => row);
					drawn.push(document.querySelector("#stream td").textContent);
				}
				return drawn.join();
				""")).isEqualTo("1,11");
	}

	@Test
	void afterTheEndOfTheSessionTheConsoleAsksToLogInAgain() {
		script("""
				window.fetch = () => Promise.resolve(new Response("<html>Login</html>", { headers: { "Content-Type": "text/html" } }));
				refresh();
				""");
		await("problem").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(text("problem")).endsWith(": Log in again: reload this page"));
	}

	/**
	 * Have a script answer requests of the console, but those for which it returns null.
	 */
	private static void intercept(String answer) {
		script(interception(answer));
	}

	private static String interception(String answer) {
		return "window.fetched ??= window.fetch; window.fetch = (url, options) => (" + answer
				+ ") ?? window.fetched(url, options)";
	}

	/**
	 * Wait until the console has drawn its strip that often.
	 */
	private static void awaitTicks(int count) {
		for (int i = 0; i < count; i++) {
			script("document.querySelector('#strip span').dataset.seen = true");
			await("strip").atMost(Duration.ofSeconds(30))
				.until(() -> (Boolean) script("return !document.querySelector('#strip span').dataset.seen"));
		}
	}

	/**
	 * Return the text of a queue's row.
	 */
	private static String row(String queue) {
		return (String) script("return " + ROW + "?.textContent ?? ''", queue);
	}

	/**
	 * Click a button of a queue's row, which the page may just be replacing.
	 */
	private static void click(String queue, String label) {
		await(label).atMost(Duration.ofSeconds(30))
			.until(() -> (Boolean) script("const button = [...(" + ROW + "?.querySelectorAll('button') ?? [])]"
					+ ".find((one) => one.textContent === arguments[1]); button?.click(); return button !== undefined",
					queue, label));
	}

	private static WebElement button(String label) {
		await(label).atMost(Duration.ofSeconds(30))
			.until(() -> !browser.findElements(By.xpath("//button[.='%s']".formatted(label))).isEmpty());
		return browser.findElement(By.xpath("//button[.='%s']".formatted(label)));
	}

}
