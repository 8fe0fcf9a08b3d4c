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

import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.sample.ServerSentEvents.Event;
import io.durablenotify.stream.StreamWriter;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for two instances on one database. The second never polls, so that what it reads
 * live it was notified of.
 */
@SampleTest
class TwoInstancesTests {

	@Autowired
	ApplicationContext first;

	@Autowired
	JdbcConnectionDetails connectionDetails;

	ConfigurableApplicationContext second;

	SampleClient firstClient;

	SampleClient secondClient;

	@BeforeEach
	void startSecond() {
		this.second = new SpringApplicationBuilder(SampleApplication.class).run("--server.port=0",
				"--spring.datasource.url=" + this.connectionDetails.getJdbcUrl(), "--sample.pause=5ms",
				"--durable-notify.poll.interval=0", "--durable-notify.poll.degraded-interval=0");
		this.firstClient = new SampleClient(this.first.getEnvironment());
		this.secondClient = new SampleClient(this.second.getEnvironment());
	}

	@AfterEach
	void stopSecond() {
		this.second.close();
	}

	@Test
	void noServerIsStartedWhereAUrlIsGiven() {
		assertThat(this.second.getBeansOfType(EmbeddedPostgres.class)).isEmpty();
	}

	@Test
	void anAnswerPostedToOneIsReadLiveFromTheOther() {
		UUID id = UUID.randomUUID();
		StreamWriter streams = this.first.getBean(StreamWriter.class);
		streams.append(Answer.stream(id), "one");
		try (ServerSentEvents events = this.secondClient.read("/answers/" + id)) {
			for (String word : List.of(" two", " three", " four")) {
				events.next();
				streams.append(Answer.stream(id), word);
			}
			assertThat(events.next().data()).isEqualTo(" four");
			streams.complete(Answer.stream(id));
			assertThat(events.rest()).extracting(Event::name).containsExactly("complete");
		}
	}

