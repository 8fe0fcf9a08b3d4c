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

import java.util.Map;

import io.durablenotify.Subscription;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeHandler;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.NotificationListener;

/**
 * The examples of docs/changes.md beside {@link Profiles}.
 */
final class ChangeExamples {

	private ChangeExamples() {
	}

	static Subscription subscribe(ChangeNotifier changes, Map<String, String> cache) {
		// tag::subscribe[]
		Subscription subscription = changes.subscribe("profiles", new ChangeHandler() {

			@Override
			public void onChange(Change change) {
				cache.remove(change.key());
			}

			@Override
			public void onGap(ChangeGap gap) {
				cache.clear();
			}

		});
		// end::subscribe[]
		return subscription;
	}

	static Subscription listen(NotificationListener listener, Orders orders) {
		// tag::listen[]
		Subscription subscription = listener.listen("orders_changed", new ChannelHandler() {

			@Override
			public void onNotification(String payload) {
				orders.refresh(payload);
			}

			@Override
			public void onResync() {
				// Listening (again) from now on: notifications may have been lost before
				orders.refreshAll();
			}

		});
		// end::listen[]
		return subscription;
	}

	/**
	 * What is refreshed.
	 */
	interface Orders {

		void refresh(String id);

		void refreshAll();

	}

}
