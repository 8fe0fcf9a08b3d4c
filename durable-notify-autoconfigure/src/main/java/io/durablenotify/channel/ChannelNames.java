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

import io.durablenotify.database.Texts;
import io.durablenotify.measure.QueueFeature;
import io.durablenotify.work.WorkRequest;

/**
 * The names under which channels are stored.
 */
final class ChannelNames {

	/**
	 * What the name of a channel's queue, or stream, begins with.
	 */
	static final String PREFIX = QueueFeature.CHANNEL.prefix();

	private static final int MAX_SUBSCRIBER_LENGTH = 255;

	private ChannelNames() {
	}

	/**
	 * Return the queue of a channel, or its stream.
	 * @throws IllegalArgumentException if the channel has no valid name
	 */
	static String of(String channel) {
		return PREFIX + Texts.requireName("Channel", channel, WorkRequest.MAX_QUEUE_LENGTH - PREFIX.length());
	}

	/**
	 * Return the consumer of a durable subscriber. The last slash ends the channel, so
	 * that no two subscribers have the same.
	 * @throws IllegalArgumentException if the subscriber has no valid name
	 */
	static String consumer(String channel, String subscriber) {
		Texts.requireName("Subscriber", subscriber, MAX_SUBSCRIBER_LENGTH);
		if (subscriber.indexOf('/') >= 0) {
			throw new IllegalArgumentException("Subscriber %s must have no slash".formatted(Texts.shown(subscriber)));
		}
		return of(channel) + "/" + subscriber;
	}

}
