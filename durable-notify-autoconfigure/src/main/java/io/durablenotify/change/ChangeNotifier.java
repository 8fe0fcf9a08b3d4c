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

import io.durablenotify.Subscription;
import org.jspecify.annotations.Nullable;

/**
 * Tells every instance of an application that something has changed, this one included.
 * <p>
 * On PostgreSQL a change is a row: an instance that was disconnected hears of it when it
 * is back, once. On other databases it is heard in this JVM only. Changes of transactions
 * that followed one another are heard in that order; those of transactions that ran side
 * by side in any.
 * <p>
 * Topics have 1 to 255 characters, none of them white space or a control character; keys
 * have 1 to 1,024 characters, originators 1 to 255. Whatever else is refused by an
 * {@link IllegalArgumentException}, and nothing is published.
 * <p>
 * Thread-safe.
 */
public interface ChangeNotifier {

	/**
	 * Publish a change whose originator is not told.
	 * @param topic the topic
	 * @param key what has changed
	 * @see #publish(String, String, String)
	 */
	default void publish(String topic, String key) {
		publish(topic, key, null);
	}

	/**
	 * Publish a change. In a transaction it is heard after the commit, and never if that
	 * rolls back; otherwise it is committed when this method returns. Blocks for one
	 * statement.
	 * @param topic the topic
	 * @param key what has changed
	 * @param originator who caused it, for handlers to leave out their own, or
	 * {@code null}
	 * @throws org.springframework.dao.DataAccessException if the database fails, or the
	 * transaction is read-only
	 */
	void publish(String topic, String key, @Nullable String originator);

	/**
	 * Hear the changes of a topic. Every change is heard that is committed after this
	 * method has returned; one that is committed meanwhile or shortly before may be.
	 * <p>
	 * Asks the database, in a transaction on its connection, unless this instance has
	 * read changes within the last minute. A transaction that subscribes hears what it
	 * publishes itself, before or after, when it has committed. At REPEATABLE READ and
	 * SERIALIZABLE it also hears what others have committed since its snapshot.
	 * @param topic the topic
	 * @param handler the handler
	 * @return the subscription, which goes on until it is cancelled or the context
	 * closes. Only changes that cannot be read end it, with an entry in the log: in a
	 * database in SQL_ASCII others may store what is no UTF-8
	 * @throws IllegalArgumentException if the topic is refused, or the database's
	 * encoding lacks one of its characters
	 * @throws org.springframework.dao.DataAccessException if the database fails; nothing
	 * is subscribed then
	 */
	Subscription subscribe(String topic, ChangeHandler handler);

}
