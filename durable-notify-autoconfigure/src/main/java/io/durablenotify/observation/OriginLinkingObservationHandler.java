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

package io.durablenotify.observation;

import io.micrometer.observation.Observation;
import io.micrometer.tracing.Link;
import io.micrometer.tracing.Span;
import io.micrometer.tracing.TraceContext;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.handler.PropagatingReceiverTracingObservationHandler;
import io.micrometer.tracing.handler.TracingObservationHandler;
import io.micrometer.tracing.propagation.Propagator;

/**
 * Begins a trace for an attempt that does not continue another one, with links to where
 * its items were enqueued. Handles no other context.
 */
final class OriginLinkingObservationHandler implements TracingObservationHandler<AttemptContext> {

	private final PropagatingReceiverTracingObservationHandler<AttemptContext> delegate;

	OriginLinkingObservationHandler(Tracer tracer, Propagator propagator) {
		this.delegate = new PropagatingReceiverTracingObservationHandler<>(tracer, propagator) {

			@Override
			public Span.Builder customizeExtractedSpan(AttemptContext context, Span.Builder builder) {
				Span.Builder span = builder.setNoParent();
				context.getOrigins().forEach((origin) -> span.addLink(new Link(context(tracer, origin))));
				return span;
			}

		};
	}

	private static TraceContext context(Tracer tracer, TraceParent origin) {
		return tracer.traceContextBuilder()
			.traceId(origin.traceId())
			.spanId(origin.spanId())
			.sampled(origin.sampled())
			.build();
	}

	@Override
	public boolean supportsContext(Observation.Context context) {
		return context instanceof AttemptContext attempt && !attempt.getOrigins().isEmpty();
	}

	@Override
	public Tracer getTracer() {
		return this.delegate.getTracer();
	}

	@Override
	public void onStart(AttemptContext context) {
		this.delegate.onStart(context);
	}

	@Override
	public void onError(AttemptContext context) {
		this.delegate.onError(context);
	}

	@Override
	public void onStop(AttemptContext context) {
		this.delegate.onStop(context);
	}

}
