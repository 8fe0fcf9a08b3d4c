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

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Applications that have WebFlux and not Spring MVC, or the other way round, in JVMs of
 * their own.
 */
class WebStackTests {

	@Fixture
	private static TestDatabase database;

	@Test
	void webFluxNeedsNeitherSpringMvcNorTheServletApi() throws IOException {
		assertThat(run(ReactiveAnswerController.class, WebServer.NETTY, "webmvc|servlet|tomcat|jetty|security"))
			.contains("ReactiveWebServerApplicationContext: [Event[", "data=Hello", "type=complete");
	}

	@Test
	void springMvcNeedsNeitherWebFluxNorReactor() throws IOException {
		assertThat(run(AnswerController.class, WebServer.TOMCAT, "webflux|reactor|netty|reactive|http-codec"))
			.contains("ServletWebServerApplicationContext: [Event[", "data=Hello", "type=complete");
	}

	/**
	 * Return what the application prints.
	 * @param without what is in the names of artifacts that the application does not have
	 */
	private static String run(Class<?> controller, WebServer server, String without) throws IOException {
		Pattern missing = Pattern.compile(without);
		String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
			.filter((entry) -> !missing.matcher(Path.of(entry).getFileName().toString()).find())
			.collect(Collectors.joining(File.pathSeparator));
		Process process = new ProcessBuilder(List.of(System.getProperty("java.home") + "/bin/java",
				"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-cp", classPath,
				AnswerProcess.class.getName(), controller.getName(), "--" + server.property(), "--server.port=0",
				"--server.address=127.0.0.1", "--spring.datasource.url=" + database.url()))
			.redirectErrorStream(true)
			.start();
		try {
			return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		}
		finally {
			process.destroyForcibly();
		}
	}

}
