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

import java.util.Iterator;

import io.durablenotify.Subscription;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;

import org.springframework.stereotype.Service;

// tag::class[]
@Service
class Answers {

	private final StreamWriter writer;

	private final StreamReader reader;

	Answers(StreamWriter writer, StreamReader reader) {
		this.writer = writer;
		this.reader = reader;
	}

	void write(String id, Iterator<String> words) {
		try (StreamAppender answer = this.writer.appender("answers/" + id)) {
			words.forEachRemaining(answer::append);
			answer.complete(); // closed without this, the stream fails
		}
	}

	Subscription read(String id, ChunkHandler handler) { // in this instance or any other
		return this.reader.subscribe("answers/" + id, StreamPosition.start(), handler);
	}

}
// end::class[]
