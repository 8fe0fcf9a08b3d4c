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

package io.durablenotify.stream;

import java.util.Map;
import java.util.Set;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.ConstructorArgumentValues;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.beans.factory.support.AutowireCandidateQualifier;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.ImportBeanDefinitionRegistrar;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotationMetadata;

/**
 * Registers a reader and a writer for each family in the environment, unless the
 * application has one with that qualifier. They are no default candidates, so that
 * injection by type stays as it is. Whether the families' settings can be used is found
 * out when the beans are created.
 */
final class StreamFamilyRegistrar implements ImportBeanDefinitionRegistrar {

	private static final String FAMILIES = "durable-notify.streams.families";

	private final Environment environment;

	private final ListableBeanFactory beanFactory;

	StreamFamilyRegistrar(Environment environment, BeanFactory beanFactory) {
		this.environment = environment;
		this.beanFactory = (ListableBeanFactory) beanFactory;
	}

	@Override
	public void registerBeanDefinitions(AnnotationMetadata importingClassMetadata, BeanDefinitionRegistry registry) {
		for (String family : families()) {
			register(registry, StreamReader.class, "familyReader", family);
			register(registry, StreamWriter.class, "familyWriter", family);
		}
	}

	private Set<String> families() {
		return Binder.get(this.environment)
			.bind(FAMILIES, Bindable.mapOf(String.class, Object.class))
			.map(Map::keySet)
			.orElse(Set.of());
	}

	private void register(BeanDefinitionRegistry registry, Class<?> type, String factoryMethod, String family) {
		String beanName = "durableNotify%s.%s".formatted(type.getSimpleName(), family);
		if (registry.containsBeanDefinition(beanName) || isDefined(type, family)) {
			return;
		}
		RootBeanDefinition definition = new RootBeanDefinition(StreamConfiguration.class);
		definition.setFactoryMethodName(factoryMethod);
		definition.setAutowireMode(AbstractBeanDefinition.AUTOWIRE_CONSTRUCTOR);
		ConstructorArgumentValues arguments = definition.getConstructorArgumentValues();
		arguments.addIndexedArgumentValue(0, family);
		definition.addQualifier(new AutowireCandidateQualifier(Qualifier.class, family));
		definition.setDefaultCandidate(false);
		definition.setLazyInit(true);
		registry.registerBeanDefinition(beanName, definition);
	}

	private boolean isDefined(Class<?> type, String family) {
		for (String beanName : this.beanFactory.getBeanNamesForType(type, true, false)) {
			if (BeanFactoryAnnotationUtils.isQualifierMatch(family::equals, beanName, this.beanFactory)) {
				return true;
			}
		}
		return false;
	}

}
