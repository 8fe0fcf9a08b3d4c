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

package io.durablenotify.testsupport;

import java.util.List;
import java.util.stream.Stream;

import io.durablenotify.autoconfigure.DurableNotifyObservationAutoConfiguration;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.otel.bridge.OtelCurrentTraceContext;
import io.micrometer.tracing.otel.bridge.OtelPropagator;
import io.micrometer.tracing.otel.bridge.OtelTracer;
import io.micrometer.tracing.propagation.Propagator;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.micrometer.tracing.autoconfigure.MicrometerTracingAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Spans of instances, by Boot's own configuration and the bridge to OpenTelemetry.
 */
public final class Tracing {

	private Tracing() {
	}

	/**
	 * Return the spans that have ended in instances.
	 */
	public static List<SpanData> spans(Instance... instances) {
		return Stream.of(instances)
			.flatMap((instance) -> instance.bean(InMemorySpanExporter.class).getFinishedSpanItems().stream())
			.toList();
	}

	/**
	 * Return the spans of a name.
	 */
	public static List<SpanData> spans(String name, Instance... instances) {
		return spans(instances).stream().filter((span) -> span.getName().equals(name)).toList();
	}

	/**
	 * Wait for a number of spans of a name.
	 */
	public static List<SpanData> awaitSpans(int count, String name, Instance... instances) {
		Eventually.await(() -> spans(name, instances).size() >= count,
				() -> spans(instances).stream()
					.map((span) -> span.getName() + " " + span.getAttributes().asMap())
					.toList());
		return spans(name, instances);
	}

	/**
	 * Run something in a span of its own trace.
	 */
	public static void inSpan(Instance instance, String name, Runnable task) {
		Observation.createNotStarted(name, instance.bean(ObservationRegistry.class)).observe(task);
	}

	/**
	 * To be a source of an instance.
	 */
	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ ObservationAutoConfiguration.class, MicrometerTracingAutoConfiguration.class,
			DurableNotifyObservationAutoConfiguration.class })
	public static class Application {

		@Bean
		InMemorySpanExporter spanExporter() {
			return InMemorySpanExporter.create();
		}

		@Bean
		SdkTracerProvider tracerProvider(InMemorySpanExporter exporter) {
			return SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(exporter)).build();
		}

		@Bean
		Tracer tracer(SdkTracerProvider provider) {
			return new OtelTracer(provider.get("test"), new OtelCurrentTraceContext(), (event) -> {
			});
		}

		@Bean
		Propagator propagator(SdkTracerProvider provider) {
			return new OtelPropagator(ContextPropagators.create(W3CTraceContextPropagator.getInstance()),
					provider.get("test"));
		}

	}

}
