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

import java.time.Instant;
import java.util.UUID;

/**
 * An answer, as the application's own table has it. Its text is in the stream.
 *
 * @param id the id
 * @param title what the text begins with
 * @param createdAt when it was asked for
 */
record Answer(UUID id, String title, Instant createdAt) {

	/**
	 * Return the name of the stream that has the text.
	 */
	static String stream(Object id) {
		return "answers/" + id;
	}

}
