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

package io.durablenotify.log;

import java.time.Instant;

import io.durablenotify.log.LogStore.Head;
import org.jspecify.annotations.Nullable;

/**
 * The position of a reader in its log: next index, identity of the log, and run of the
 * server. All entries so far were received from that run.
 * <p>
 * After a failover or a crash the server may lack the last entries that were received,
 * and may have given their indexes to others. So the position is validated then: the next
 * fetch begins with the last entry that was received, and compares. A server that has
 * that entry has all before it.
 * <p>
 * {@link #next()} and {@link #received()} may be called by any thread; all else is called
 * by the thread that has begun a fetch for the reader ({@link FetchState}).
 *
 * @param <E> the entries' type
 */
final class LogCursor<E> {

	private enum State {

		/**
		 * The next fetch begins with the next entry.
		 */
		FETCHING,

		/**
		 * The next fetch begins with the last entry that was received, to validate the
		 * position.
		 */
		AWAIT_VALIDATION,

		/**
		 * The next fetch begins with the first entry that is left, to find out whether
		 * those before the one that was found were trimmed.
		 */
		AWAIT_FIRST_LEFT

	}

	private final TailedLog<E> log;

	private final LogKind kind;

	private State state = State.FETCHING;

	private volatile long next;

	/**
	 * The index after the last entry that was received, or 0. For a reader that began at
	 * the end, the index of that.
	 */
	private volatile long received;

	/**
	 * Whether the first entry may be a later one, if all before it were trimmed.
	 */
	private boolean beginsWithFirstLeft;

	/**
	 * The index of the entry that was found in place of the first one.
	 */
	private long found;

	/**
	 * The identity of the only log that may be read, or {@code null} for any log of the
	 * name.
	 */
	private final @Nullable String expected;

	/**
	 * The identity of the log that was found first.
	 */
	private @Nullable LogIdentity identity;

	/**
	 * The time by which the last entry that was received is known again.
	 */
	private @Nullable Instant lastCreatedAt;

	/**
	 * The run of the server that everything so far was received from, or was validated
	 * on. It lasts from one crash to the next.
	 */
	private volatile @Nullable String server;

	/**
	 * Whether the server may have crashed since, and does not report that for certain.
	 */
	private volatile boolean doubted;

	/**
	 * Begin with an entry.
	 * @param next the entry's index
	 * @param expected the identity that the log must have, or {@code null}
	 */
	LogCursor(TailedLog<E> log, LogKind kind, long next, @Nullable String expected) {
		this.log = log;
		this.kind = kind;
		this.next = next;
		this.expected = expected;
	}

	/**
	 * Return whether no log will do that is created from now on.
	 */
	boolean expectsOneLog() {
		return this.expected != null;
	}

	/**
	 * Begin after an entry that was there, and validate that one like one that was
	 * received, unless it was trimmed since. What was appended since would otherwise be
	 * missed if the log had got shorter.
	 */
	void beginAfterKnown() {
		this.received = this.next;
		this.state = State.AWAIT_VALIDATION;
	}

	/**
	 * Begin with the first entry that is left, if that is a later one by then.
	 */
	void beginWithFirstLeft() {
		this.beginsWithFirstLeft = true;
	}

	/**
	 * Return the index of the next entry.
	 */
	long next() {
		return this.next;
	}

	long received() {
		return this.received;
	}

	/**
	 * Return the index of the first entry to fetch.
	 */
	long fetchFrom() {
		return (this.state == State.AWAIT_FIRST_LEFT) ? this.log.firstIndex() : this.next - entriesToValidate();
	}

	/**
	 * Return how many entries a fetch begins with that were received before.
	 */
	int entriesToValidate() {
		return (this.state == State.AWAIT_VALIDATION) ? 1 : 0;
	}

	/**
	 * The server may have crashed: a crash ends all connections, the listener's too.
	 */
	void doubt() {
		this.doubted = true;
	}

