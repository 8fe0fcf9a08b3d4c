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

package io.durablenotify.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * A measure for each outcome of an operation, or each other value of an enum.
 *
 * @param <K> the outcomes
 * @param <V> the measures
 */
public final class Outcomes<K extends Enum<K>, V> {

	private final List<K> keys;

	private final List<V> values = new ArrayList<>();

	private Outcomes(Class<K> type, Supplier<V> factory) {
		this.keys = List.of(type.getEnumConstants());
		this.keys.forEach((key) -> this.values.add(factory.get()));
	}

	/**
	 * Count outcomes.
	 * @param <K> the outcomes
	 * @param type their type
	 * @return a counter for each
	 */
	public static <K extends Enum<K>> Outcomes<K, Tally> counted(Class<K> type) {
		return new Outcomes<>(type, Tally::new);
	}

	/**
	 * Time operations by their outcomes.
	 * @param <K> the outcomes
	 * @param type their type
	 * @return a timing for each
	 */
	public static <K extends Enum<K>> Outcomes<K, Timing> timed(Class<K> type) {
		return new Outcomes<>(type, Timing::new);
	}

	/**
	 * Return an outcome's measure.
	 * @param outcome the outcome
	 * @return the measure
	 */
	public V of(K outcome) {
		return this.values.get(outcome.ordinal());
	}

	/**
	 * Do something with each.
	 * @param action is given an outcome and its measure
	 */
	public void forEach(BiConsumer<K, V> action) {
		this.keys.forEach((key) -> action.accept(key, of(key)));
	}

}
