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

package io.durablenotify.observation;

import org.jspecify.annotations.Nullable;

/**
 * A stream or a run that is read for a response.
 *
 * @param kind what it is
 * @param family the stream's family, {@code null} for none
 * @param name the name of the stream, or the id of the run
 * @param from from where on it is read
 */
public record ObservedSource(Kind kind, @Nullable String family, String name, String from) {

	/**
	 * What is read.
	 */
	public enum Kind {

		/**
		 * A stream.
		 */
		STREAM,

		/**
		 * A run.
		 */
		RUN

	}

}
