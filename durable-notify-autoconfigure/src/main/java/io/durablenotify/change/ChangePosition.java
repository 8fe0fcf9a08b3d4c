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

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.durablenotify.change.ChangePage.Place;
import org.jspecify.annotations.Nullable;

/**
 * Up to where changes were read: whatever a snapshot sees, and of what the next one sees
 * besides, the part up to a transaction and an id.
 *
 * @param server the run of the server whose snapshots these are
 * @param snapshot the snapshot up to which everything was read, in PostgreSQL's form
 * {@code xmin:xmax:xip}
 * @param target the snapshot whose additional changes are being read in pages, or
 * {@code null} between two looks
 * @param afterXact the transaction of the last change that was read for the target, of
 * whatever topic
 * @param afterId the id of that change
 */
record ChangePosition(ServerRun server, String snapshot, @Nullable String target, long afterXact, long afterId) {

	static ChangePosition at(ServerRun server, String snapshot) {
		return new ChangePosition(server, snapshot, null, 0, 0);
	}

	/**
	 * Return the position before a transaction that asks for it. Its own snapshots leave
	 * it out of those that run, so that its changes would pass for seen.
	 */
	ChangePosition before(long xact) {
		String[] fields = this.snapshot.split(":", -1);
		long xmin = Math.min(Long.parseLong(fields[0]), xact);
		if (xact >= Long.parseLong(fields[1])) {
			return this;
		}
		String running = Stream.concat(Stream.of(xact), running(fields[2]))
			.sorted()
			.map(String::valueOf)
			.collect(Collectors.joining(","));
		return at(this.server, xmin + ":" + fields[1] + ":" + running);
	}

	private static Stream<Long> running(String field) {
		return Arrays.stream(field.split(",")).filter((xact) -> !xact.isEmpty()).map(Long::valueOf);
	}

	/**
	 * Return the position behind a page that is not the last for the target.
	 */
	ChangePosition within(String target, Place end) {
		return new ChangePosition(this.server, this.snapshot, target, end.xact(), end.id());
	}

	/**
	 * Return the position when everything was read that the target sees.
	 */
	ChangePosition behind(String target) {
		return at(this.server, target);
	}

	/**
	 * Return the same position in another run of the server. Numbers of transactions that
	 * were not written to disk when the server crashed are given away again: they must
	 * not pass for seen.
	 * @param durable up to which number none is given away again, nor was read above it
	 */
	ChangePosition afterCrash(ServerRun server, long durable) {
		return new ChangePosition(server, limited(this.snapshot, durable),
				(this.target != null) ? limited(this.target, durable) : null, this.afterXact, this.afterId);
	}

	/**
	 * Return what of a snapshot is certain: that of transactions up to a number.
	 */
	static String limited(String snapshot, long durable) {
		String[] fields = snapshot.split(":", -1);
		if (Long.parseLong(fields[1]) <= durable) {
			return snapshot;
		}
		long xmax = durable + 1;
		long xmin = Math.min(Long.parseLong(fields[0]), xmax);
		String running = running(fields[2]).filter((xact) -> xact < xmax)
			.map(String::valueOf)
			.collect(Collectors.joining(","));
		return xmin + ":" + xmax + ":" + running;
	}

	/**
	 * Return below which transaction the snapshot sees all but those that ran.
	 */
	long xmax() {
		return xmax(this.snapshot);
	}

	/**
	 * Return the same of the target, where there is one.
	 */
	long targetXmax() {
		return xmax((this.target != null) ? this.target : this.snapshot);
	}

	static long xmax(String snapshot) {
		return Long.parseLong(snapshot.split(":", -1)[1]);
	}

}
