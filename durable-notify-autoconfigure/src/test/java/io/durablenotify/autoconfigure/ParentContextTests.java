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

import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for an application context with a child, both with the auto-configuration.
 */
class ParentContextTests {

	@Fixture
	private static TestDatabase database;

	private static final List<String> seen = new CopyOnWriteArrayList<>();

	@ParameterizedTest
	@EnumSource(names = { "NONE", "SERVLET" })
	void handlersOfBothAreCalled(WebApplicationType type) {
		seen.clear();
		SpringApplicationBuilder parent = new SpringApplicationBuilder(Parent.class).web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.properties("spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=1",
					"server.port=0", "durable-notify.outbox.http.orders.url=http://127.0.0.1:9/events");
		try (ConfigurableApplicationContext context = parent.run();
				ConfigurableApplicationContext child = new SpringApplicationBuilder(Child.class).parent(context)
					.web(type)
					.registerShutdownHook(false)
					.run()) {
			child.getBean(ChangeNotifier.class).publish("profiles", "7");
			child.getBean(WorkQueue.class).enqueue(WorkRequest.of("mail", "bob"));
			child.getBean(DurableTimers.class).set("sleep", "wf", "t", Instant.EPOCH);
			Eventually.await(() -> seen.size() == 3, () -> seen);
			assertThat(seen).containsExactlyInAnyOrder("profiles/7", "bob", "wf");
		}
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import(Sleeping.class)
	static class Parent {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import(Listening.class)
	static class Child {

	}

	static class Sleeping implements TimerHandler {

		@Override
		public String name() {
			return "sleep";
		}

		@Override
		public void onTimer(Timer timer) {
			seen.add(timer.instanceId());
		}

	}

	static class Listening {

		@ChangeListener("profiles")
		void on(Change change) {
			seen.add("profiles/" + change.key());
		}

		@WorkListener("mail")
		void on(String recipient) {
			seen.add(recipient);
		}

	}

}
