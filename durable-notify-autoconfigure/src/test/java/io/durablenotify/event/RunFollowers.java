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

package io.durablenotify.event;

import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;

import org.springframework.core.ParameterizedTypeReference;

/**
 * The followers of an instance.
 */
final class RunFollowers {

	private RunFollowers() {
	}

	static LogSubscriptions<StoredEvent> of(Instance instance) {
		return instance.context().getBeanProvider(new ParameterizedTypeReference<LogSubscriptions<StoredEvent>>() {
		}).getObject();
	}

	static void assertNoneLeft(Instance instance) {
		LogSubscriptions<StoredEvent> followers = of(instance);
		Eventually.await(() -> ReaderStates.all(followers).isEmpty(), () -> ReaderStates.all(followers));
	}

}
