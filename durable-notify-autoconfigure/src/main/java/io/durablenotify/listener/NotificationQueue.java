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

package io.durablenotify.listener;

/**
 * The server's queue of notifications, which all databases share. It is full when a
 * session that listens has not read it for long, which no session does in a transaction.
 * Every NOTIFY fails then, at its commit.
 */
final class NotificationQueue {

	static final String FREE = "SELECT pg_notification_queue_usage()";

	private NotificationQueue() {
	}

	static String describeFull(String address) {
		return "No notification can be sent on %s: the server's NOTIFY queue is full, because a session that listens, of any of its databases, has not read it"
			.formatted(address);
	}

}
