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
package io.durablenotify.actuate;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.Principal;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DurableNotifyEndpoint} and its page where applications put them, and
 * for whom.
 */
class EndpointWebTests {

	private static final String STREAM = "reader-of-the-test";

	@Fixture
	private static TestDatabase database;

	private static Instance start(WebApplicationType type, Class<?> source, String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		all.addAll(List.of("server.port=0", "server.address=127.0.0.1",
				"management.endpoints.web.exposure.include=durablenotify,durablenotifyconsole"));
		Instance instance = Instance.start(database, (application) -> application.web(type).sources(source),
				all.toArray(String[]::new));
		instance.reader().subscribe(STREAM, StreamPosition.start(), new RecordingHandler());
		return instance;
	}

	private static HttpResponse<String> get(int port, String path, @Nullable String user) {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
		if (user != null) {
			request.header("X-User", user);
		}
		return HttpClient.newHttpClient().sendAsync(request.build(), BodyHandlers.ofString()).join();
	}

	private static int port(Instance instance) {
		return ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
	}

	@Test
	void areOnAPortAndAPathOfTheManagement() {
		try (Instance instance = start(WebApplicationType.SERVLET, Application.class, "management.server.port=0",
				"management.server.address=127.0.0.1", "management.endpoints.web.base-path=/manage",
				"management.endpoints.web.path-mapping.durablenotify=live",
				"management.endpoints.web.path-mapping.durablenotifyconsole=ops/console")) {
			int management = instance.context().getEnvironment().getProperty("local.management.port", Integer.class, 0);
			assertThat(management).isNotZero().isNotEqualTo(port(instance));
			assertThat(get(management, "/manage/live/streams", null).body()).contains("RecordingHandler");
			assertThat(get(management, "/manage/ops/console", null).body()).contains("const base = \"../live\"");
			assertThat(get(port(instance), "/manage/live", null).statusCode()).isEqualTo(404);
		}
	}

	@Test
	void areThereInAReactiveApplication() {
		try (Instance instance = start(WebApplicationType.REACTIVE, Application.class,
				"management.endpoint.durablenotify.show-values=always")) {
			assertThat(get(port(instance), "/actuator/durablenotify/streams", null).body()).contains(STREAM);
			HttpResponse<String> page = get(port(instance), "/actuator/durablenotifyconsole", null);
			assertThat(page.headers().firstValue("Content-Type").orElse("")).startsWith("text/html");
			assertThat(page.body()).contains("Content-Security-Policy");
		}
	}

	@Test
	void namesAreForUsersInTheRole() {
		try (Instance instance = start(WebApplicationType.SERVLET, Users.class,
				"management.endpoint.durablenotify.show-values=when-authorized",
				"management.endpoint.durablenotify.roles=OPERATOR")) {
			String path = "/actuator/durablenotify/streams";
			assertThat(get(port(instance), path, null).body()).contains("******").doesNotContain(STREAM);
			assertThat(get(port(instance), path, "reader").body()).contains("******").doesNotContain(STREAM);
			assertThat(get(port(instance), path, "operator").body()).contains(STREAM);
		}
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class Application {

	}

	/**
	 * The user operator has the role OPERATOR.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class Users {

		@Bean
		Filter users() {
			return (request, response, chain) -> {
				String user = ((HttpServletRequest) request).getHeader("X-User");
				chain.doFilter((user != null) ? new UserRequest((HttpServletRequest) request, user) : request,
						response);
			};
		}

	}

	private static final class UserRequest extends HttpServletRequestWrapper {

		private final String user;

		private UserRequest(HttpServletRequest request, String user) {
			super(request);
			this.user = user;
		}

		@Override
		public Principal getUserPrincipal() {
			return () -> this.user;
		}

		@Override
		public boolean isUserInRole(String role) {
			return role.toLowerCase().equals(this.user);
		}

	}

}
