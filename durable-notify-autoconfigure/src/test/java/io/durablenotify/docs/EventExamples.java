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

package io.durablenotify.docs;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.event.EventHandler;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.StoredEvent;

/**
 * The example of docs/events.md that is no engine's. What it shows is {@link #seen}.
 */
class EventExamples {

	private final EventLog log;

	private final List<String> seen = new CopyOnWriteArrayList<>();

	EventExamples(EventLog log) {
		this.log = log;
	}

	List<String> seen() {
		return this.seen;
	}

	private void show(long sequence, String type) {
		this.seen.add(sequence + " " + type);
	}

	private void failed(Throwable error) {
		this.seen.add(error.toString());
	}

	Subscription follow() {
		// tag::follow[]
		Subscription subscription = this.log.follow("orders/42", 0, new EventHandler() {

			@Override
			public void onEvent(StoredEvent event) {
				show(event.sequence(), event.type());
			}

			@Override
			public void onError(Throwable error) {
				failed(error); // FollowingStoppedException or RunTruncatedException
			}

		});
		// end::follow[]
		return subscription;
	}

}
