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

package io.durablenotify.docs;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

import io.durablenotify.JsonStreamCodec;
import io.durablenotify.Subscription;
import io.durablenotify.stream.AppendOutcomeUnknownException;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.ChunkPage;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamCursor;
import io.durablenotify.stream.StreamEndedException;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamTemplate;
import io.durablenotify.stream.StreamWriter;
import reactor.core.publisher.Flux;
import tools.jackson.databind.json.JsonMapper;

/**
 * The examples of docs/streams.md. What they show is {@link #seen}.
 */
class StreamExamples {

	private final StreamWriter writer;

	private final StreamReader reader;

	private final List<String> seen = new CopyOnWriteArrayList<>();

	StreamExamples(StreamWriter writer, StreamReader reader) {
		this.writer = writer;
		this.reader = reader;
	}

	List<String> seen() {
		return this.seen;
	}

	private void show(Object... values) {
		this.seen.add(List.of(values).toString());
	}

	private void done() {
		show("done");
	}

	private void failed(Throwable error) {
		show(error);
	}

	Subscription subscribe() {
		// tag::subscribe[]
		Subscription subscription = this.reader.subscribe("answers/42", StreamPosition.start(), new ChunkHandler() {

			@Override
			public void onChunk(Chunk chunk) {
				show(chunk.index(), chunk.text());
			}

			@Override
			public void onComplete() {
				done();
			}

			@Override
			public void onError(Throwable error) {
				failed(error); // such as StreamFailedException, which has the reason
			}

		});
		// end::subscribe[]
		return subscription;
	}

	void cursor() {
		// tag::cursor[]
		try (StreamCursor cursor = this.reader.cursor("answers/42", StreamPosition.start())) {
			for (Chunk chunk : cursor) { // waits for each chunk
				show(chunk.index(), chunk.text());
			}
			done(); // the stream was completed: any other end is thrown
		}
		// end::cursor[]
	}

	void page() {
		// tag::page[]
		ChunkPage page = this.reader.page("answers/42", StreamPosition.at(100), 50);
		Optional<StreamInfo> info = this.reader.info("answers/42");
		List<StreamInfo> answers = this.reader.list(StreamQuery.all().prefix("answers/"));
		// end::page[]
		show(page.state(), page.chunks().size(), info.orElseThrow().nextIndex(), answers.size());
	}

	record Step(String name, int attempt) {
	}

	void template(JsonMapper jsonMapper) {
		// tag::template[]
		StreamTemplate<Step> steps = StreamTemplate.of(this.writer, this.reader,
				new JsonStreamCodec<>(jsonMapper, Step.class));
		steps.append("runs/42", new Step("fetch", 3));
		steps.subscribe("runs/42", StreamPosition.start(), (step, index) -> show(index, step.name(), step.attempt()));
		// end::template[]
	}

	void retry(long expectedIndex, byte[] data) {
		// tag::retry[]
		try {
			this.writer.appendAt("runs/42", expectedIndex, data);
		}
		catch (AppendOutcomeUnknownException ex) {
			// An UnexpectedIndexException here means that the first attempt was stored,
			// or that there is another writer
			this.writer.appendAt("runs/42", expectedIndex, data);
		}
		// end::retry[]
	}

	void create() {
		// tag::create[]
		this.writer.create("answers/42",
				StreamOptions.none().owner("alice").contentType("text/markdown").timeToLive(Duration.ofDays(7)));
		// end::create[]
	}

	void list() {
		// tag::list[]
		StreamQuery query = StreamQuery.all().owner("alice").prefix("answers/").limit(50);
		List<StreamInfo> page = this.reader.list(query);
		while (!page.isEmpty()) {
			page.forEach((stream) -> show(stream.name(), stream.state()));
			page = this.reader.list(query.after(page.get(page.size() - 1).name()));
		}
		// end::list[]
	}

	// tag::stopped[]
	void write(String id, Iterator<String> words) {
		try (StreamAppender answer = this.writer.appender("answers/" + id)) {
			words.forEachRemaining(answer::append);
			answer.complete();
		}
		catch (StreamEndedException ex) {
			if (ex.getState() != StreamState.CANCELLED) {
				throw ex;
			}
			// stopped by a reader: there is nothing more to do
		}
	}
	// end::stopped[]

	void write(String id, Flux<String> flux) {
		// tag::flux[]
		try (StreamAppender answer = this.writer.appender("answers/" + id); Stream<String> words = flux.toStream()) {
			words.forEach(answer::append);
			answer.complete();
		}
		// end::flux[]
	}

	static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
