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
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Measures by name, of which there are no more than a limit: further names share the
 * measures of {@value #OTHER}. Thread-safe.
 *
 * @param <V> the measures
 */
public final class Names<V> {

	/**
	 * The name that all have in common which are too many.
	 */
	public static final String OTHER = "other";

	private static final Log logger = LogFactory.getLog(Names.class);

	private final int limit;

	private final Supplier<V> factory;

	/**
	 * Added to under {@code this}.
	 */
	private final Map<String, V> measures = new ConcurrentHashMap<>();

	/**
	 * Guarded by {@code this}.
	 */
	private final List<BiConsumer<String, V>> listeners = new ArrayList<>();

	/**
	 * Create a new instance.
	 * @param limit how many names have measures of their own
	 * @param factory makes the measures of a name
	 */
	public Names(int limit, Supplier<V> factory) {
		this.limit = limit;
		this.factory = factory;
	}

	/**
	 * Return a name's measures, from now on the same.
	 * @param name the name
	 * @return the measures
	 */
	public V of(String name) {
		V measures = this.measures.get(name);
		return (measures != null) ? measures : add(name);
	}

	/**
	 * Return whether a name has measures of its own.
	 * @param name the name
	 * @return whether it has
	 */
	public boolean has(String name) {
		return this.measures.containsKey(name);
	}

	private synchronized V add(String name) {
		V known = this.measures.get(name);
		if (known != null) {
			return known;
		}
		if (this.measures.size() >= this.limit && !name.equals(OTHER)) {
			return of(OTHER);
		}
		V added = this.factory.get();
		this.measures.put(name, added);
		this.listeners.forEach((listener) -> call(listener, name, added));
		return added;
	}

	/**
	 * What is measured must not fail because of its meters.
	 */
	private void call(BiConsumer<String, V> listener, String name, V added) {
		try {
			listener.accept(name, added);
		}
		catch (Throwable ex) {
			Recorders.log(logger, "The meters of '%s' could not be registered; they are missing".formatted(name), ex);
		}
	}

	/**
	 * Do something with the measures of each name, now and when others are added.
	 * @param listener is given a name and its measures
	 */
	public synchronized void forEach(BiConsumer<String, V> listener) {
		this.measures.forEach(listener);
		this.listeners.add(listener);
	}

}
