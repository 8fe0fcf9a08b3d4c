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

package io.durablenotify.log;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * The properties that the logs of one feature have in common, and their names in
 * messages.
 *
 * @param topic the topic of their wake-ups
 * @param category whose log messages go to
 * @param log a log, such as {@code stream}
 * @param entry an entry, such as {@code chunk}
 */
public record LogKind(String topic, Class<?> category, String log, String entry) {

	Log logger() {
		return LogFactory.getLog(this.category);
	}

	String logs() {
		return this.log + "s";
	}

	String entries() {
		return this.entry + "s";
	}

	/**
	 * Return what was found where a log was expected.
	 */
	String replaced() {
		return "another %s is in its place".formatted(this.log);
	}

	/**
	 * Return what was found where an entry was expected.
	 */
	String endsAt(long nextIndex) {
		return "the %s ends at %d".formatted(this.log, nextIndex);
	}

}
