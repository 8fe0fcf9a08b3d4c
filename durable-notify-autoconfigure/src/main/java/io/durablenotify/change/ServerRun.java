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

/**
 * One run of one server: only within it does a snapshot mean the same transactions for
 * certain.
 *
 * @param systemIdentifier the cluster's number, which its backups share and others do not
 * @param timeline the timeline, which changes when a standby takes over
 * @param startedAt when the server was started
 * @param lifetime what stays the same until the server crashes, also where it recovers
 * without being started again
 */
record ServerRun(long systemIdentifier, String timeline, String startedAt, String lifetime) {

	/**
	 * Where nobody has noted the lifetime yet: no answer has this one, so that the next
	 * one is taken for that of another run.
	 */
	static final String UNKNOWN_LIFETIME = "?";

	/**
	 * Return whether this is the run that has answered.
	 */
	boolean isThatOf(ChangeStore.Page page) {
		return this.startedAt.equals(page.startedAt()) && this.lifetime.equals(page.lifetime());
	}

	/**
	 * Return whether this is the same server's next run.
	 */
	boolean isRestartOf(ServerRun before) {
		return isSameCluster(before) && this.timeline.equals(before.timeline);
	}

	/**
	 * Return whether the server was shut down between the two, if it is the same: nothing
	 * is forgotten then.
	 */
	boolean isOrderly(ServerRun before) {
		return this.lifetime.equals(before.lifetime);
	}

	boolean isSameCluster(ServerRun before) {
		return this.systemIdentifier == before.systemIdentifier;
	}

}
