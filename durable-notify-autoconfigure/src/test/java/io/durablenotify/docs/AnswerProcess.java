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

import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.SseClient;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

/**
 * An application that serves an answer to itself, and prints what it receives. Its
 * arguments are the controller's class and properties.
 */
final class AnswerProcess {

	private AnswerProcess() {
	}

	public static void main(String[] arguments) throws ClassNotFoundException {
		Class<?>[] sources = { Application.class, Class.forName(arguments[0]) };
		try (ConfigurableApplicationContext context = SpringApplication.run(sources, arguments)) {
			StreamWriter writer = context.getBean(StreamWriter.class);
			writer.delete("answers/42");
			writer.append("answers/42", "Hello");
			writer.complete("answers/42");
			int port = ((WebServerApplicationContext) context).getWebServer().getPort();
			try (SseClient client = SseClient.open("http://127.0.0.1:%d/answers/42".formatted(port), null).awaitEnd()) {
				System.out.printf("%s: %s%n", context.getClass().getSimpleName(), client.events());
			}
		}
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class Application {

	}

}
