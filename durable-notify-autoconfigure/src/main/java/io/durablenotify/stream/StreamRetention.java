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

package io.durablenotify.stream;

import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The times for which streams are kept after their end. A stream is kept as the longest
 * prefix of its name says.
 *
 * @param byPrefix the times by prefix, the empty one for all that have no other. What has
 * {@code null} is kept forever
 */
record StreamRetention(Map<String, @Nullable Duration> byPrefix) {

	/**
	 * Return what the properties say.
	 * @param general how long streams are kept that are in no family, or in one that does
	 * not say, or {@code null} forever
	 */
	static StreamRetention of(@Nullable Duration general, Collection<StreamProperties.Family> families) {
		Map<String, @Nullable Duration> byPrefix = new LinkedHashMap<>();
		byPrefix.put("", general);
		families.forEach(
				(family) -> byPrefix.put(family.prefix(), (family.retention() != null) ? family.retention() : general));
		return new StreamRetention(byPrefix);
	}

}
