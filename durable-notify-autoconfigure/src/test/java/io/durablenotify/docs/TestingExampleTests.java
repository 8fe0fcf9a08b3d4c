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

package io.durablenotify.docs;

import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.transaction.TestTransaction;
import org.springframework.transaction.annotation.Transactional;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what docs/testing.md says of tests of applications. On the thread that begins
 * the transaction of a test.
 */
@SpringBootTest(webEnvironment = WebEnvironment.NONE)
@DirtiesContext
@Timeout(value = 60, threadMode = ThreadMode.SAME_THREAD)
class TestingExampleTests {

	@Autowired
	private WorkQueue work;

	@Autowired
	private Application application;

	@Test
	void whatIsCommittedIsHandled() throws InterruptedException {
		this.work.enqueue(WorkRequest.of("mail", "committed"));
		assertThat(this.application.handled.poll(30, TimeUnit.SECONDS)).isEqualTo("committed");
	}

	@Test
	@Transactional
	void aTransactionalTestMustCommitToHaveItsItemHandled() throws InterruptedException {
		this.work.enqueue(WorkRequest.of("mail", "rolled back"));
		TestTransaction.end();
		TestTransaction.start();
		// tag::commit[]
		this.work.enqueue(WorkRequest.of("mail", "bob"));
		TestTransaction.flagForCommit();
		TestTransaction.end();
		assertThat(this.application.handled.poll(30, TimeUnit.SECONDS)).isEqualTo("bob");
		// end::commit[]
	}

	// tag::database[]
	@TestConfiguration(proxyBeanMethods = false)
	static class Database {

		@Bean
		EmbeddedPostgres server() throws IOException { // closed after what uses it
			return EmbeddedPostgres.start();
		}

		@Bean
		JdbcConnectionDetails connectionDetails(EmbeddedPostgres server) {
			return new JdbcConnectionDetails() {

				@Override
				public String getJdbcUrl() {
					return server.getJdbcUrl("postgres", "postgres");
				}

				@Override
				public String getUsername() {
					return "postgres";
				}

				@Override
				public String getPassword() {
					return "";
				}

			};
		}

	}
	// end::database[]

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import(Database.class)
	static class Application {

		private final BlockingQueue<String> handled = new LinkedBlockingQueue<>();

		@WorkListener("mail")
		void on(String payload) {
			this.handled.add(payload);
		}

	}

}
