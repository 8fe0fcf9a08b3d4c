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

package io.durablenotify.observation;

import io.micrometer.observation.Observation;

/**
 * The context of a call of a change handler.
 */
public final class ChangeHandleContext extends Observation.Context {

	private final String topic;

	private final String key;

	private final boolean declared;

	ChangeHandleContext(String topic, String key, boolean declared) {
		this.topic = topic;
		this.key = key;
		this.declared = declared;
	}

	/**
	 * Return the topic.
	 * @return the topic
	 */
	public String getTopic() {
		return this.topic;
	}

	/**
	 * Return the key.
	 * @return the key
	 */
	public String getKey() {
		return this.key;
	}

	/**
	 * Return whether the topic is in an annotation. An application that subscribes by
	 * itself may do so for any number of topics.
	 * @return whether it does
	 */
	public boolean isDeclared() {
		return this.declared;
	}

}
