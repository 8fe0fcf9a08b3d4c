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

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/**
 * Deletes expired streams, and removes the chunks of deleted ones.
 */
interface StreamCleanup {

	/**
	 * Take the next slice, in one short transaction, unless another instance is at it.
	 * Never waits for a stream that another transaction has locked.
	 * @param retention how long streams are kept after their end
	 * @param all whether to check all streams that have ended, or only those whose time
	 * was over not long ago, which others that are kept for longer do not slow down
	 * @param after the id after which to find chunks to remove, so that a large stream
	 * gets one slice at a time
	 */
	Slice clean(Connection connection, StreamRetention retention, boolean all, long after) throws SQLException;

	/**
	 * What a slice did.
	 *
	 * @param deleted the streams that it deleted, whose readers do not know it yet
	 * @param after the id after which the next slice begins
	 * @param more whether there is more to do, and no other instance at it
	 */
	record Slice(List<Long> deleted, long after, boolean more) {
	}

}