	/**
	 * Return whether entries were received from another run of the server, which may have
	 * had what this one has not.
	 */
	boolean hasReceivedFromOther(String server) {
		return this.received > 0 && !isCertainlyOf(server);
	}

	private boolean isCertainlyOf(String server) {
		return server.equals(this.server) && !(this.doubted && Head.isUncertain(server));
	}

	/**
	 * Validate the position by what a fetch has found.
	 */
	Validation validate(Head head, EntryPage<E> page) {
		if (!isSame(head)) {
			return Validation.truncated(this.kind.replaced());
		}
		if (head.nextIndex() < this.received) {
			return Validation.truncated(this.kind.endsAt(head.nextIndex()));
		}
		int from = entriesToValidate();
		if (from > 0) {
			long first = (page.size() > 0) ? this.log.indexOf(page.get(0)) : -1;
			if (first >= this.next && this.lastCreatedAt == null) {
				// Only its existence would have been validated: it was trimmed since
				from = 0;
			}
			else if (first != this.next - 1) {
				return Validation.truncated("the %s before it is missing".formatted(this.kind.entry()));
			}
			else if (!isLast(page.get(0))) {
				return Validation.truncated("the %s before it is another one".formatted(this.kind.entry()));
			}
			this.state = State.FETCHING;
			this.doubted = false;
		}
		else if (hasReceivedFromOther(head.server())) {
			this.state = State.AWAIT_VALIDATION;
			return Validation.REQUIRED;
		}
		else if (this.beginsWithFirstLeft && page.size() > 0) {
			Validation validation = validateFirst(this.log.indexOf(page.get(0)));
			if (validation != null) {
				return validation;
			}
		}
		this.server = head.server();
		return Validation.valid(from);
	}

	/**
	 * Move on to the first entry that is left, unless there is one before those that are
	 * missing.
	 * @return {@code null} if the entries that were found can be taken
	 */
	private @Nullable Validation validateFirst(long first) {
		if (this.state == State.AWAIT_FIRST_LEFT) {
			this.state = State.FETCHING;
			if (first < this.next) {
				return Validation.truncated(this.found + " was found");
			}
			this.next = first;
		}
		else if (first > this.next) {
			this.state = State.AWAIT_FIRST_LEFT;
			this.found = first;
			return Validation.REQUIRED;
		}
		this.beginsWithFirstLeft = false;
		return null;
	}

	private boolean isSame(Head head) {
		LogIdentity found = head.identity();
		if (this.identity == null) {
			if (this.expected != null && !this.expected.equals(found.text())) {
				return false;
			}
			this.identity = found;
		}
		return head.name().equals(this.log.name()) && found.equals(this.identity);
	}

	private boolean isLast(E entry) {
		if (this.lastCreatedAt == null) {
			this.lastCreatedAt = this.log.createdAtOf(entry);
		}
		return this.log.createdAtOf(entry).equals(this.lastCreatedAt);
	}

	/**
	 * Return whether an entry that was committed just now is the next one. After a
	 * failover it may be that by its index only.
	 */
	boolean isNext(E entry, String server) {
		return isCertainlyOf(server) && this.log.indexOf(entry) == this.next;
	}

	/**
	 * Entries were received.
	 * @param count how many
	 * @param last the last one
	 */
	void advance(int count, E last) {
		this.lastCreatedAt = this.log.createdAtOf(last);
		this.next += count;
		this.received = this.next;
		this.beginsWithFirstLeft = false;
	}

	/**
	 * The outcome of a validation.
	 *
	 * @param from the place in the page of the first entry that was not received yet, or
	 * -1 if none can be taken
	 * @param truncation what was found instead of the next entry, if the log was
	 * truncated
	 */
	record Validation(int from, @Nullable String truncation) {

		/**
		 * The next fetch has to validate the position first.
		 */
		static final Validation REQUIRED = new Validation(-1, null);

		static Validation valid(int from) {
			return new Validation(from, null);
		}

		static Validation truncated(String found) {
			return new Validation(-1, found);
		}

	}

}
