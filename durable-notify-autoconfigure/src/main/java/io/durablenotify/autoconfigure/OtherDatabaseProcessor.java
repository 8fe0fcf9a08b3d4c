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
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.config.InstantiationAwareBeanPostProcessor;
import org.springframework.beans.factory.support.RootBeanDefinition;

/**
 * Makes our beans that need PostgreSQL {@code null} where the DataSource leads to another
 * database. A bean that asks for one optionally gets none, and for one that requires it
 * {@link PostgresRequiredFailureAnalyzer} says why it is missing. The database is asked
 * what it is when the first of our beans is needed.
 */
final class OtherDatabaseProcessor implements InstantiationAwareBeanPostProcessor {

	private static final String PRODUCT = OtherDatabaseProcessor.class.getName() + ".product";

	private final ConfigurableListableBeanFactory beanFactory;

	/**
	 * Not asked for earlier: it would create the DataSource, for which it is too early
	 * while other post-processors are created.
	 */
	private final ObjectProvider<DatabaseProduct> product;

	OtherDatabaseProcessor(ConfigurableListableBeanFactory beanFactory, ObjectProvider<DatabaseProduct> product) {
		this.beanFactory = beanFactory;
		this.product = product;
	}

	@Override
	public @Nullable Object postProcessBeforeInstantiation(Class<?> beanClass, String beanName) {
		if (this.beanFactory.containsBeanDefinition(beanName)
				&& this.beanFactory.getMergedBeanDefinition(beanName) instanceof RootBeanDefinition definition
				&& PostgresBeans.isOne(definition)) {
			DatabaseProduct product = this.product.getObject();
			if (!product.isPostgres()) {
				// Spring makes null of it, and creates nothing that the bean depends on
				definition.setInstanceSupplier(() -> null);
				this.beanFactory.getBeanDefinition(beanName).setAttribute(PRODUCT, product);
			}
		}
		return null;
	}

	/**
	 * Return the database because of which a bean is {@code null}, if it is.
	 */
	static @Nullable DatabaseProduct product(BeanDefinition definition) {
		return (DatabaseProduct) definition.getAttribute(PRODUCT);
	}

}
