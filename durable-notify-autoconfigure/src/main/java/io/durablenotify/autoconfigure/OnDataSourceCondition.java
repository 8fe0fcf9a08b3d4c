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

import java.util.Arrays;
import java.util.Optional;

import javax.sql.DataSource;

import io.durablenotify.DurableNotifyDataSource;

import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.condition.AnyNestedCondition;
import org.springframework.boot.autoconfigure.condition.ConditionMessage;
import org.springframework.boot.autoconfigure.condition.ConditionOutcome;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.autoconfigure.condition.SpringBootCondition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * Matches where it is clear which DataSource is durable-notify's: one has its qualifier,
 * or there is a single candidate.
 */
final class OnDataSourceCondition extends AnyNestedCondition {

	OnDataSourceCondition() {
		super(ConfigurationPhase.REGISTER_BEAN);
	}

	/**
	 * Return the name of a DataSource with the qualifier.
	 */
	static Optional<String> qualified(ConfigurableListableBeanFactory beanFactory) {
		return Arrays
			.stream(BeanFactoryUtils.beanNamesForTypeIncludingAncestors(beanFactory, DataSource.class, true, false))
			.filter((name) -> isQualified(beanFactory, name))
			.findFirst();
	}

	/**
	 * Only the factory that defines a bean knows its factory method.
	 */
	private static boolean isQualified(ConfigurableListableBeanFactory beanFactory, String name) {
		if (!beanFactory.containsLocalBean(name)
				&& beanFactory.getParentBeanFactory() instanceof ConfigurableListableBeanFactory parent) {
			return isQualified(parent, name);
		}
		return beanFactory.findAnnotationOnBean(name, DurableNotifyDataSource.class, false) != null;
	}

	@ConditionalOnSingleCandidate(DataSource.class)
	static class SingleCandidate {

	}

	@Conditional(OnQualifiedDataSourceCondition.class)
	static class Qualified {

	}

	/**
	 * Unlike {@code @ConditionalOnBean}, it finds a bean that is no default candidate.
	 * That is how one has a second DataSource beside Boot's own.
	 */
	static class OnQualifiedDataSourceCondition extends SpringBootCondition {

		@Override
		public ConditionOutcome getMatchOutcome(ConditionContext context, AnnotatedTypeMetadata metadata) {
			ConditionMessage.Builder message = ConditionMessage.forCondition("@DurableNotifyDataSource");
			ConfigurableListableBeanFactory beanFactory = context.getBeanFactory();
			if (beanFactory == null) {
				return ConditionOutcome.noMatch(message.because("there is no bean factory"));
			}
			return qualified(beanFactory).map((name) -> ConditionOutcome.match(message.found("DataSource").items(name)))
				.orElseGet(() -> ConditionOutcome.noMatch(message.didNotFind("DataSource").atAll()));
		}

	}

}
