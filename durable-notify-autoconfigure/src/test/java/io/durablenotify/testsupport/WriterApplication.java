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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamWriter;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.task.TaskExecutionAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * An application that writes a stream in a task of one of its executors, as an answer of
 * a model is written: a word now and then, in README's try-with-resources. Its arguments
 * are the stream's name and properties.
 */
public final class WriterApplication {

	private WriterApplication() {
	}

	public static void main(String[] arguments) {
		String stream = arguments[0];
		SpringApplication application = new SpringApplication(Application.class);
		application.setWebApplicationType(WebApplicationType.NONE);
		ConfigurableApplicationContext context = application.run(Arrays.copyOfRange(arguments, 1, arguments.length));
		StreamWriter writer = context.getBean(StreamWriter.class);
		String bean = context.getEnvironment().getProperty("test.executor", "applicationTaskExecutor");
		long words = context.getEnvironment().getProperty("test.words", Long.class, Long.MAX_VALUE);
		long pause = context.getEnvironment().getProperty("test.pause", Long.class, 10L);
		boolean complete = context.getEnvironment().getProperty("test.complete", Boolean.class, false);
		context.getBean(bean, Executor.class).execute(() -> write(writer, stream, words, pause, complete));
	}

	private static void write(StreamWriter writer, String stream, long words, long pause, boolean complete) {
		try (StreamAppender answer = writer.appender(stream)) {
			answer.onEnded(() -> System.out.println("ended without the appender"));
			for (long i = 0; i < words; i++) {
				answer.append("word " + i);
				if (i == 0) {
					System.out.println("writing");
				}
				pause(pause);
			}
			if (!complete) {
				pause(Long.MAX_VALUE);
			}
			answer.complete();
		}
		catch (RuntimeException ex) {
			System.out.println("writer: " + ex);
		}
	}

	/**
	 * Also when the thread is interrupted: a task that does not listen.
	 */
	private static void pause(long millis) {
		CountDownLatch never = new CountDownLatch(1);
		long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
		for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
			try {
				never.await(left, TimeUnit.NANOSECONDS);
			}
			catch (InterruptedException ex) {
				// Goes on writing
			}
		}
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, TaskExecutionAutoConfiguration.class,
			DurableNotifyAutoConfiguration.class })
	static class Application {

		/**
		 * One that knows nothing of Spring.
		 */
		@Bean(destroyMethod = "shutdown", defaultCandidate = false)
		@ConditionalOnProperty(name = "test.executor", havingValue = "plainExecutor")
		Executor plainExecutor() {
			return Executors.newCachedThreadPool();
		}

	}

}
