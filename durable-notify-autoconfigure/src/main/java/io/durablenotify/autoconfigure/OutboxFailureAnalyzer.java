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
package io.durablenotify.autoconfigure;

import io.durablenotify.outbox.OutboxSetupException;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/**
 * A {@link AbstractFailureAnalyzer} for {@link OutboxSetupException}.
 */
final class OutboxFailureAnalyzer extends AbstractFailureAnalyzer<OutboxSetupException> {

	private final Environment environment;

	OutboxFailureAnalyzer(Environment environment) {
		this.environment = environment;
	}

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, OutboxSetupException cause) {
		String property = cause.getProperty();
		String origin = (property != null) ? PropertyOrigin.of(this.environment, property) : "";
		return new FailureAnalysis(cause.getMessage() + origin, cause.getAction(), cause);
	}

}
