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

import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.PostgresRequiredException;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanCreationException;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanNotOfRequiredTypeException;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.core.ResolvableType;
import org.springframework.core.annotation.Order;

/**
 * A {@link FailureAnalyzer} for beans that need PostgreSQL, on another database. The bean
 * is one that {@link OtherDatabaseProcessor} has made {@code null}, or there is a
 * {@link PostgresRequiredException} since it was asked for before there was a processor.
 * Comes before Boot's for missing beans.
 */
@Order(0)
final class PostgresRequiredFailureAnalyzer implements FailureAnalyzer {

	private final ConfigurableListableBeanFactory beanFactory;

	PostgresRequiredFailureAnalyzer(BeanFactory beanFactory) {
		this.beanFactory = (ConfigurableListableBeanFactory) beanFactory;
	}

	@Override
	public @Nullable FailureAnalysis analyze(Throwable failure) {
		for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
			FailureAnalysis analysis = null;
			if (cause instanceof PostgresRequiredException required) {
				analysis = analysis(required, asked(failure), cause);
			}
			else if (cause instanceof NoSuchBeanDefinitionException missing && missing.getResolvableType() != null) {
				analysis = analysis(element(missing.getResolvableType()), cause);
			}
			else if (cause instanceof BeanNotOfRequiredTypeException unexpected) {
				analysis = analysis(unexpected.getRequiredType(), cause);
			}
			if (analysis != null) {
				return analysis;
			}
		}
		return null;
	}

	/**
	 * In a child context, the bean may be one of its parent's.
	 */
	private @Nullable FailureAnalysis analysis(Class<?> type, Throwable cause) {
		BeanFactory next = this.beanFactory;
		while (next instanceof ConfigurableListableBeanFactory beans) {
			for (String beanName : beans.getBeanNamesForType(type, true, false)) {
				DatabaseProduct product = (beans.containsBeanDefinition(beanName))
						? OtherDatabaseProcessor.product(beans.getBeanDefinition(beanName)) : null;
				if (product != null) {
					return analysis(new PostgresRequiredException(product), type.getSimpleName(), cause);
				}
			}
			next = beans.getParentBeanFactory();
		}
		return null;
	}

	private static FailureAnalysis analysis(PostgresRequiredException required, String asked, Throwable cause) {
		return new FailureAnalysis(required.getMessage(asked),
				"Use PostgreSQL, or do without %s on other databases.".formatted(asked), cause);
	}

	/**
	 * Of a collection or a map, its elements are what is missing.
	 */
	static Class<?> element(ResolvableType type) {
		if (type.isArray()) {
			return element(type.getComponentType());
		}
		ResolvableType[] generics = type.getGenerics();
		return (generics.length > 0) ? element(generics[generics.length - 1]) : type.toClass();
	}

	/**
	 * The outermost of our beans is the one that the application asked for.
	 */
	private String asked(Throwable rootFailure) {
		for (Throwable failure = rootFailure; failure != null; failure = failure.getCause()) {
			if (failure instanceof BeanCreationException creation && creation.getBeanName() != null
					&& this.beanFactory.containsBeanDefinition(creation.getBeanName())
					&& PostgresBeans.isOne(this.beanFactory, creation.getBeanName())) {
				Class<?> type = this.beanFactory.getType(creation.getBeanName());
				return (type != null) ? type.getSimpleName() : creation.getBeanName();
			}
		}
		return "durable-notify";
	}

}
