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

/**
 * Who gets the messages of a channel. A channel has one mode for as long as it exists.
 */
public enum ChannelMode {

	/**
	 * One of the subscribers, over all instances.
	 */
	COMPETING("channel-competing"),

	/**
	 * Each durable subscriber.
	 */
	BROADCAST("channel-broadcast"),

	/**
	 * Who receives at the address that the sender names.
	 */
	DIRECT("channel-direct");

	private final String kind;

	ChannelMode(String kind) {
		this.kind = kind;
	}

	/**
	 * Return what the mode is stored as.
	 */
	String kind() {
		return this.kind;
	}

	/**
	 * Return the mode that is stored as a kind.
	 * @throws IllegalStateException if there is none
	 */
	static ChannelMode of(String channel, String kind) {
		for (ChannelMode mode : values()) {
			if (mode.kind.equals(kind)) {
				return mode;
			}
		}
		throw new IllegalStateException(
				"Channel '%s' is of kind '%s', which this version does not know".formatted(channel, kind));
	}

}
