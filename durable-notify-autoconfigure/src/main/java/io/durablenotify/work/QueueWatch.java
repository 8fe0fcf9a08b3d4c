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

package io.durablenotify.work;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Remembers which queues no instance handles, and which are slow to search, and logs when
 * that changes. Updated by one thread, read by any.
 */
final class QueueWatch implements WorkHealth {

	private static final Log logger = LogFactory.getLog(WorkQueue.class);

	/**
	 * What is slow is so until its search takes less.
	 */
	static final Duration QUICK = Duration.ofMillis(500);

	private static final Duration SLOW = Duration.ofSeconds(1);

	private static final int MAX_SHOWN = 10;

	private volatile List<String> unhandled = List.of();

	private volatile List<String> probed = List.of();

	private volatile Map<String, Duration> slow = Map.of();

	void update(List<String> found) {
		List<String> before = this.unhandled;
		this.unhandled = List.copyOf(found);
		List<String> added = found.stream().filter((queue) -> !before.contains(queue)).toList();
		if (!added.isEmpty()) {
			logger.warn(("No instance handles work of %s, whose items have been due for more than a minute. Start an "
					+ "instance with a listener, or pause what is not to be handled")
				.formatted(shown(added)));
		}
		List<String> removed = before.stream().filter((queue) -> !found.contains(queue)).toList();
		if (!removed.isEmpty()) {
			logger.info("No due work of %s waits for an instance any more".formatted(shown(removed)));
		}
	}

	void updateProbed(List<String> found) {
		this.probed = List.copyOf(found);
	}

	/**
	 * Claims have searched in some queues.
	 * @param found how long, where it was not {@link #QUICK}
	 */
	void updateSearches(Map<String, Duration> found) {
		Map<String, Duration> before = this.slow;
		Map<String, Duration> slow = new LinkedHashMap<>(found);
		slow.entrySet()
			.removeIf((search) -> search.getValue().compareTo(SLOW) < 0 && !before.containsKey(search.getKey()));
		this.slow = Collections.unmodifiableMap(slow);
		List<String> added = slow.keySet().stream().filter((queue) -> !before.containsKey(queue)).toList();
		if (!added.isEmpty()) {
			logger
				.warn(("Claims search for up to %d ms in %s: deleted rows are in the way, which the server keeps until "
						+ "the transactions that may see them have ended. Look for the oldest transaction")
					.formatted(added.stream().map(slow::get).mapToLong(Duration::toMillis).max().orElse(0),
							shown(added)));
		}
		List<String> removed = before.keySet().stream().filter((queue) -> !slow.containsKey(queue)).toList();
		if (!removed.isEmpty()) {
			logger.info("No slow search is left in %s".formatted(shown(removed)));
		}
	}

	private static String shown(List<String> queues) {
		String names = queues.stream().limit(MAX_SHOWN).collect(Collectors.joining("', '", "'", "'"));
		String queue = (queues.size() == 1) ? "queue " : "queues ";
		return queue + ((queues.size() > MAX_SHOWN) ? "%s and %d others".formatted(names, queues.size() - MAX_SHOWN)
				: names);
	}

	@Override
	public List<String> unhandledQueues() {
		return this.unhandled;
	}

	@Override
	public List<String> probedQueues() {
		return this.probed;
	}

	@Override
	public Map<String, Duration> slowSearches() {
		return this.slow;
	}

}
