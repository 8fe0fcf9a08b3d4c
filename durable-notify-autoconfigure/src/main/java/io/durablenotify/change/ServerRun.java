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
 * A run of a server, from its start or recovery to the next one.
 * <p>
 * It is only a hint that changes may have been lost, since servers may refuse to report
 * it. The proof is the {@link Watermark}, which each read checks.
 *
 * @param systemIdentifier the cluster's number, which its backups share and other
 * clusters do not, or 0 if the server does not report it
 * @param timeline the timeline, which changes when a standby takes over, or an empty text
 * if the server does not report it
 * @param startedAt when the server was started, and which crash it has recovered from
 * since
 * @param log the id of the row that says what was deleted, which is another one after
 * that row was removed
 */
record ServerRun(long systemIdentifier, String timeline, String startedAt, String log) {

	/**
	 * Compares the start and the log only: the server may report the rest at one time and
	 * not at another.
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
	 * Return whether the same server was shut down between the two, and has not replayed
	 * its log. Then it assigns no transaction number twice.
	 */
	boolean isAfterShutdown(ServerRun before) {
		return isOtherThan(before) && this.startedAt.endsWith("/");
	}

	/**
	 * Return whether both belong to one timeline, as far as the server reports it.
	 */
	boolean isSameTimeline(ServerRun before) {
		return this.timeline.equals(before.timeline) || this.timeline.isEmpty() || before.timeline.isEmpty();
	}

	/**
	 * Return whether both belong to one cluster, as far as the server reports it.
	 */
	boolean isSameCluster(ServerRun before) {
		return this.systemIdentifier == before.systemIdentifier || this.systemIdentifier == 0
				|| before.systemIdentifier == 0;
	}

}
