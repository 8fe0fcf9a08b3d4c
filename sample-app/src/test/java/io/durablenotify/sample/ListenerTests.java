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

import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for the listener over HTTP.
 */
@SampleTest
class ListenerTests {

	@Autowired
	Environment environment;

	@Autowired
	NotificationListener listener;

	SampleClient client;

	@BeforeEach
	void setUp() {
		this.client = new SampleClient(this.environment);
		awaitListening();
	}

	private void awaitListening() {
		await().atMost(Duration.ofSeconds(30))
			.until(() -> this.listener.state().status() == ListenerState.Status.LISTENING);
	}

	@Test
	void theStateIsShown() {
		assertThat(this.client.get("/listener").body()).contains("\"status\":\"LISTENING\"", "\"reconnects\":");
	}

	@Test
	void healthIsUpWithDurableNotifyInIt() {
		HttpResponse<String> response = this.client.get("/actuator/health");
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.body()).endsWith("\"status\":\"UP\"}")
			.contains("\"durableNotify\":{\"details\":{\"listener\":\"LISTENING\"");
	}

	@Test
	void anAnswerInTheMakingArrivesWholeWhenTheListenersBackendIsTerminated() {
		long reconnects = this.listener.state().reconnects();
		String text = "  word,\n".repeat(100);
		try (ServerSentEvents events = this.client.read(this.client.answer(text))) {
			String begin = ServerSentEvents.text(events.next(3));
			assertThat(this.client.post("/listener/terminate").body()).isEqualTo("{\"terminated\":1}");
			assertThat(begin + ServerSentEvents.text(events.rest())).isEqualTo(text);
		}
		await().atMost(Duration.ofSeconds(30)).until(() -> this.listener.state().reconnects() > reconnects);
		awaitListening();
		assertThat(this.client.get("/listener").body()).contains("terminating connection due to administrator command");
	}

}
