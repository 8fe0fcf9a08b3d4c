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

import io.durablenotify.schema.PostgresRequiredException;

import org.springframework.beans.factory.BeanCreationException;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * A {@link AbstractFailureAnalyzer} for {@link PostgresRequiredException}.
 */
final class PostgresRequiredFailureAnalyzer extends AbstractFailureAnalyzer<PostgresRequiredException> {

	private final BeanFactory beanFactory;

	PostgresRequiredFailureAnalyzer(BeanFactory beanFactory) {
		this.beanFactory = beanFactory;
	}

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, PostgresRequiredException cause) {
		String asked = asked(rootFailure);
		return new FailureAnalysis(cause.getMessage(asked),
				"Use PostgreSQL, or do without %s on other databases.".formatted(asked), cause);
	}

	/**
	 * The outermost of our beans is the one that the application asked for.
	 */
	private String asked(Throwable rootFailure) {
		for (Throwable failure = rootFailure; failure != null; failure = failure.getCause()) {
			if (failure instanceof BeanCreationException creation && creation.getBeanName() != null
					&& PostgresBeans.isOurs(creation.getBeanName())) {
				Class<?> type = this.beanFactory.getType(creation.getBeanName());
				return (type != null) ? type.getSimpleName() : creation.getBeanName();
			}
		}
		return "durable-notify";
	}

}
