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

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ConsumedChunk;
import io.durablenotify.stream.ConsumerGap;
import io.durablenotify.stream.ConsumerHandler;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;

import org.springframework.jdbc.core.JdbcTemplate;

/**
 * The examples of consumers in docs/streams.md. What they show is {@link #seen}.
 */
class ConsumerExamples {

	private final StreamReader reader;

	private final JdbcTemplate jdbc;

	private final List<String> seen = new CopyOnWriteArrayList<>();

	ConsumerExamples(StreamReader reader, JdbcTemplate jdbc) {
		this.reader = reader;
		this.jdbc = jdbc;
	}

	List<String> seen() {
		return this.seen;
	}

	private void archive(Chunk chunk) {
		this.seen.add(chunk.stream() + " " + chunk.index() + " " + chunk.text());
	}

	private void missed(ConsumerGap gap) {
		this.seen.add(gap.stream() + " missed from " + gap.from());
	}

	private void close(String stream) {
		this.seen.add(stream + " closed");
	}

	Subscription subscribe() {
		// tag::subscribe[]
		Subscription subscription = this.reader.prefixConsumer("answers/", "archive").subscribe(new ConsumerHandler() {

			@Override
			public void onChunk(ConsumedChunk consumed) {
				archive(consumed.chunk()); // at least once, and in the order of the
											// stream
			}

			@Override
			public void onGap(ConsumerGap gap) {
				missed(gap); // such as a stream that was deleted before its chunks were
								// handled
			}

			@Override
			public void onEnd(String stream, StreamState state) {
				close(stream);
			}

		});
		// end::subscribe[]
		return subscription;
	}

	void transaction() {
		// tag::transaction[]
		this.reader.consumer("orders", "totals").inTransaction().subscribe((consumed) -> {
			this.jdbc.update("UPDATE totals SET amount = amount + ?", Integer.parseInt(consumed.chunk().text()));
		}); // the chunks that are there, a hundred at most, have one transaction
		// end::transaction[]
	}

}
