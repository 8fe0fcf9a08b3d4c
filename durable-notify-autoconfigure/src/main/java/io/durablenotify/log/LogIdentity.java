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

package io.durablenotify.log;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

/**
 * What tells a log from any other that has, had or will have its name, or its id. Ids
 * come again after a failover to a server that was behind.
 *
 * @param id the row's id
 * @param createdAt when the row was created, as the database keeps it
 */
public record LogIdentity(long id, Instant createdAt) {

	/**
	 * Return the identity as callers know it, who must not read anything from it.
	 * @return a short text of letters, digits and hyphens
	 */
	public String text() {
		return "%s-%s".formatted(Long.toString(this.id, Character.MAX_RADIX),
				Long.toString(ChronoUnit.MICROS.between(Instant.EPOCH, this.createdAt), Character.MAX_RADIX));
	}

}
