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

package io.durablenotify.channel;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

import io.durablenotify.database.Texts;
import io.durablenotify.work.WorkRequest;

/**
 * An address of a direct channel.
 *
 * @param queue the queue of the channel
 * @param key the address, which is the ordering key of its messages
 */
record DirectAddress(String queue, String key) {

	/**
	 * Create an address.
	 * @throws IllegalArgumentException if a name is not valid
	 */
	static DirectAddress of(String channel, String address) {
		return new DirectAddress(ChannelNames.of(channel),
				Texts.require("Address", address, WorkRequest.MAX_KEY_LENGTH));
	}

	/**
	 * Return the id for wake-ups. Two addresses may have the same: one is then woken for
	 * the other.
	 */
	long id() {
		try {
			MessageDigest digest = MessageDigest.getInstance("SHA-256");
			// No name has white space
			digest.update((this.queue + " " + this.key).getBytes(StandardCharsets.UTF_8));
			return ByteBuffer.wrap(digest.digest()).getLong() & Long.MAX_VALUE;
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
