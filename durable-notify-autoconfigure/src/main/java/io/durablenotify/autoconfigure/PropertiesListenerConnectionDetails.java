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

package io.durablenotify.autoconfigure;

import java.util.Map;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.listener.ListenerConnectionDetails;
import io.durablenotify.listener.ListenerProperties;

/**
 * Adapts {@link ListenerProperties} to {@link ListenerConnectionDetails}, with the
 * application's own connection for all that is not set.
 */
final class PropertiesListenerConnectionDetails implements ListenerConnectionDetails {

	private final ListenerProperties properties;

	private final ApplicationDatabase database;

	PropertiesListenerConnectionDetails(ListenerProperties properties, ApplicationDatabase database) {
		this.properties = properties;
		this.database = database;
	}

	@Override
	public DriverConnectionDetails getDriverConnectionDetails() {
		String url = this.properties.url();
		if (url == null) {
			return this.database.getDriverConnectionDetails();
		}
		String username = this.properties.username();
		if (username != null) {
			return new DriverConnectionDetails(url, username, this.properties.password(),
					this.database.getDriverProperties());
		}
		DriverConnectionDetails own = new DriverConnectionDetails(url, null, null, Map.of());
		return (own.hasUser()) ? own.withProperties(this.database.getDriverProperties())
				: this.database.getDriverConnectionDetails().withUrl(url);
	}

}
