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
 * Broadcasts changes to all instances of an application, including this one.
 * <p>
 * On PostgreSQL a change is a row: an instance that was disconnected gets it once, when
 * it is back. On other databases a change stays in this JVM. Changes are delivered in
 * order if one transaction committed before the other began; those of concurrent
 * transactions in any order.
 * <p>
 * Topics must have 1 to 255 characters, none of them white space or a control character;
 * keys must have 1 to 1,024 characters, originators 1 to 255. Otherwise an
 * {@link IllegalArgumentException} is thrown, and nothing is published.
 * <p>
 * Thread-safe.
 */
public interface ChangeNotifier {

	/**
	 * Publish a change without an originator.
	 * @param topic the topic
	 * @param key what has changed
	 * @see #publish(String, String, String)
	 */
	default void publish(String topic, String key) {
		publish(topic, key, null);
	}

	/**
	 * Publish a change. In a transaction it is delivered after the commit, and never
	 * after a rollback; otherwise it is committed when this method returns. Blocks for
	 * one statement.
	 * @param topic the topic
	 * @param key what has changed
	 * @param originator who caused it, by which handlers recognize their own changes, or
	 * {@code null}
	 * @throws org.springframework.dao.DataAccessException if the database fails, or the
	 * transaction is read-only
	 */
	void publish(String topic, String key, @Nullable String originator);

	/**
	 * Subscribe to the changes of a topic. Every change is delivered that is committed
	 * after this method has returned; one that is committed during the call, or shortly
	 * before, may be.
	 * <p>
	 * Sends a statement, in a transaction on its connection, unless this instance has
	 * read changes within the last minute. A transaction that subscribes also gets the
	 * changes that it publishes, before or after, when it has committed. At REPEATABLE
	 * READ and SERIALIZABLE it also gets those that others have committed since its
	 * snapshot.
	 * @param topic the topic
	 * @param handler the handler
	 * @return the subscription, which ends when it is cancelled or the context closes.
	 * Only changes that cannot be read end it earlier, with an entry in the log: in a
	 * SQL_ASCII database, other writers may store text that is not UTF-8
	 * @throws IllegalArgumentException if the topic breaks the rules above, or the
	 * database's encoding lacks one of its characters
	 * @throws IllegalStateException if the application context has closed
	 * @throws org.springframework.dao.DataAccessException if the database fails; nothing
	 * is subscribed then
	 */
	Subscription subscribe(String topic, ChangeHandler handler);

}
