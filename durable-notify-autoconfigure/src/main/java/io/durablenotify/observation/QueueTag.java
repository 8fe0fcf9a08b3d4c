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

import io.durablenotify.measure.Names;
import io.durablenotify.measure.QueueFeature;
import org.jspecify.annotations.Nullable;

/**
 * The value of the key {@code queue}. The names of queues that are made from others, such
 * as those of channels, are as many as an application likes: of them the key has the
 * feature. After a hundred names, it is {@value Names#OTHER}.
 */
final class QueueTag {

	/**
	 * How many queues have their own name, over all contexts of the JVM.
	 */
	private static final int MAX_NAMES = 100;

	private static final Names<String> NAMES = new Names<>(MAX_NAMES, () -> "");

	private QueueTag() {
	}

	static String of(@Nullable String queue) {
		if (queue == null) {
			return "several";
		}
		QueueFeature feature = QueueFeature.of(queue);
		if (feature != null) {
			return feature.label();
		}
		NAMES.of(queue);
		return (NAMES.has(queue)) ? queue : Names.OTHER;
	}

}
