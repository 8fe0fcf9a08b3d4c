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
package io.durablenotify.stream;

import java.time.Instant;

import io.durablenotify.log.LogIdentity;
import io.durablenotify.log.Start;

/**
 * The settings of a consumer.
 *
 * @param name its name
 * @param selection the full name of its stream, or what the full names of its streams
 * begin with
 * @param prefix whether the selection is a prefix
 * @param fromEnd whether it begins at the end if it does not exist yet
 * @param transactional whether its handler is called in transactions
 * @param batchSize how many chunks have a transaction or a write of the position in
 * common at most
 * @param scope by what names its handler knows the streams
 */
record ConsumerSpec(String name, String selection, boolean prefix, boolean fromEnd, boolean transactional,
		int batchSize, StreamScope scope) {

	static final int LONGEST_NAME = 512;

	static final int DEFAULT_BATCH_SIZE = 100;

	static final int LARGEST_BATCH_SIZE = 10_000;

	ConsumerSpec(String name, String selection, boolean prefix, StreamScope scope) {
		this(name, selection, prefix, false, false, DEFAULT_BATCH_SIZE, scope);
	}

	ConsumerSpec withFromEnd(boolean fromEnd) {
		return new ConsumerSpec(this.name, this.selection, this.prefix, fromEnd, this.transactional, this.batchSize,
				this.scope);
	}

	ConsumerSpec inTransaction() {
		return new ConsumerSpec(this.name, this.selection, this.prefix, this.fromEnd, true, this.batchSize, this.scope);
	}

	ConsumerSpec withBatchSize(int batchSize) {
		return new ConsumerSpec(this.name, this.selection, this.prefix, this.fromEnd, this.transactional, batchSize,
				this.scope);
	}

	/**
	 * Return whether a stream is one of the consumer's.
	 * @param fullName the stream's full name
	 */
	boolean selects(String fullName) {
		return this.scope.contains(fullName)
				&& ((this.prefix) ? fullName.startsWith(this.selection) : fullName.equals(this.selection));
	}

	/**
	 * Return the name by which the handler knows a stream.
	 * @param fullName the stream's full name
	 */
	String relativeName(String fullName) {
		return this.scope.relativeName(fullName);
	}

	/**
	 * Return a stream for a reader that begins after what the consumer has had. Its
	 * position is as old or new as the server's chunks, and need not be compared.
	 */
	TailedStream tailed(String fullName, long next) {
		return new TailedStream(fullName, relativeName(fullName), this.scope.family(), this.scope.bufferSize(), next);
	}

	static Start start(long streamId, Instant createdAt, long next) {
		return Start.at(next).in(new LogIdentity(streamId, createdAt).text());
	}

	/**
	 * Return what messages call the streams.
	 */
	String describeSelection() {
		return (this.prefix) ? "the streams '%s…'".formatted(this.selection) : "stream '%s'".formatted(this.selection);
	}

}
