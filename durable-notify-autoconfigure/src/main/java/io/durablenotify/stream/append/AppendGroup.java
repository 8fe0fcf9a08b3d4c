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

package io.durablenotify.stream.append;

import java.util.ArrayList;
import java.util.List;

import io.durablenotify.stream.append.AppendOutcome.Stored;
import io.durablenotify.stream.append.AppendOutcome.Unexpected;

/**
 * Appends to one stream that are stored together, adjacent, all or none. Not thread-safe.
 */
final class AppendGroup {

	private static final long NOT_FOUND = -1;

	private final List<Append> appends = new ArrayList<>(2);

	/**
	 * What the last attempt has found the stream's name to mean.
	 */
	private long streamId = NOT_FOUND;

	private long reached;

	AppendGroup(Append first) {
		this.appends.add(first);
	}

	/**
	 * Add an append if it can be stored together with those that are there.
	 * @return whether it was added
	 */
	boolean add(Append append) {
		return conditions().canShare(append.conditions()) && this.appends.add(append);
	}

	List<Append> appends() {
		return this.appends;
	}

	String stream() {
		return this.appends.get(0).stream();
	}

	AppendConditions conditions() {
		return this.appends.get(0).conditions();
	}

	/**
	 * Return how many chunks there are.
	 */
	int size() {
		int size = 0;
		for (Append append : this.appends) {
			size += append.chunks().size();
		}
		return size;
	}

	List<byte[]> chunks() {
		if (this.appends.size() == 1) {
			return this.appends.get(0).chunks();
		}
		List<byte[]> chunks = new ArrayList<>(this.appends.size());
		this.appends.forEach((append) -> chunks.addAll(append.chunks()));
		return chunks;
	}

	/**
	 * Note which stream the name means.
	 * @param streamId the stream's id
	 * @param reached an index that its next chunk has reached, for all that is known: a
	 * stream that ends before is not appended to
	 */
	void found(long streamId, long reached) {
		this.streamId = streamId;
		this.reached = reached;
	}

	void notFound() {
		found(NOT_FOUND, 0);
	}

	boolean isFound() {
		return this.streamId != NOT_FOUND;
	}

	long streamId() {
		return this.streamId;
	}

	long reached() {
		return this.reached;
	}

	/**
	 * Return the outcome of a statement that found a next index.
	 */
	AppendOutcome outcomeAt(long nextIndex) {
		if (conditions().isIndexExpected() && conditions().index() != nextIndex) {
			return new Unexpected(nextIndex);
		}
		return new Stored(this.streamId, nextIndex, nextIndex + size());
	}

	/**
	 * Give each append its outcome.
	 * @param outcome the outcome of the group
	 */
	void complete(AppendOutcome outcome) {
		if (!(outcome instanceof Stored stored)) {
			this.appends.forEach((append) -> append.complete(outcome));
			return;
		}
		long index = stored.index();
		for (Append append : this.appends) {
			long next = index + append.chunks().size();
			append.complete(new Stored(stored.streamId(), index, next));
			index = next;
		}
	}

	/**
	 * Return whether all of its appends have an outcome. They get it in order.
	 */
	boolean isCompleted() {
		return this.appends.get(this.appends.size() - 1).isCompleted();
	}

}
