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
 * Thrown where a channel is used in another mode than it was created with. Nothing was
 * stored.
 */
@SuppressWarnings("serial")
public final class ChannelModeException extends RuntimeException {

	/**
	 * The mode that the channel has.
	 */
	private final ChannelMode mode;

	ChannelModeException(String channel, ChannelMode mode, String wanted) {
		super("Channel '%s' is %s, but must be %s: use another name, since a channel keeps its mode".formatted(channel,
				mode, wanted));
		this.mode = mode;
	}

	/**
	 * Return the mode that the channel was created with.
	 * @return the mode
	 */
	public ChannelMode mode() {
		return this.mode;
	}

}
