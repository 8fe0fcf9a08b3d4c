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

package io.durablenotify.instance;

import java.sql.Connection;
import java.sql.SQLException;

import io.durablenotify.wakeup.PublishingWrites.Written;

/**
 * Ends, or hands on, what a lost instance held. A feature whose rows name their holder
 * has one as a bean.
 */
public interface TakeOver {

	/**
	 * Return the topic of the wake-ups for what is taken over.
	 * @return the topic
	 */
	String topic();

	/**
	 * Return what has become of what is taken over, to follow a number in the log.
	 * @return such as "streams that it was writing have failed"
	 */
	String what();

	/**
	 * Take over a slice of what an instance held. What another transaction has locked is
	 * skipped.
	 * @param connection the connection, in a transaction
	 * @param instanceId the instance that is gone
	 * @return how much was taken over, and the wake-ups
	 * @throws SQLException if the database fails
	 */
	Written<Integer> takeOver(Connection connection, long instanceId) throws SQLException;

	/**
	 * Return whether an instance holds anything.
	 * @param connection the connection
	 * @param instanceId the instance
	 * @return whether there is something to take over
	 * @throws SQLException if the database fails
	 */
	boolean isHolder(Connection connection, long instanceId) throws SQLException;

}
