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
 * A read position: all that is visible in a snapshot, and part of a later one.
 * <p>
 * The part consists of the rows of the target that the snapshot lacks, up to a
 * transaction and an id.
 *
 * @param server the run of the server whose snapshots these are
 * @param snapshot the snapshot up to which everything was read, in PostgreSQL's form
 * {@code xmin:xmax:xip}
 * @param target the snapshot whose additional changes are being read in pages, or
 * {@code null} if the last page has reached it
 * @param afterXact the transaction of the last change that was read for the target, of
 * any topic
 * @param afterId the id of that change
 */
record ChangePosition(ServerRun server, String snapshot, @Nullable String target, long afterXact, long afterId) {

	static ChangePosition at(ServerRun server, String snapshot) {
		return new ChangePosition(server, snapshot, null, 0, 0);
	}

	/**
	 * Return the position before a transaction that asks for it. Its own snapshots do not
	 * list it as running, so that its changes would pass for visible.
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
	 * Return the position after a page that is not the last for the target.
	 */
	ChangePosition within(String target, Place end) {
		return new ChangePosition(this.server, this.snapshot, target, end.xact(), end.id());
	}

	/**
	 * Return the position after all that the target sees.
	 */
	ChangePosition after(String target) {
		return at(this.server, target);
	}

	/**
	 * Return the position after a crash of the server. It may assign the numbers of
	 * transactions that were not on disk again: these must not pass for visible.
	 * @param server the run after the crash
	 * @param durable up to which number none is assigned again, and none above it was
	 * read
	 */
	ChangePosition afterCrash(ServerRun server, long durable) {
		return new ChangePosition(server, limited(this.snapshot, durable),
				(this.target != null) ? limited(this.target, durable) : null, this.afterXact, this.afterId);
	}

	/**
	 * Return a snapshot cut back to transactions up to a number.
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
	 * Return the first transaction that had not ended in the snapshot.
	 */
	long xmin() {
		return Long.parseLong(this.snapshot.substring(0, this.snapshot.indexOf(':')));
	}

	/**
	 * Return the first transaction that had not begun in the snapshot.
	 */
	long xmax() {
		return xmax(this.snapshot);
	}

	/**
	 * Return the same of the target, if there is one.
	 */
	long targetXmax() {
		return xmax((this.target != null) ? this.target : this.snapshot);
	}

	static long xmax(String snapshot) {
		return Long.parseLong(snapshot.split(":", -1)[1]);
	}

}
