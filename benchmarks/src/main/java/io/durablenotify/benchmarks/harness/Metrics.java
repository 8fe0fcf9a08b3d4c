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

package io.durablenotify.benchmarks.harness;

import io.durablenotify.autoconfigure.DurableNotifyMetricsAutoConfiguration;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Gives an instance a registry of meters, if {@value #PROPERTY} is true. It is a property
 * of the JVM, so that it holds for other processes too.
 */
@Configuration(proxyBeanMethods = false)
@ImportAutoConfiguration(DurableNotifyMetricsAutoConfiguration.class)
class Metrics {

	static final String PROPERTY = "benchmarks.metrics";

	static boolean areWanted() {
		return Boolean.getBoolean(PROPERTY);
	}

	@Bean
	MeterRegistry meterRegistry() {
		return new SimpleMeterRegistry();
	}

	@Bean
	SmartInitializingSingleton binding(MeterRegistry registry, ObjectProvider<MeterBinder> binders) {
		return () -> binders.forEach((binder) -> binder.bindTo(registry));
	}

}
