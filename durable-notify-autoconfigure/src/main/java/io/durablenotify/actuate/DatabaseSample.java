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

import java.time.Duration;
import java.util.Map;
import java.util.Set;

import io.durablenotify.database.ServerState;
import org.jspecify.annotations.Nullable;

/**
 * What the database has said last. What it has not said is not a number.
 *
 * @param server what the server says of itself
 * @param oldestTransaction how long ago the oldest transaction has begun, in seconds
 * @param deletedStreams how many deleted streams have chunks that are to be removed
 * @param tables the tables by name
 * @param queues what is stored of queues
 */
record DatabaseSample(ServerState server, double oldestTransaction, double deletedStreams, Map<String, Table> tables,
		@Nullable Queues queues) {

	/**
	 * The sample before the first one.
	 */
	static final DatabaseSample NONE = new DatabaseSample(ServerState.UNKNOWN, Double.NaN, Double.NaN, Map.of(), null);

	/**
	 * Return how much of the queue of notifications is used, from 0 to 1.
	 */
	double notificationQueue() {
		Double used = this.server.notificationQueue();
		return (used != null) ? used : Double.NaN;
	}

	/**
	 * Return by how much the database's clock is ahead of this machine's, in seconds.
	 */
	double clockDifference() {
		Duration difference = this.server.clockDifference();
		return (difference != null) ? MeterSource.seconds(difference) : Double.NaN;
	}

	Table table(String name) {
		return this.tables.getOrDefault(name, Table.UNKNOWN);
	}

	/**
	 * Return what is stored of a queue. One that was not there has nothing.
	 */
	Queue queue(String label) {
		return (this.queues != null) ? this.queues.stored().getOrDefault(label, Queue.EMPTY) : Queue.UNKNOWN;
	}

	/**
	 * Return 1 if the events of an outbox sender are tried one at a time, else 0.
	 * @param queue the name of the sender's queue
	 */
	double probed(String queue) {
		return (this.queues == null) ? Double.NaN : (this.queues.probed().contains(queue)) ? 1 : 0;
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
	 * All queues.
	 *
	 * @param stored what is stored of them, by their labels
	 * @param probed the names of those of outbox senders whose events are tried one at a
	 * time
	 */
	record Queues(Map<String, Queue> stored, Set<String> probed) {
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
