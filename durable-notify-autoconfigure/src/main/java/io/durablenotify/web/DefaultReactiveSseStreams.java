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

import java.util.function.Function;

import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamReader;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.util.Assert;

/**
 * {@link ReactiveSseStreams} on a {@link StreamReader}.
 */
final class DefaultReactiveSseStreams implements ReactiveSseStreams {

	private final StreamReader reader;

	private final Function<String, @Nullable String> families;

	private final ReactiveSseResponses responses;

	DefaultReactiveSseStreams(StreamReader reader, Function<String, @Nullable String> families,
			ReactiveSseResponses responses) {
		this.reader = reader;
		this.families = families;
		this.responses = responses;
	}

	@Override
	public Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> respond(String stream, @Nullable String lastEventId,
			SseOptions<Chunk> options) {
		Assert.notNull(options, "'options' must not be null");
		return this.responses.respond(new StreamSource(this.reader, this.families, stream, options), lastEventId,
				options);
	}

}
