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

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcTemplateAutoConfiguration;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;

/**
 * An application that handles a queue in transactions: each item becomes a row of the
 * table {@code effects}, some time before its transaction commits. The item {@code pill}
 * ends the process. Its arguments are the queue's name and properties.
 */
public final class WorkerApplication {

	private WorkerApplication() {
	}

	public static void main(String[] arguments) {
		SpringApplication application = new SpringApplication(Application.class);
		application.setWebApplicationType(WebApplicationType.NONE);
		application.setKeepAlive(true);
		ConfigurableApplicationContext context = application.run(Arrays.copyOfRange(arguments, 1, arguments.length));
		JdbcTemplate jdbc = context.getBean(JdbcTemplate.class);
		long pause = context.getEnvironment().getProperty("test.pause", Long.class, 0L);
		context.getBean(WorkListeners.class)
			.register(WorkListenerSpec.of(arguments[0]).inTransaction(), (item) -> handle(jdbc, item, pause));
		System.out.println("listening");
	}

	private static WorkOutcome handle(JdbcTemplate jdbc, WorkItem item, long pause) {
		jdbc.update("INSERT INTO effects (item, holder) VALUES (?, ?)", new String(item.payload()),
				String.valueOf(ProcessHandle.current().pid()));
		System.out.println("handling " + new String(item.payload()));
		if ("pill".equals(new String(item.payload()))) {
			LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
			Runtime.getRuntime().halt(1);
		}
		LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(pause));
		return WorkOutcome.done();
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class,
			JdbcTemplateAutoConfiguration.class, TransactionAutoConfiguration.class,
			DurableNotifyAutoConfiguration.class })
	static class Application {

	}

}
