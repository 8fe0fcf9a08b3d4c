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

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.sql.init.dependency.DatabaseInitializerDetector;
import org.springframework.core.Ordered;
import org.springframework.util.StringUtils;

/**
 * Keeps our schema the first, where {@link SchemaInitializerDetector} has detected it.
 * With {@code spring.jpa.defer-datasource-initialization}, Boot has made all that it
 * detects depend on the {@code EntityManagerFactory}, which comes after us.
 */
final class SchemaFirstDetector implements DatabaseInitializerDetector {

	@Override
	public int getOrder() {
		return Ordered.LOWEST_PRECEDENCE;
	}

	@Override
	public Set<String> detect(ConfigurableListableBeanFactory beanFactory) {
		return Set.of();
	}

	@Override
	public void detectionComplete(ConfigurableListableBeanFactory beanFactory, Set<String> initializers) {
		if (!initializers.contains(SchemaInitializerDetector.INITIALIZER)) {
			return;
		}
		BeanDefinition definition = beanFactory.getBeanDefinition(SchemaInitializerDetector.INITIALIZER);
		if (definition.getDependsOn() != null) {
			Set<String> others = new LinkedHashSet<>(List.of(definition.getDependsOn()));
			others.removeAll(initializers);
			definition.setDependsOn(StringUtils.toStringArray(others));
		}
	}

}