	@Test
	void aSettingChangedInOneIsInUseInTheOtherAndOnItsPages() {
		Settings settings = this.second.getBean(Settings.class);
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(5));
		try (ServerSentEvents events = this.secondClient.read("/settings")) {
			assertThat(events.next().data()).isEqualTo("{\"pause\":5}");
			this.firstClient.put("/settings/pause", "6");
			assertThat(events.nextOtherThan("{\"pause\":5}").data()).isEqualTo("{\"pause\":6}");
			await().atMost(Duration.ofSeconds(30)).until(() -> settings.pause().equals(Duration.ofMillis(6)));
		}
		finally {
			this.firstClient.put("/settings/pause", "5");
		}
	}

	@Test
	void aSettingChangedWhileTheOtherDoesNotListenIsInUseThereOnceItDoes() {
		Settings settings = this.second.getBean(Settings.class);
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(5));
		this.firstClient.post("/listener/terminate");
		this.firstClient.put("/settings/pause", "6");
		try {
			await().atMost(Duration.ofSeconds(30)).until(() -> settings.pause().equals(Duration.ofMillis(6)));
		}
		finally {
			this.firstClient.put("/settings/pause", "5");
		}
		awaitListeningAgain(this.first);
	}

	@Test
	void aRunStartedInOneIsFollowedInTheOther() {
		try (ServerSentEvents events = this.secondClient.read(this.firstClient.run())) {
			List<Event> all = events.rest();
			assertThat(all.get(0).data()).contains("run_created");
			assertThat(all.get(all.size() - 2).data()).contains("run_completed");
			assertThat(all.get(all.size() - 1).name()).isEqualTo("complete");
		}
	}

	@Test
	void anInstanceThatStopsDoesNotWaitForThePagesThatWatchIt() {
		UUID run = UUID.randomUUID();
		this.first.getBean(EventLog.class).append(NewEvent.of(run.toString(), "run_created"));
		try (ServerSentEvents settings = this.secondClient.read("/settings");
				ServerSentEvents events = this.secondClient.read("/runs/" + run + "/events")) {
			settings.next();
			events.next();
			long begin = System.nanoTime();
			this.second.close();
			assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(20));
			assertThat(settings.rest()).isEmpty();
			assertThat(events.rest()).isEmpty();
		}
	}

	@Test
	void anAnswerPostedToEitherIsReadFromTheOther() {
		String text = "  word,\n".repeat(100);
		String onFirst = this.firstClient.answer(text);
		String onSecond = this.secondClient.answer(text);
		try (ServerSentEvents fromFirst = this.secondClient.read(onFirst);
				ServerSentEvents fromSecond = this.firstClient.read(onSecond)) {
			assertThat(ServerSentEvents.text(fromFirst.rest())).isEqualTo(text);
			assertThat(ServerSentEvents.text(fromSecond.rest())).isEqualTo(text);
		}
		assertThat(this.secondClient.get("/answers").body()).isEqualTo(this.firstClient.get("/answers").body());
	}

	@Test
	void anAnswerReadFromTheOtherArrivesWholeWhenBothListenersBackendsAreTerminated() {
		String text = "  word,\n".repeat(100);
		try (ServerSentEvents events = this.secondClient.read(this.firstClient.answer(text))) {
			String begin = ServerSentEvents.text(events.next(3));
			assertThat(this.firstClient.post("/listener/terminate").body()).isEqualTo("{\"terminated\":2}");
			assertThat(begin + ServerSentEvents.text(events.rest())).isEqualTo(text);
		}
		awaitListeningAgain(this.first);
		awaitListeningAgain(this.second);
	}

	private void awaitListeningAgain(ApplicationContext instance) {
		NotificationListener listener = instance.getBean(NotificationListener.class);
		await().atMost(Duration.ofSeconds(30))
			.until(listener::state,
					(state) -> state.reconnects() > 0 && state.status() == ListenerState.Status.LISTENING);
	}

	@Test
	void aReaderOfAnInstanceThatStopsGoesOnAtTheOther() {
		UUID id = UUID.randomUUID();
		StreamWriter streams = this.first.getBean(StreamWriter.class);
		streams.append(Answer.stream(id), "one");
		try (ServerSentEvents events = this.secondClient.read("/answers/" + id)) {
			assertThat(events.next().data()).isEqualTo("one");
			this.second.close();
			assertThat(events.rest()).isEmpty();
		}
		streams.append(Answer.stream(id), " two");
		streams.complete(Answer.stream(id));
		try (ServerSentEvents events = this.firstClient.read("/answers/" + id, "0")) {
			assertThat(events.rest()).extracting(Event::data).containsExactly(" two", "");
		}
	}

	@Test
	void anAnswerIsStoppedAtTheInstanceThatDoesNotWriteIt() {
		String location = this.secondClient.answer("word ".repeat(20_000));
		try (ServerSentEvents fromFirst = this.firstClient.read(location);
				ServerSentEvents fromSecond = this.secondClient.read(location)) {
			fromFirst.next(3);
			assertThat(this.firstClient.post(location + "/stop").body()).isEqualTo("{\"stopped\":true}");
			for (ServerSentEvents events : List.of(fromFirst, fromSecond)) {
				List<Event> rest = events.rest();
				assertThat(rest.get(rest.size() - 1)).satisfies((event) -> {
					assertThat(event.name()).isEqualTo("error");
					assertThat(event.data()).isEqualTo("stopped by the reader");
				});
			}
		}
		// The writer has ended
		ThreadPoolTaskExecutor executor = this.second.getBean("applicationTaskExecutor", ThreadPoolTaskExecutor.class);
		await().atMost(Duration.ofSeconds(30)).until(() -> executor.getActiveCount() == 0);
	}

	@Test
	void anAnswerWhoseWriterStopsFails() {
		try (ServerSentEvents events = this.firstClient.read(this.secondClient.answer("word ".repeat(20_000)))) {
			events.next(3);
			this.second.close();
			List<Event> rest = events.rest();
			assertThat(rest.get(rest.size() - 1)).satisfies((event) -> {
				assertThat(event.name()).isEqualTo("error");
				assertThat(event.data()).isEqualTo("The application that wrote this answer was stopped");
			});
		}
	}

}
