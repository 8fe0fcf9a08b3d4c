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

package io.durablenotify.actuate;

import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import javax.management.MBeanServer;
import javax.management.ObjectName;

import com.fasterxml.jackson.annotation.JsonInclude.Include;
import io.durablenotify.Subscription;
import io.durablenotify.actuate.OverviewReport.Overview;
import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.autoconfigure.DurableNotifyEndpointAutoConfiguration;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.event.NewEvent;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkHealth;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.WorkflowResumptions;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DurableNotifyEndpoint}, over HTTP and JMX.
 */
class DurableNotifyEndpointTests {

	/**
	 * What may only be shown where values are: names, keys, owners and errors.
	 */
	private static final String NAME = "Xyzzy";

	/**
	 * What is never shown: payloads and what goes with them.
	 */
	private static final String PAYLOAD = "Plugh";

	private static final String PASSWORD = "Frotz";

	private static final String STREAM = "answers/%s 1".formatted(NAME).replace(' ', '-');

	private static final String QUEUE = "mail/" + NAME;

	private static final String UNHANDLED = "unhandled/" + NAME;

	private static final String SENDER = "sender-" + NAME;

	private static final String CHANNEL = "work-for-" + NAME;

	private static final String TIMERS = "expiry-of-" + NAME;

	private static final String WORKFLOW = "workflow-" + NAME;

	@Fixture
	private static TestDatabase database;

	private static Instance hiding;

