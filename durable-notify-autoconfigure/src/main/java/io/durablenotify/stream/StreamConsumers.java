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

package io.durablenotify.stream;

import java.util.List;
import java.util.Optional;

/**
 * Lists and removes the consumers of streams, those of all instances, in the caller's
 * transaction where there is one. All methods may be called from any thread.
 */
public interface StreamConsumers {

	/**
	 * List all consumers.
	 * @return the consumers, in the order of their names' bytes
	 */
	List<ConsumerInfo> list();

	/**
	 * List the consumers of a stream, without those of prefixes of its name.
	 * @param stream the stream's full name
	 * @return the consumers, in the order of their names' bytes
	 */
	List<ConsumerInfo> list(String stream);

	/**
	 * Describe a consumer.
	 * @param name the consumer's name
	 * @return the description, empty if there is no such consumer
	 */
	Optional<ConsumerInfo> find(String name);

	/**
	 * Remove a consumer, with its positions, as part of the caller's transaction where
	 * there is one. Its subscriptions end, in all instances; a handler that runs cannot
	 * commit. Waits for the end of a transaction in which the owner has stored a
	 * position.
	 * @param name the consumer's name
	 * @return whether there was such a consumer
	 * @throws org.springframework.dao.DataAccessException if the database fails, or in a
	 * read-only transaction
	 */
	boolean remove(String name);

}
