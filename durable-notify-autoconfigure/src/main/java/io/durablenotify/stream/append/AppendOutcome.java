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

import java.sql.SQLException;
import java.time.Duration;

/**
 * The outcome of an {@link Append}. The writer of the stream makes an exception of each
 * that is not {@link Stored}.
 */
public sealed interface AppendOutcome {

	/**
	 * Its chunks are stored.
	 *
	 * @param streamId the stream's id
	 * @param index the index of the first chunk
	 * @param nextIndex the index after the last chunk
	 */
	record Stored(long streamId, long index, long nextIndex) implements AppendOutcome {
	}

	/**
	 * The stream has ended; nothing was stored.
	 *
	 * @param status how it ended
	 */
	record Ended(StreamStatus status) implements AppendOutcome {
	}

	/**
	 * The stream was deleted: there is none of its name, or another one. Nothing was
	 * stored.
	 */
	record Gone() implements AppendOutcome {
	}

	/**
	 * The next index is not the expected one; nothing was stored.
	 *
	 * @param nextIndex the index that the next chunk will have
	 */
	record Unexpected(long nextIndex) implements AppendOutcome {
	}

	/**
	 * Another transaction held the stream, or was creating it, until the time was over;
	 * nothing was stored.
	 *
	 * @param timeout how long the append waited
	 */
	record Locked(Duration timeout) implements AppendOutcome {
	}

	/**
	 * The connection was lost before the server answered: it may or may not have been
	 * stored.
	 *
	 * @param cause the failure
	 */
	record Unknown(SQLException cause) implements AppendOutcome {
	}

	/**
	 * The pipeline has closed; nothing was stored.
	 */
	record Closed() implements AppendOutcome {
	}

	/**
	 * It failed otherwise; nothing was stored.
	 *
	 * @param cause the failure, which several appends may share
	 */
	record Failed(Throwable cause) implements AppendOutcome {
	}

}
