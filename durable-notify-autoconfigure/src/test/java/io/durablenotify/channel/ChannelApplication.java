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
package io.durablenotify.channel;

import java.util.concurrent.locks.LockSupport;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.testsupport.Eventually;

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
 * An application that handles a message of each mode in a transaction, and does not
 * return: each becomes a row of the table {@code effects} that is never committed.
 */
final class ChannelApplication {

	private ChannelApplication() {
	}

	public static void main(String[] arguments) throws Exception {
		SpringApplication application = new SpringApplication(Application.class);
		application.setWebApplicationType(WebApplicationType.NONE);
		application.setKeepAlive(true);
		ConfigurableApplicationContext context = application.run(arguments);
		JdbcTemplate jdbc = context.getBean(JdbcTemplate.class);
		DurableChannels channels = context.getBean(DurableChannels.class);
		MessageHandler handler = (message) -> {
			jdbc.update("INSERT INTO effects VALUES (?, 'process')", message.text());
			System.out.println("handling " + message.text());
			while (true) {
				LockSupport.park();
			}
		};
		channels.compete("competing", (spec) -> spec.inTransaction(), handler);
		channels.subscribe("broadcast", "a", (consumer) -> consumer.inTransaction(), handler);
		channels.handle("handled", (spec) -> spec.inTransaction(), handler);
		channels.receive("received", "a", Eventually.TIMEOUT, handler);
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class,
			JdbcTemplateAutoConfiguration.class, TransactionAutoConfiguration.class,
			DurableNotifyAutoConfiguration.class })
	static class Application {

	}

}
