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

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.unit.DataSize;

/**
 * The streams and limits of a {@link StreamReader} or {@link StreamWriter}: all, or those
 * of a family. Its callers name a family's streams without the prefix.
 *
 * @param family the family's name, or {@code null} for all streams
 * @param prefix what the names of its streams begin with; empty for all streams
 * @param bufferSize how many chunks a live reader holds at most
 * @param maxChunkSize the largest chunk, in bytes
 * @param maxChunkSizeProperty the property that sets it
 */
record StreamScope(@Nullable String family, String prefix, int bufferSize, int maxChunkSize,
		String maxChunkSizeProperty) {

	static StreamScope of(StreamProperties properties) {
		return new StreamScope(null, "", properties.bufferSize(), (int) properties.maxChunkSize().toBytes(),
				StreamProperties.PREFIX + ".max-chunk-size");
	}

	/**
	 * Return the scope of a family. What the family does not say is as for all streams.
	 */
	static StreamScope of(StreamProperties properties, String name) {
		StreamProperties.Family family = properties.family(name);
		int bufferSize = (family.bufferSize() != null) ? family.bufferSize() : properties.bufferSize();
		DataSize maxChunkSize = (family.maxChunkSize() != null) ? family.maxChunkSize() : properties.maxChunkSize();
		return new StreamScope(name, family.prefix(), bufferSize, (int) maxChunkSize.toBytes(),
				"%s.families.%s.max-chunk-size".formatted(StreamProperties.PREFIX, name));
	}

	/**
	 * Return the full name of a stream, which is what the rules for names are about.
	 * @param name the name as the caller gives it
	 * @throws IllegalArgumentException if it is invalid. A name that is nothing but the
	 * prefix would be none to the caller
	 */
	String fullName(String name) {
		if (this.prefix.isEmpty() || name == null || name.isEmpty()) {
			return StreamNames.require(name);
		}
		return StreamNames.require(this.prefix + name);
	}

	/**
	 * Return whether a stream is one of these, whose full name begins with the prefix.
	 */
	boolean contains(String fullName) {
		return fullName.length() > this.prefix.length();
	}

	/**
	 * Return the full prefix of the names that begin with a prefix.
	 * @param prefix the prefix as the caller gives it, empty for all streams of a family
	 * @throws IllegalArgumentException if no stream can have such a name
	 */
	String fullPrefix(String prefix) {
		String full = this.prefix + prefix;
		if (prefix == null || !StreamNames.isValidPrefix(full)) {
			throw new IllegalArgumentException(
					("Prefix %s must have 1 to 511 characters, none of them white space or a control character")
						.formatted(Texts.shown(prefix)));
		}
		return full;
	}

	TailedStream tailed(String name) {
		return new TailedStream(fullName(name), name, this.family, this.bufferSize, 0);
	}

	/**
	 * Begins after the prefix itself, since that may be a stream, but none of these. In
	 * descending order it comes last, and is to be left out of the list.
	 */
	StreamQuery fullQuery(StreamQuery query) {
		if (this.prefix.isEmpty()) {
			return query;
		}
		String after = query.after();
		String first = (query.reversed()) ? null : this.prefix;
		return new StreamQuery(query.owner(), this.prefix + query.prefix(),
				(after != null) ? this.prefix + after : first, query.limit(), query.openOnly(), query.reversed());
	}

	ChunkPage relativePage(ChunkPage page) {
		if (this.prefix.isEmpty()) {
			return page;
		}
		return new ChunkPage(page.chunks().stream().map(this::relativeChunk).toList(), page.nextIndex(), page.state());
	}

	private Chunk relativeChunk(Chunk chunk) {
		return new Chunk(relativeName(chunk.stream()), chunk.index(), chunk.data(), chunk.createdAt());
	}

	StreamInfo relativeInfo(StreamInfo info) {
		return new StreamInfo(relativeName(info.name()), info.state(), info.nextIndex(), info.createdAt(),
				info.endedAt(), info.failureReason(), info.owner(), info.contentType(), info.expiresAt(),
				info.lastAppendedAt(), info.identity());
	}

	String relativeName(String fullName) {
		return fullName.substring(this.prefix.length());
	}

}
