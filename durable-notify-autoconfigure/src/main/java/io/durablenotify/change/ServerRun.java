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

import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * One run of one server, as far as that tells. Only a hint of what may have been lost:
 * what was read is proven by {@link Watermark} with each read.
 *
 * @param systemIdentifier the cluster's number, which its backups share and others do
 * not, or 0 where the server does not tell
 * @param timeline the timeline, which changes when a standby takes over, or an empty text
 * where the server does not tell
 * @param startedAt when the server was started, and which crash it has recovered from
 * since
 * @param log the id of the row that says what was deleted, which is another one after
 * somebody has removed that row
 */
record ServerRun(long systemIdentifier, String timeline, String startedAt, String log) {

	/**
	 * Two are one run whatever else the server told each time.
	 */
	@Override
	public boolean equals(@Nullable Object other) {
		return other instanceof ServerRun run && this.startedAt.equals(run.startedAt) && this.log.equals(run.log);
	}

	@Override
	public int hashCode() {
		return Objects.hash(this.startedAt, this.log);
	}

	/**
	 * Return whether the server was started, or has recovered, between the two.
	 */
	boolean isOtherThan(ServerRun before) {
		return !this.startedAt.equals(before.startedAt) || !isSameCluster(before);
	}

	/**
	 * Return whether the server was shut down between the two, if it is the same: no
	 * number of a transaction is given away twice then. It has not replayed its log.
	 */
	boolean isAfterShutdown(ServerRun before) {
		return isOtherThan(before) && this.startedAt.endsWith("/");
	}

	/**
	 * Return whether both belong to one line of history, or nobody says otherwise.
	 */
	boolean isSameTimeline(ServerRun before) {
		return this.timeline.equals(before.timeline) || this.timeline.isEmpty() || before.timeline.isEmpty();
	}

	/**
	 * Return whether both belong to one cluster, or nobody says otherwise.
	 */
	boolean isSameCluster(ServerRun before) {
		return this.systemIdentifier == before.systemIdentifier || this.systemIdentifier == 0
				|| before.systemIdentifier == 0;
	}

}
