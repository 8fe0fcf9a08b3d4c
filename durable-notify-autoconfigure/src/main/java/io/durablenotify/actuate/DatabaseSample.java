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

package io.durablenotify.actuate;

import java.util.Map;
import java.util.Set;

/**
 * What the database has said last. What it has not said is not a number.
 *
 * @param notificationQueue how much of the queue of notifications is used, from 0 to 1
 * @param oldestTransaction how long ago the oldest transaction has begun, in seconds
 * @param clockDifference by how much the database's clock is ahead of this JVM's, in
 * seconds
 * @param deletedStreams how many deleted streams have chunks that are to be removed
 * @param tables the tables by name
 * @param queues what is stored of queues, by their labels
 * @param probed the labels of outbox senders whose events are tried one at a time
 */
record DatabaseSample(double notificationQueue, double oldestTransaction, double clockDifference, double deletedStreams,
		Map<String, Table> tables, Map<String, Queue> queues, Set<String> probed) {

	/**
	 * The sample before the first one.
	 */
	static final DatabaseSample NONE = new DatabaseSample(Double.NaN, Double.NaN, Double.NaN, Double.NaN, Map.of(),
			Map.of(), Set.of());

	Table table(String name) {
		return this.tables.getOrDefault(name, Table.UNKNOWN);
	}

	/**
	 * Return what is stored of a queue. One that was not there has nothing.
	 */
	Queue queue(String label) {
		return this.queues.getOrDefault(label, (this.isTaken()) ? Queue.EMPTY : Queue.UNKNOWN);
	}

	boolean isTaken() {
		return this != NONE;
	}

	/**
	 * A table.
	 *
	 * @param bytes its size with indexes and what is stored out of line
	 * @param dead how many dead rows it has, as the server estimates
	 */
	record Table(double bytes, double dead) {

		static final Table UNKNOWN = new Table(Double.NaN, Double.NaN);

	}

	/**
	 * What is stored of a queue, or of several together.
	 *
	 * @param pending how many items wait
	 * @param due how many of them are due
	 * @param running how many are claimed
	 * @param dead how many are dead
	 * @param oldestDue for how long the first has been due, in seconds
	 * @param oldest how long ago the oldest was requested, in seconds
	 */
	record Queue(double pending, double due, double running, double dead, double oldestDue, double oldest) {

		static final Queue UNKNOWN = new Queue(Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN);

		static final Queue EMPTY = new Queue(0, 0, 0, 0, 0, 0);

		/**
		 * Return both together.
		 */
		Queue with(Queue other) {
			return new Queue(this.pending + other.pending, this.due + other.due, this.running + other.running,
					this.dead + other.dead, Math.max(this.oldestDue, other.oldestDue),
					Math.max(this.oldest, other.oldest));
		}

	}

}
