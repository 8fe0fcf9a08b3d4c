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

package io.durablenotify.web;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;

import io.durablenotify.observation.Observations;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.publisher.Flux;

import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ReactiveSseResponses} that need no server.
 */
@Timeout(60)
class ReactiveSseResponsesTests {

	@Test
	void anExecutorThatIsFullMakesAResponseWithoutEvents() {
		try (ResponseChecks checks = new ResponseChecks(new SseProperties(Duration.ofHours(1), Duration.ofHours(1)),
				new SseMeasures())) {
			ReactiveSseResponses responses = new ReactiveSseResponses(checks, (task) -> {
				throw new RejectedExecutionException("full");
			}, Observations.NONE);
			ResponseEntity<Flux<ServerSentEvent<String>>> response = responses
				.respond(new StreamSource(null, null, "refused", SseOptions.ofStream()), null, SseOptions.ofStream())
				.block();
			assertThat(response.getStatusCode()).isEqualTo(HttpStatus.OK);
			assertThat(response.getHeaders().getContentType()).isEqualTo(MediaType.TEXT_EVENT_STREAM);
			assertThat(response.getBody().collectList().block()).isEmpty();
		}
	}

}
