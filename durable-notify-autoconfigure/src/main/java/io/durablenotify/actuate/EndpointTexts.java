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

package io.durablenotify.actuate;

import org.jspecify.annotations.Nullable;

/**
 * What an answer of the endpoint shows of the texts that the application or its users
 * have chosen. These are names, owners, keys and errors.
 *
 * @param shown whether they are shown, and not hidden
 */
record EndpointTexts(boolean shown) {

	/**
	 * What is shown in place of a text, as Spring Boot's endpoints do.
	 */
	static final String HIDDEN = "******";

	@Nullable String of(@Nullable String text) {
		return (this.shown || text == null) ? text : HIDDEN;
	}

}