	private static Instance showing;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DurableNotifyAutoConfiguration.class, DurableNotifyEndpointAutoConfiguration.class))
		.withPropertyValues("spring.datasource.url=" + database.url());

	private final List<String> answers = new ArrayList<>();

	@BeforeAll
	static void startInstances() {
		hiding = start("management.endpoint.durablenotify.access=unrestricted", "spring.application.name=" + NAME);
		showing = start("management.endpoint.durablenotify.show-values=always",
				"management.endpoint.durablenotify.access=unrestricted");
		for (Instance instance : List.of(hiding, showing)) {
			fill(instance);
		}
	}

	private static Instance start(String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		all.addAll(List.of("server.port=0", "server.address=127.0.0.1",
				"management.endpoints.web.exposure.include=durablenotify,durablenotifyconsole",
				"durable-notify.listener.url=" + database.url() + "&password=" + PASSWORD,
				"durable-notify.streams.families.answers.prefix=answers/", "durable-notify.outbox.circuit.failures=1",
				"spring.jmx.enabled=true", "spring.jmx.unique-names=true", "spring.web.error.include-message=always",
				"management.endpoints.jmx.exposure.include=durablenotify"));
		return Instance.start(database, (application) -> application.web(WebApplicationType.SERVLET)
			.sources(WebApplication.class, FailingSender.class), all.toArray(String[]::new));
	}

	@AfterAll
	static void stop() {
		hiding.close();
		showing.close();
	}

	/**
	 * A marker in each text that the application chooses.
	 */
	private static void fill(Instance instance) {
		if (instance == hiding) {
			instance.writer().create(STREAM, StreamOptions.none().owner("owner-" + NAME).contentType("text/" + NAME));
			instance.writer().append(STREAM, PAYLOAD);
			instance.writer().append(STREAM, PAYLOAD);
			instance.writer().append("failed-" + NAME, PAYLOAD);
			instance.writer().fail("failed-" + NAME, "reason-" + NAME);
			instance.events()
				.append(NewEvent.of("run-" + NAME, "type-" + NAME)
					.correlationId("step-" + NAME)
					.idempotencyKey("once-" + NAME)
					.payload("{\"text\":\"%s\"}".formatted(PAYLOAD)));
			instance.bean(WorkListeners.class).register(WorkListenerSpec.of(QUEUE).maxAttempts(1), (item) -> {
				throw new IllegalStateException("error " + NAME);
			});
			WorkQueue work = instance.bean(WorkQueue.class);
			work.enqueue(WorkRequest.of(QUEUE, PAYLOAD).key("key-" + NAME).header("name", PAYLOAD));
			work.enqueue(WorkRequest.of(QUEUE, PAYLOAD).orderingKey("lane-" + NAME).header("name", PAYLOAD));
			Eventually.await(() -> dead(instance) == 2, () -> dead(instance));
			work.enqueue(WorkRequest.of("waiting-" + NAME, PAYLOAD).key("key-" + NAME));
			fillGeneratedQueues(instance);
			work.enqueue(WorkRequest.of(UNHANDLED, PAYLOAD));
			database.jdbc()
				.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes' WHERE queue_id = "
						+ "(SELECT queue_id FROM durable_notify.work_queues WHERE name = ?)", UNHANDLED);
		}
		awaitChecked(instance);
		instance.reader().subscribe(STREAM, StreamPosition.start(), new RecordingHandler());
		instance.reader().subscribe("unknown-" + NAME, StreamPosition.start(), new RecordingHandler());
		if (instance == hiding) {
			instance.reader().consumer(STREAM, "consumer-" + NAME).subscribe((chunk) -> {
			});
		}
		instance.events().follow("run-" + NAME, 0, (event) -> {
		});
		instance.bean(ChangeNotifier.class).subscribe("topic-" + NAME, (change) -> {
		});
		instance.bean(ChangeNotifier.class).publish("topic-" + NAME, "key-" + PAYLOAD);
		instance.listener().listen("channel_" + NAME, new SilentHandler());
		instance.awaitStatus(Status.LISTENING);
	}

	/**
	 * Have a sender and a handler of messages fail, and what waits for others that do not
	 * exist.
	 */
	private static void fillGeneratedQueues(Instance instance) {
		instance.transaction()
			.executeWithoutResult((status) -> instance.bean(Outbox.class)
				.publish(OutboxEvent.of("event-" + NAME, PAYLOAD).orderingKey("order-" + NAME)));
		DurableChannels channels = instance.bean(DurableChannels.class);
		channels.compete(CHANNEL, (settings) -> settings.maxAttempts(1), (message) -> {
			throw new IllegalStateException("no message of " + NAME);
		});
		channels.publish(CHANNEL, PAYLOAD);
		channels.send("direct-" + NAME, "address-" + NAME, PAYLOAD);
		instance.bean(DurableTimers.class)
			.set(TIMERS, "instance-" + NAME, "timer-" + NAME, Instant.now().plus(Duration.ofDays(1)));
		instance.bean(WorkflowResumptions.class).request(WORKFLOW, "resumed-" + NAME);
		Eventually.await(() -> dead(instance, "channel/" + CHANNEL) == 1,
				() -> instance.bean(WorkAdmin.class).queues());
	}

	/**
	 * Wait until an instance knows the queues that are checked once a minute.
	 */
	private static void awaitChecked(Instance instance) {
		PeriodicTask janitor = instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class);
		WorkHealth health = instance.bean(WorkHealth.class);
		Eventually.await(() -> {
			janitor.wake();
			return health.unhandledQueues().contains(UNHANDLED) && health.probedQueues().contains("outbox/" + SENDER);
		}, () -> "%s, %s".formatted(health.unhandledQueues(), health.probedQueues()));
	}

	/**
	 * Here, since names are everywhere.
	 */
	@Test
	void noMeterHasANameButThoseOfDeclaredQueuesAndSenders() {
		assertThat(hiding.bean(MeterRegistry.class).getMeters())
			.filteredOn((meter) -> meter.getId().getName().startsWith(DurableNotifyMeters.PREFIX))
			.flatExtracting((meter) -> meter.getId().getTags())
			.filteredOn((tag) -> tag.getValue().contains(NAME) || tag.getValue().contains(PAYLOAD))
			.contains(Tag.of("queue", QUEUE), Tag.of("sender", SENDER))
			.extracting(Tag::getKey)
			.containsOnly("queue", "sender");
		assertThat(Stream.of(DurableNotifyMeters.values()))
			.flatExtracting((meter) -> hiding.bean(MeterRegistry.class).get(meter.meterName()).meters())
			.flatExtracting((meter) -> meter.getId().getTags())
			.filteredOn((tag) -> tag.getValue().contains(NAME))
			.containsOnly(Tag.of("queue", QUEUE), Tag.of("sender", SENDER));
	}

	private static long dead(Instance instance) {
		return dead(instance, QUEUE);
	}

	private static long dead(Instance instance, String name) {
		return instance.bean(WorkAdmin.class)
			.queues()
			.stream()
			.filter((queue) -> queue.name().equals(name))
			.mapToLong((queue) -> queue.dead())
			.sum();
	}

	private JsonNode get(Instance instance, String path, Object... names) {
		HttpResponse<String> response = send(instance, HttpRequest.newBuilder(), path, names);
		assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
		return JsonMapper.shared().readTree(response.body());
	}

	private int status(Instance instance, String path) {
		return send(instance, HttpRequest.newBuilder(), path).statusCode();
	}

	private HttpResponse<String> post(Instance instance, String path, Map<String, Object> body) {
		return send(instance,
				HttpRequest.newBuilder()
					.header("Content-Type", "application/json")
					.POST(BodyPublishers.ofString(JsonMapper.shared().writeValueAsString(body))),
				path);
	}

	private HttpResponse<String> send(Instance instance, HttpRequest.Builder request, String path, Object... names) {
		for (Object name : names) {
			path = path.replaceFirst("\\{}", URLEncoder.encode(name.toString(), StandardCharsets.UTF_8));
		}
		int port = ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
		request.uri(URI.create("http://127.0.0.1:%d/actuator/durablenotify%s".formatted(port, path)));
		HttpResponse<String> response = HttpClient.newHttpClient()
			.sendAsync(request.build(), BodyHandlers.ofString())
			.join();
		this.answers.add(response.body());
		return response;
	}

	@Test
	void theOverviewShowsAllParts() {
		JsonNode overview = get(hiding, "");
		assertThat(overview.at("/database/product").asString()).startsWith("PostgreSQL");
		assertThat(overview.at("/database/schema").asString()).isEqualTo("durable_notify");
		assertThat(overview.at("/database/migration").asString()).matches("\\d+(\\.\\d+)?");
		assertThat(overview.at("/listener/status").asString()).isEqualTo("LISTENING");
		assertThat(overview.at("/listener/history/0/status").asString()).isEqualTo("LISTENING");
		assertThat(overview.at("/listener/channels")).anySatisfy((channel) -> {
			assertThat(channel.get("name").asString()).isEqualTo("durable_notify_wakeup");
			assertThat(channel.get("handlers").asInt()).isOne();
		});
		assertThat(overview.at("/poll/interval").asString()).isEqualTo("PT5S");
		assertThat(overview.at("/readers/streams/waiting").asInt()).isOne();
		assertThat(overview.at("/readers/events/live").asInt()).isOne();
		assertThat(overview.at("/changes/subscriptions").asInt()).isOne();
		assertThat(overview.at("/work/queues").asInt()).isEqualTo(3);
		assertThat(overview.at("/leases/0/held").asBoolean()).isTrue();
		assertThat(overview.at("/instance/name").asString()).isEqualTo(EndpointTexts.HIDDEN);
		assertThat(overview.at("/listener/backend").asInt()).isEqualTo(database.jdbc()
			.queryForObject("SELECT pid FROM pg_stat_activity WHERE application_name = ?", Integer.class,
					NAME + "-listener"));
	}

	@Test
	void theOverviewShowsWhichInstancesAreHeardAndHowLongThatTakes() {
		String id = get(showing, "").at("/instance/id").asString();
		showing.bean(Wakeups.class).send("heard", Wakeup.moved(1, 1));
		hiding.listener().probe();
		Eventually.await(() -> {
			JsonNode overview = get(hiding, "");
			return overview.at("/wakeups/others").toString().contains('"' + id + '"')
					&& overview.at("/listener/lastProbeTook").asString("").startsWith("PT0.");
		}, this.answers::toString);
		assertThat(id).isNotEqualTo(get(hiding, "").at("/instance/id").asString());
	}

	@Test
	void theDocumentsExampleIsAnOverview() throws Exception {
		String document = Files.readString(Path.of("../docs/endpoint.md"));
		Matcher json = Pattern.compile("```json\\R(.*?)```", Pattern.DOTALL).matcher(document);
		assertThat(json.find()).isTrue();
		JsonMapper mapper = JsonMapper.builder()
			.enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
			.changeDefaultPropertyInclusion((inclusion) -> inclusion.withValueInclusion(Include.NON_NULL))
			.build();
		Overview example = mapper.readValue(json.group(1), Overview.class);
		assertThat(mapper.valueToTree(example).toString()).isEqualTo(mapper.readTree(json.group(1)).toString());
		assertThat(paths(mapper.readTree(json.group(1)), "")).containsAll(paths(get(showing, ""), ""));
	}

	private static Set<String> paths(JsonNode node, String path) {
		Set<String> paths = new TreeSet<>();
		node.properties().forEach((property) -> {
			paths.add(path + "/" + property.getKey());
			paths.addAll(paths(property.getValue(), path + "/" + property.getKey()));
		});
		if (node.isArray()) {
			node.forEach((element) -> paths.addAll(paths(element, path)));
		}
		return paths;
	}

	@Test
	void theConsoleIsAPageThatMayRunNothingButItsOwnScript() throws Exception {
		HttpResponse<String> response = send(hiding, HttpRequest.newBuilder(), "console");
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("Content-Type").orElse("")).startsWith("text/html");
		String page = response.body();
		String policy = page.replaceFirst("(?s).*http-equiv=\"Content-Security-Policy\" content=\"([^\"]*)\".*", "$1");
		assertThat(policy).isEqualTo(
				"default-src 'none'; script-src '%s'; style-src '%s'; connect-src 'self'; base-uri 'none'; form-action 'none'"
					.formatted(hash(page, "script"), hash(page, "style")));
		assertThat(page).doesNotContainPattern(
				"(?i)https?://|innerHTML|insertAdjacent|document\\.write|eval\\(| on\\w+=\"| style=");
		assertThat(page.lines()).hasSizeLessThanOrEqualTo(330);
		assertThat(page.chars()).allMatch((character) -> character < 128);
	}

	private static String hash(String page, String element) throws Exception {
		Matcher matcher = Pattern.compile("<%1$s>(.*)</%1$s>".formatted(element), Pattern.DOTALL).matcher(page);
		assertThat(matcher.find()).isTrue();
		byte[] hash = MessageDigest.getInstance("SHA-256").digest(matcher.group(1).getBytes(StandardCharsets.UTF_8));
		return "sha256-" + Base64.getEncoder().encodeToString(hash);
	}

	@Test
	void readersComeByLagAndByState() {
		BlockingHandler slow = new BlockingHandler();
		showing.reader().subscribe(STREAM, StreamPosition.start(), slow);
		try {
			Eventually.await(() -> get(showing, "/streams").at("/readers/0/lag").asInt() == 2, this.answers::toString);
			JsonNode reader = get(showing, "/streams?limit=1").at("/readers/0");
			assertThat(reader.get("name").asString()).isEqualTo(STREAM);
			assertThat(reader.get("state").asString()).isEqualTo("BEHIND");
			assertThat(reader.get("next").asInt()).isZero();
			assertThat(reader.get("knownEnd").asInt()).isEqualTo(2);
			assertThat(reader.get("handler").asString()).isEqualTo(BlockingHandler.class.getName());
			assertThat(reader.at("/buffered/entries").asInt()).isEqualTo(2);
			assertThat(get(showing, "/streams?limit=1").get("more").asBoolean()).isTrue();
			assertThat(get(showing, "/streams?state=behind").get("readers")).hasSize(1);
			assertThat(get(showing, "/streams?state=waiting").get("readers")).hasSize(1);
			assertThat(get(showing, "/streams?state=full").get("readers")).isEmpty();
			assertThat(get(showing, "/events").at("/readers/0/name").asString()).isEqualTo("run-" + NAME);
			assertThat(get(showing, "/changes").at("/subscriptions/0/topic").asString()).isEqualTo("topic-" + NAME);
			assertThat(get(showing, "/consumers").at("/consumers/0/name").asString()).isEqualTo("consumer-" + NAME);
			Eventually.await(() -> get(showing, "/streams").at("/readers/0/running").asString("").startsWith("PT"),
					this.answers::toString);
		}
		finally {
			slow.release();
		}
	}

	@Test
	void aStreamOrARunIsFoundByItsName() {
		JsonNode stream = get(showing, "/streams?name={}", STREAM);
		assertThat(stream.get("state").asString()).isEqualTo("OPEN");
		assertThat(stream.get("nextIndex").asInt()).isEqualTo(2);
		assertThat(stream.get("owner").asString()).isEqualTo("owner-" + NAME);
		assertThat(stream.get("readers")).isNotEmpty();
		JsonNode failed = get(showing, "/streams?name={}", "failed-" + NAME);
		assertThat(failed.get("failureReason").asString()).isEqualTo("reason-" + NAME);
		JsonNode waitedFor = get(showing, "/streams?name={}", "unknown-" + NAME);
		assertThat(waitedFor.has("state")).isFalse();
		assertThat(waitedFor.at("/readers/0/state").asString()).isEqualTo("WAITING");
		assertThat(get(showing, "/events?name={}", "run-" + NAME).get("lastSequence").asInt()).isOne();
		assertThat(status(showing, "/streams?name=neither")).isEqualTo(404);
		assertThat(status(showing, "/events?name=neither")).isEqualTo(404);
	}

	@Test
	void anItemIsFoundByItsKey() {
		JsonNode items = get(showing, "/work?queue={}&key={}", "waiting-" + NAME, "key-" + NAME).get("items");
		assertThat(items).hasSize(1);
		assertThat(items.at("/0/key").asString()).isEqualTo("key-" + NAME);
		JsonNode dead = get(showing, "/work?queue={}&state=dead&key={}", QUEUE, "lane-" + NAME).get("items");
		assertThat(dead).hasSize(1);
		assertThat(dead.at("/0/orderingKey").asString()).isEqualTo("lane-" + NAME);
		assertThat(get(showing, "/work?queue={}&key=other", QUEUE).get("items")).isEmpty();
		JsonNode hidden = get(hiding, "/work?queue={}&key={}", "waiting-" + NAME, "key-" + NAME).get("items");
		assertThat(hidden).hasSize(1);
		assertThat(hidden.at("/0/key").asString()).isEqualTo(EndpointTexts.HIDDEN);
		assertThat(status(hiding, "/work?queue=mail&key=")).isEqualTo(400);
		assertThat(status(hiding, "/work?queue=unknown&key=a")).isEqualTo(404);
	}

	@Test
	void whatIsInvalidIsRefused() {
		assertThat(status(hiding, "/nothing")).isEqualTo(404);
		assertThat(status(hiding, "/streams?name=")).isEqualTo(400);
		assertThat(status(hiding, "/work?queue=")).isEqualTo(400);
		assertThat(status(hiding, "/work?queue=unknown")).isEqualTo(404);
		assertThat(status(hiding, "/work?queue=unknown&state=dead")).isEqualTo(404);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '"',
			textBlock = """
					?odd=1                        | There is no parameter 'odd'
					/streams?stat=full            | There is no parameter 'stat'
					/streams?state=odd            | 'state' must be live or behind or full or waiting, but is 'odd'
					/streams?limit=0              | 'limit' must be from 1 to 1000, but is 0
					/streams?limit=1001           | 'limit' must be from 1 to 1000, but is 1001
					/streams?queue=mail           | 'queue' must not be given here, only 'state' or 'limit'
					/streams?name=a&state=full    | 'state' must not be given here, only 'name'
					/events?state=odd             | 'state' must be live or behind or full or waiting, but is 'odd'
					/events?name=a&limit=1        | 'limit' must not be given here, only 'name'
					/changes?state=live           | 'state' must not be given here, only 'limit'
					/consumers?name=a             | 'name' must not be given here, only 'limit'
					/work?state=dead              | 'state' must not be given here, only 'queue'
					/work?key=a                   | 'key' must not be given here, only 'queue'
					/streams?key=a                | 'key' must not be given here, only 'state' or 'limit'
					/work?queue=mail&state=deat   | 'state' must be dead, but is 'deat'
					/work?queue=mail&name=a       | 'name' must not be given here, only 'queue' or 'state' or 'key' or 'after' or 'limit'
					/work?queue=mail&after=junk   | 'after' must be the 'next' of a page, but is 'junk'
					/work?queue=mail&limit=0      | 'limit' must be from 1 to 1000, but is 0
					""")
	void aQueryIsRefusedWithWhatIsAllowed(String path, String reason) {
		assertRefused(send(hiding, HttpRequest.newBuilder(), path), reason);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '"',
			textBlock = """
					odd      | {action: now}                                 | 'feature' must be listener or poll or work, but is 'odd'
					listener | {action: now}                                 | 'action' must be reconnect, but is 'now'
					poll     | {action: reconnect}                           | 'action' must be now, but is 'reconnect'
					work     | {action: delete, queue: q}                    | 'action' must be pause or resume or requeue or purge, but is 'delete'
					listener | {action: reconnect, queue: q}                 | 'queue' must not be given here
					poll     | {action: now, item: 1}                        | 'item' must not be given here
					work     | {action: pause}                               | 'queue' must be given
					work     | {action: pause, queue: q, item: 1}            | 'item' must not be given here, only 'queue'
					work     | {action: resume, queue: q, ordered: true}     | 'ordered' must not be given here, only 'queue'
					work     | {action: purge, queue: q, itm: 1}             | There is no parameter 'itm'
					work     | {action: requeue, queue: q, itm: 1}           | There is no parameter 'itm'
					work     | {action: purge, queue: q, ordered: false}     | 'ordered' must not be given here, only 'queue'
					work     | {action: requeue, queue: q, ordered: false}   | 'ordered' must not be given here, only 'queue'
					""")
	void anActionIsRefusedWithWhatIsAllowed(String feature, String body, String reason) {
		assertRefused(post(hiding, "/" + feature, new Yaml().load(body)), reason);
	}

	private static void assertRefused(HttpResponse<String> response, String reason) {
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(JsonMapper.shared().readTree(response.body()).get("message").asString()).isEqualTo(reason);
	}

	@Test
	void aLoginMayComeBefore() {
		assertThat(status(hiding, "/streams?continue")).isEqualTo(200);
	}

	@Test
	void deadItemsAreListedRequeuedAndPurged() {
		String queue = "requeued/a&b";
		WorkAdmin admin = hiding.bean(WorkAdmin.class);
		hiding.bean(WorkQueue.class).enqueue(WorkRequest.of(queue, "a").orderingKey("lane"));
		hiding.bean(WorkQueue.class).enqueue(WorkRequest.of(queue, "b"));
		CountDownLatch handled = new CountDownLatch(4);
		Subscription listener = hiding.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(queue).maxAttempts(1), (item) -> {
				handled.countDown();
				throw new IllegalStateException("always");
			});
		Eventually.await(() -> get(hiding, "/work?queue={}&state=dead", queue).get("items").size() == 2,
				this.answers::toString);
		JsonNode items = get(showing, "/work?queue={}&state=dead", queue).get("items");
		assertThat(items).allSatisfy((item) -> assertThat(item.get("lastError").asString()).contains("always"));
		for (JsonNode item : items) {
			HttpResponse<String> answer = post(hiding, "/work", Map.of("action", "requeue", "queue", queue, "item",
					item.get("id").asLong(), "ordered", item.get("ordered").asBoolean()));
			assertThat(answer.body()).isEqualTo("{\"requeued\":1}");
		}
		Eventually.await(() -> handled.getCount() == 0, admin::queues);
		Eventually.await(() -> get(hiding, "/work?queue={}&state=dead", queue).get("items").size() == 2,
				this.answers::toString);
		listener.cancel();
		assertThat(post(hiding, "/work", Map.of("action", "purge", "queue", queue)).body()).isEqualTo("{\"purged\":2}");
		assertThat(post(hiding, "/work", Map.of("action", "pause", "queue", queue)).statusCode()).isEqualTo(200);
		assertThat(queue(queue).get("paused").asBoolean()).isTrue();
		assertThat(queue(queue).at("/here/concurrency").isMissingNode()).isTrue();
		assertThat(post(hiding, "/work", Map.of("action", "resume", "queue", queue)).statusCode()).isEqualTo(200);
		assertThat(queue(queue).get("paused").asBoolean()).isFalse();
	}

	@Test
	void aQueueWhoseClaimsSearchForLongSaysSo() {
		assertThat(queue(UNHANDLED).has("searchTook")).isFalse();
		PeriodicTask janitor = showing.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class);
		database.jdbc()
			.update("UPDATE durable_notify.work_queues SET look_took = '2 s', looked_at = clock_timestamp() - interval '90 s' "
					+ "WHERE name = ?", UNHANDLED);
		Eventually.await(() -> {
			janitor.wake();
			return queue(UNHANDLED).path("searchTook").asString("").equals("PT2S");
		}, this.answers::toString);
		assertThat(queue("waiting-" + NAME).has("searchTook")).isFalse();
	}

	private JsonNode queue(String name) {
		for (JsonNode queue : get(showing, "/work").get("queues")) {
			if (queue.get("name").asString().equals(name)) {
				return queue;
			}
		}
		throw new AssertionError(name);
	}

	@Test
	void theListenerReconnectsAndAllLookAtOnce() {
		try (Instance instance = start("durable-notify.poll.interval=0",
				"management.endpoint.durablenotify.access=unrestricted");
				Instance silent = Instance.start(database, "durable-notify.wakeup.mode=none")) {
			assertThat(post(instance, "/listener", Map.of("action", "reconnect")).statusCode()).isEqualTo(200);
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			instance.awaitStatus(Status.LISTENING);
			RecordingHandler handler = new RecordingHandler();
			instance.reader().subscribe("looked-at", StreamPosition.start(), handler);
			instance.writer().append("looked-at", "a");
			handler.awaitChunks(1);
			silent.writer().append("looked-at", "b");
			assertThat(handler.texts()).containsExactly("a");
			assertThat(post(instance, "/poll", Map.of("action", "now")).statusCode()).isEqualTo(200);
			handler.awaitChunks(2);
		}
	}

	@Test
	void withoutMoreAccessNothingCanBeChanged() {
		try (Instance instance = start()) {
			assertThat(post(instance, "/listener", Map.of("action", "reconnect")).statusCode()).isEqualTo(405);
			assertThat(status(instance, "")).isEqualTo(200);
		}
	}

	@Test
	void namesAreHiddenUnlessTheyAreAskedFor() {
		askEverything(hiding);
		assertThat(this.answers).hasSizeGreaterThan(10)
			.allSatisfy((answer) -> assertThat(answer).doesNotContain(NAME, PAYLOAD, PASSWORD));
		assertThat(this.answers.toString()).contains("\"name\":\"******\"", "\"lastError\":\"******\"",
				"\"unhandledQueues\":[\"******\"", "\"probedQueues\":[\"******\"]");
	}

	@Test
	void payloadsAndSecretsAreNeverShown() {
		refuseConnections();
		askEverything(showing);
		assertThat(this.answers.get(0)).contains("\"lastError\":\"", "\"error\":\"",
				"not currently accepting connections");
		assertThat(this.answers).hasSizeGreaterThan(10)
			.allSatisfy((answer) -> assertThat(answer).doesNotContain(PAYLOAD, PASSWORD));
		String all = this.answers.toString();
		assertThat(all).contains(STREAM, QUEUE, "owner-" + NAME, "text/" + NAME, "reason-" + NAME, "run-" + NAME,
				"type-" + NAME, "topic-" + NAME, "consumer-" + NAME, "key-" + NAME, "lane-" + NAME, "error " + NAME,
				"channel_" + NAME, UNHANDLED, "outbox/" + SENDER, "order-" + NAME, "channel/" + CHANNEL,
				"no message of " + NAME, "channel/direct-" + NAME, "address-" + NAME, "timer/" + TIMERS,
				"instance-%1$s/timer-%1$s".formatted(NAME), "resume/" + WORKFLOW, "resumed-" + NAME);
		assertThat(get(showing, "").get("work").toString()).contains(UNHANDLED, "outbox/" + SENDER);
	}

	/**
	 * Have the listeners lose their connections, and be refused other ones.
	 */
	private static void refuseConnections() {
		String name = database.jdbc().queryForObject("SELECT current_database()", String.class);
		// A database can be closed from another one only
		JdbcTemplate elsewhere = new TestDatabase(database.url().replace(name, "postgres")).jdbc();
		elsewhere.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
		try {
			elsewhere.queryForList("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					+ "WHERE datname = ? AND application_name LIKE '%-listener'", name);
			Eventually.await(() -> String.valueOf(showing.listener().state().lastError())
				.contains("not currently accepting connections"), showing.listener()::state);
		}
		finally {
			elsewhere.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true");
		}
		hiding.awaitStatus(Status.LISTENING);
		showing.awaitStatus(Status.LISTENING);
	}

	private void askEverything(Instance instance) {
		for (String path : List.of("", "/streams", "/events", "/changes", "/consumers", "/work")) {
			get(instance, path);
		}
		get(instance, "/streams?name={}", STREAM);
		get(instance, "/streams?name={}", "failed-" + NAME);
		get(instance, "/streams?name={}", "unknown-" + NAME);
		get(instance, "/events?name={}", "run-" + NAME);
		get(instance, "/work?queue={}", "waiting-" + NAME);
		for (String queue : List.of("outbox/" + SENDER, "channel/direct-" + NAME, "timer/" + TIMERS,
				"resume/" + WORKFLOW)) {
			get(instance, "/work?queue={}", queue);
		}
		get(instance, "/work?queue={}&state=dead", QUEUE);
		get(instance, "/work?queue={}&state=dead", "channel/" + CHANNEL);
		assertThat(get(instance, "/work?queue={}&key={}", "waiting-" + NAME, "key-" + NAME).get("items")).hasSize(1);
		assertThat(get(instance, "/work?queue={}&state=dead&limit=1", QUEUE).hasNonNull("next")).isTrue();
		post(instance, "/work", Map.of("action", "pause", "queue", "waiting-" + NAME));
		post(instance, "/work", Map.of("action", "requeue", "queue", "waiting-" + NAME));
		post(instance, "/poll", Map.of("action", "now"));
	}

	@Test
	void jmxHasTheSameOperations() throws Exception {
		MBeanServer server = ManagementFactory.getPlatformMBeanServer();
		List<ObjectName> names = List.copyOf(
				server.queryNames(new ObjectName("org.springframework.boot:type=Endpoint,name=Durablenotify,*"), null));
		assertThat(names).hasSizeGreaterThanOrEqualTo(2);
		String[] none = {};
		List<String> overviews = new ArrayList<>();
		for (ObjectName name : names) {
			overviews.add(String.valueOf(server.invoke(name, "overview", none, none)));
			overviews.add(String
				.valueOf(server.invoke(name, "feature", new Object[] { "streams", null, null, null, null, null, 10 },
						new String[] { String.class.getName(), String.class.getName(), String.class.getName(),
								String.class.getName(), String.class.getName(), String.class.getName(),
								Integer.class.getName() })));
		}
		assertThat(overviews.toString()).contains("status=LISTENING", STREAM, "name=******").doesNotContain(PASSWORD);
	}

	@Test
	void isThereWhereItIsExposed() {
		this.contextRunner.run((context) -> assertThat(context).doesNotHaveBean(DurableNotifyEndpoint.class));
		this.contextRunner.withPropertyValues("management.endpoints.web.exposure.include=durablenotify")
			.run((context) -> assertThat(context).hasSingleBean(DurableNotifyEndpoint.class)
				.hasSingleBean(DurableNotifyEndpointWebExtension.class)
				.doesNotHaveBean(DurableNotifyConsoleEndpoint.class));
		this.contextRunner
			.withPropertyValues("management.endpoints.web.exposure.include=durablenotify,durablenotifyconsole")
			.run((context) -> assertThat(context).hasSingleBean(DurableNotifyConsoleEndpoint.class));
		this.contextRunner
			.withPropertyValues("management.endpoints.web.exposure.include=durablenotify",
					"management.endpoint.durablenotify.access=NONE")
			.run((context) -> assertThat(context).doesNotHaveBean(DurableNotifyEndpoint.class));
	}

	@Test
	void backsOffWithUsersEndpoint() {
		DurableNotifyEndpoint own = new DurableNotifyEndpoint(new DatabaseProduct("H2"), null, null, Show.NEVER);
		this.contextRunner.withPropertyValues("management.endpoints.web.exposure.include=durablenotify")
			.withBean("own", DurableNotifyEndpoint.class, () -> own)
			.run((context) -> assertThat(context).getBean(DurableNotifyEndpoint.class).isSameAs(own));
	}

	@Test
	void namesTheDatabaseWhereItIsNotPostgres() {
		this.contextRunner
			.withPropertyValues("spring.datasource.url=jdbc:h2:mem:endpoint",
					"management.endpoints.web.exposure.include=durablenotify")
			.run((context) -> {
				DurableNotifyEndpoint endpoint = context.getBean(DurableNotifyEndpoint.class);
				assertThat(endpoint.overview().toString()).contains("H2");
				assertThat(endpoint.feature("streams", null, null, null, null, null, null)).isNull();
				assertThat(endpoint.act("listener", "reconnect", null, null, null)).isNull();
			});
	}

	/**
	 * A handler of a channel that nobody sends to.
	 */
	private static final class SilentHandler implements ChannelHandler {

		@Override
		public void onNotification(String payload) {
		}

		@Override
		public void onResync() {
		}

	}

	/**
	 * A sender whose circuit opens.
	 */
	static class FailingSender implements OutboxSender {

		@Override
		public String name() {
			return SENDER;
		}

		@Override
		public void send(OutboxMessage message) {
			throw new IllegalStateException("not sent by " + NAME);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class WebApplication {

	}

}
