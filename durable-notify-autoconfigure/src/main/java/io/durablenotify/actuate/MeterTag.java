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

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * A tag of a meter.
 *
 * @param key its key
 * @param values all values that it can have, empty where the application determines them
 * @param description what the values are, where the application determines them
 */
public record MeterTag(String key, List<String> values, String description) {

	/**
	 * The value where there is nothing to name.
	 */
	static final String NONE = "none";

	static MeterTag of(String key, Class<? extends Enum<?>> type) {
		return of(key, Arrays.stream(type.getEnumConstants()).map(MeterTag::value).toArray(String[]::new));
	}

	static MeterTag of(String key, String... values) {
		return new MeterTag(key, List.of(values), "");
	}

	static MeterTag named(String key, String description) {
		return new MeterTag(key, List.of(), description);
	}

	/**
	 * Return the value for a constant of an enum.
	 */
	static String value(Enum<?> constant) {
		return constant.name().toLowerCase(Locale.ROOT);
	}

}
