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

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;

/**
 * Binds the {@linkplain DurableNotifyMeters meters} of durable-notify to a registry, or
 * to several. Removes them at the end: in a registry that outlives the application
 * context they would be those of the next one.
 */
final class DurableNotifyMetrics implements MeterBinder, AutoCloseable {

	private final Supplier<List<MeterSource>> sources;

	private final List<MeterRegistrar> registrars = new CopyOnWriteArrayList<>();

	/**
	 * Create a new instance.
	 * @param sources returns the parts that have meters
	 */
	DurableNotifyMetrics(Supplier<List<MeterSource>> sources) {
		this.sources = sources;
	}

	/**
	 * Return the parts that have meters.
	 */
	List<MeterSource> sources() {
		return this.sources.get();
	}

	@Override
	public void bindTo(MeterRegistry registry) {
		MeterRegistrar registrar = new MeterRegistrar(registry);
		this.registrars.add(registrar);
		sources().forEach((source) -> source.register(registrar));
	}

	@Override
	public void close() {
		this.registrars.forEach(MeterRegistrar::removeAll);
	}

}
