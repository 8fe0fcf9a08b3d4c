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

import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.loop.FailureLog;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * An observation of Micrometer that has started. What its handlers throw is logged.
 */
final class MicrometerObserved implements Observed {

	private static final Log logger = LogFactory.getLog(Observations.class);

	private final ObservationRegistry registry;

	private final Observation observation;

	private final Conclusion conclusion;

	private final Map<String, String> headers;

	private final AtomicBoolean stopped = new AtomicBoolean();

	/**
	 * Only accessed by the thread that has opened it.
	 */
	private Observation.@Nullable Scope scope;

	MicrometerObserved(ObservationRegistry registry, Observation observation, Conclusion conclusion,
			Map<String, String> headers) {
		this.registry = registry;
		this.observation = observation;
		this.conclusion = conclusion;
		this.headers = headers;
	}

	@Override
	public Observed open() {
		guarded(this.observation::openScope);
		// Also if a handler has failed with it
		Observation.Scope scope = this.registry.getCurrentObservationScope();
		if (scope != null && scope.getCurrentObservation() == this.observation) {
			this.scope = scope;
		}
		return this;
	}

	@Override
	public Map<String, String> headers() {
		return this.headers;
	}

	@Override
	public void outcome(Outcome outcome) {
		this.conclusion.setOutcome(outcome);
	}

	@Override
	public void number(long number) {
		this.conclusion.setNumber(number);
	}

	@Override
	public void failed(Throwable failure) {
		this.conclusion.fail();
		guarded(() -> this.observation.error(failure));
	}

	@Override
	public void failed(String reason) {
		failed(new ReportedFailure(reason));
	}

	@Override
	public void stop() {
		if (this.stopped.getAndSet(true)) {
			return;
		}
		Observation.Scope scope = this.scope;
		if (scope != null) {
			guarded(scope::close);
		}
		guarded(this.observation::stop);
	}

	/**
	 * What is observed must not fail because of that.
	 */
	private static void guarded(Runnable call) {
		try {
			call.run();
		}
		catch (Throwable ex) {
			FailureLog.log(logger::warn, "An ObservationHandler has failed; what is observed goes on", ex);
		}
	}

	/**
	 * A failure that a handler has returned.
	 */
	@SuppressWarnings("serial")
	private static final class ReportedFailure extends RuntimeException {

		private ReportedFailure(String reason) {
			super(reason, null, false, false);
		}

	}

}
