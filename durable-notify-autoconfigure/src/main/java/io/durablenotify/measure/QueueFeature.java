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

package io.durablenotify.measure;

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * A feature that makes queues of names, as many as an application likes. Where names must
 * be few, such as in the tags of a meter, its queues share one.
 */
public enum QueueFeature {

	/**
	 * A queue for each sender.
	 */
	OUTBOX("outbox/", "outbox"),

	/**
	 * Resumptions, a queue for each workflow.
	 */
	WORKFLOW("resume/", "workflow"),

	/**
	 * Timers, a queue for each handler.
	 */
	TIMER("timer/", "timer"),

	/**
	 * A queue for each channel.
	 */
	CHANNEL("channel/", "channel");

	private static final List<QueueFeature> ALL = List.of(values());

	private final String prefix;

	private final String label;

	QueueFeature(String prefix, String label) {
		this.prefix = prefix;
		this.label = label;
	}

	/**
	 * Return the feature that has made a queue.
	 * @param queue the queue's name
	 * @return the feature, {@code null} if the application has named the queue
	 */
	public static @Nullable QueueFeature of(String queue) {
		for (QueueFeature feature : ALL) {
			if (queue.startsWith(feature.prefix)) {
				return feature;
			}
		}
		return null;
	}

	/**
	 * Return what the names of its queues begin with.
	 * @return the prefix, which ends with a slash
	 */
	public String prefix() {
		return this.prefix;
	}

	/**
	 * Return the name that its queues share.
	 * @return the name
	 */
	public String label() {
		return this.label;
	}

}
