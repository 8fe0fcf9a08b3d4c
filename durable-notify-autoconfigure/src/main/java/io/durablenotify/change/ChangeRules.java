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

package io.durablenotify.change;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

/**
 * The rules for topics, keys and originators.
 */
final class ChangeRules {

	private static final int MAX_TOPIC = 255;

	private static final int MAX_KEY = 1_024;

	private static final int MAX_ORIGINATOR = 255;

	private ChangeRules() {
	}

	/**
	 * Return what is thrown to one that subscribes to a context that has closed.
	 */
	static IllegalStateException closed() {
		return new IllegalStateException("Cannot subscribe to changes: the application context is closed");
	}

	static void requireTopic(String topic) {
		Texts.requireName("Topic", topic, MAX_TOPIC);
	}

	static void requireKey(String key) {
		Texts.require("Key", key, MAX_KEY);
	}

	static void requireOriginator(@Nullable String originator) {
		if (originator != null) {
			Texts.require("Originator", originator, MAX_ORIGINATOR);
		}
	}

}
