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

package io.durablenotify.sample;

import java.util.concurrent.ThreadLocalRandom;

import org.springframework.stereotype.Component;

/**
 * The name of this instance: the page shows which instance has done what.
 */
@Component
class InstanceName {

	private final String name = "%04x".formatted(ThreadLocalRandom.current().nextInt(0x10000));

	/**
	 * Return the payload of an event of this instance.
	 */
	String payload() {
		return "{\"instance\": \"%s\"}".formatted(this.name);
	}

	@Override
	public String toString() {
		return this.name;
	}

}
