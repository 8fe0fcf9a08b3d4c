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

import java.util.Map;

import javax.sql.DataSource;

import jakarta.persistence.Entity;
import jakarta.persistence.EntityManagerFactory;
import jakarta.persistence.Id;

import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;
import org.springframework.orm.jpa.persistenceunit.PersistenceManagedTypes;
import org.springframework.orm.jpa.vendor.HibernateJpaVendorAdapter;

/**
 * Hibernate with one entity, and transactions by its manager, for an {@link Instance}.
 */
@Configuration(proxyBeanMethods = false)
public class JpaApplication {

	/**
	 * Create the entity's table.
	 */
	public static void createTable(TestDatabase database) {
		database.jdbc().execute("CREATE TABLE note (id text PRIMARY KEY, text text)");
	}

	/**
	 * Have an application use JPA.
	 */
	public static void addTo(SpringApplicationBuilder application) {
		application.sources(JpaApplication.class);
	}

	/**
	 * Create another factory on an instance's DataSource.
	 */
	public static EntityManagerFactory newEntityManagerFactory(Instance instance) {
		LocalContainerEntityManagerFactoryBean factory = new JpaApplication()
			.entityManagerFactory(instance.bean(DataSource.class));
		factory.afterPropertiesSet();
		return factory.getObject();
	}

	@Bean
	LocalContainerEntityManagerFactoryBean entityManagerFactory(DataSource dataSource) {
		LocalContainerEntityManagerFactoryBean factory = new LocalContainerEntityManagerFactoryBean();
		factory.setDataSource(dataSource);
		factory.setManagedTypes(PersistenceManagedTypes.of(Note.class.getName()));
		factory.setJpaVendorAdapter(new HibernateJpaVendorAdapter());
		factory.setJpaPropertyMap(Map.of("hibernate.hbm2ddl.auto", "none"));
		return factory;
	}

	@Bean
	JpaTransactionManager transactionManager(EntityManagerFactory entityManagerFactory) {
		return new JpaTransactionManager(entityManagerFactory);
	}

	/**
	 * An entity.
	 */
	@Entity(name = "note")
	public static class Note {

		@Id
		private String id;

		private String text;

		protected Note() {
		}

		public Note(String id, String text) {
			this.id = id;
			this.text = text;
		}

		public String getText() {
			return this.text;
		}

		public void setText(String text) {
			this.text = text;
		}

	}

}
