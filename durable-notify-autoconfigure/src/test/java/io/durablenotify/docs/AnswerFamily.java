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

import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.stereotype.Service;

/**
 * Uses the family that docs/streams.md configures.
 */
@Service
class AnswerFamily {

	private final List<String> seen = new CopyOnWriteArrayList<>();

	// tag::constructor[]
	AnswerFamily(@Qualifier("answers") StreamWriter writer, @Qualifier("answers") StreamReader reader) {
		writer.append("7", "Hello"); // the stream "answers/7"
		// Shows "7" and "Hello"
		reader.subscribe("7", StreamPosition.start(), (chunk) -> show(chunk.stream(), chunk.text()));
	}
	// end::constructor[]

	private void show(String stream, String text) {
		this.seen.add(stream + ": " + text);
	}

	List<String> seen() {
		return this.seen;
	}

}
