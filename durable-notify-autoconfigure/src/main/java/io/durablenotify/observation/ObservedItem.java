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

import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * An item of work whose handler is observed.
 */
public interface ObservedItem {

	/**
	 * Return the item's id.
	 * @return the id
	 */
	long id();

	/**
	 * Return the queue.
	 * @return the queue's name
	 */
	String queue();

	/**
	 * Return the key or ordering key.
	 * @return the key, or {@code null}
	 */
	@Nullable String key();

	/**
	 * Return which attempt this is.
	 * @return 1 for the first
	 */
	int attempt();

	/**
	 * Return whether a handler had the item before.
	 * @return whether it had
	 */
	boolean isRetry();

	/**
	 * Return the headers.
	 * @return the headers by name
	 */
	Map<String, String> headers();

}
