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

package io.durablenotify.listener;

import io.durablenotify.database.DriverConnectionDetails;

import org.springframework.boot.autoconfigure.service.connection.ConnectionDetails;

/**
 * Details of the LISTEN connection. The default ones come from
 * {@code durable-notify.listener.url} or else from the application's own DataSource;
 * define a bean of this type to take them from elsewhere.
 */
@FunctionalInterface
public interface ListenerConnectionDetails extends ConnectionDetails {

	/**
	 * Return the details for the next connect. Called for each one, so that rotated
	 * credentials are used.
	 * @return the details
	 */
	DriverConnectionDetails getDriverConnectionDetails();

}
