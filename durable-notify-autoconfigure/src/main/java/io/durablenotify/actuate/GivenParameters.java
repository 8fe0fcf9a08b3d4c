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

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The parameters of a request that have a value.
 */
final class GivenParameters {

	private final Map<String, Object> values = new LinkedHashMap<>();

	GivenParameters with(String name, @Nullable Object value) {
		if (value != null) {
			this.values.put(name, value);
		}
		return this;
	}

	/**
	 * Require that no other parameter is given, which would have no effect.
	 */
	void only(String... names) {
		List<String> known = List.of(names);
		this.values.keySet().stream().filter((name) -> !known.contains(name)).findFirst().ifPresent((name) -> {
			throw new IllegalArgumentException("'%s' must not be given here%s".formatted(name, (known.isEmpty()) ? ""
					: known.stream().map("'%s'"::formatted).collect(Collectors.joining(" or ", ", only ", ""))));
		});
	}

	boolean has(String name) {
		return this.values.containsKey(name);
	}

	/**
	 * Require a parameter.
	 */
	String required(String name) {
		Object value = this.values.get(name);
		Assert.isTrue(value != null, () -> "'%s' must be given".formatted(name));
		return String.valueOf(value);
	}

	static IllegalArgumentException unknown(String name, String value, Collection<String> known) {
		return new IllegalArgumentException(
				"'%s' must be %s, but is %s".formatted(name, String.join(" or ", known), Texts.shown(value)));
	}

}
