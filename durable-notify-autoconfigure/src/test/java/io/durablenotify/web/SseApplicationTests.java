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

package io.durablenotify.web;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Stream;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.JpaApplication;
import io.durablenotify.testsupport.JpaApplication.Note;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.TestDatabase;
import jakarta.persistence.EntityManagerFactory;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.StringHttpMessageConverter;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configuration.EnableWebSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.orm.jpa.EntityManagerFactoryUtils;
import org.springframework.orm.jpa.support.OpenEntityManagerInViewInterceptor;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.authentication.UsernamePasswordAuthenticationFilter;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.MvcResult;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;
import org.springframework.ui.ModelMap;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.context.request.WebRequest;
import org.springframework.web.filter.ShallowEtagHeaderFilter;
import org.springframework.web.context.request.WebRequestInterceptor;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import org.springframework.web.util.ContentCachingResponseWrapper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.asyncDispatch;
import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.get;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.request;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.status;

/**
 * {@link SseStreams} in applications that have set up Spring MVC, filters and security in
 * their own way.
 */
@ExtendWith(OutputCaptureExtension.class)
class SseApplicationTests {

	private static final String TEXT = "Grüße € 你好";

	@Fixture
	private static TestDatabase database;

	private static Instance start(Class<?>... sources) {
		return Instance.start(database,
				(application) -> application.web(WebApplicationType.SERVLET)
					.sources(Stream.concat(Stream.of(Application.class), Arrays.stream(sources))
						.toArray(Class<?>[]::new)),
				"server.port=0", "server.address=127.0.0.1", "durable-notify.sse.heartbeat-interval=50ms");
	}

	private static SseClient open(Instance instance, String stream) {
		int port = ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
		return SseClient.open("http://127.0.0.1:%d/sse?stream=%s".formatted(port, stream), null);
	}

	private static void assertThatTextArrivesWhole(Instance instance, String stream) {
		StreamWriter writer = instance.writer();
		writer.append(stream, TEXT);
		try (SseClient client = open(instance, stream).awaitMessages(1)) {
			for (int i = 0; i < 20; i++) {
				writer.append(stream, TEXT);
			}
			writer.append(stream, "x".repeat(300_000));
			writer.complete(stream);
			client.awaitEnd();
			assertThat(client.messages()).hasSize(22).startsWith(TEXT, TEXT);
			assertThat(client.messages().get(21)).hasSize(300_000);
			assertThat(client.events().get(22).type()).isEqualTo("complete");
		}
		Eventually.await(() -> instance.bean(SseConnections.class).count() == 0,
				() -> instance.bean(SseConnections.class).count());
	}

	@ParameterizedTest
	@ValueSource(classes = { OwnConverter.class, OwnWebMvc.class })
	void textIsUtf8WhateverConvertersThereAre(Class<?> configuration) {
		try (Instance instance = start(configuration)) {
			assertThatTextArrivesWhole(instance, configuration.getSimpleName());
		}
	}

	@ParameterizedTest
	@ValueSource(classes = { IgnoringFilter.class, NeverReadyFilter.class, PassingFilter.class, CachingFilter.class })
	void aResponseThatAFilterWrapsIsWritten(Class<?> configuration) {
		try (Instance instance = start(configuration)) {
			assertThatTextArrivesWhole(instance, configuration.getSimpleName());
		}
	}

	@Test
	void aResponseThatAFilterKeepsInMemoryIsAnErrorThatSaysSo(CapturedOutput output) {
		try (Instance instance = start(RecordingFilter.class)) {
			instance.writer().append("recorded", "a");
			try (SseClient client = open(instance, "recorded").awaitEnd()) {
				assertThat(client.status()).isEqualTo(500);
			}
			assertThat(instance.bean(SseConnections.class).count()).isZero();
		}
		assertThat(output).contains("Events cannot be sent by a response of type "
				+ ContentCachingResponseWrapper.class.getName() + ", which keeps them in memory. Exempt this request ");
	}

	@Test
	void aStatelessSecurityFilterDisturbsNoEnd(CapturedOutput output) {
		try (Instance instance = start(StatelessSecurity.class)) {
			assertThatTextArrivesWhole(instance, "secured");
			instance.writer().append("secured-and-left", "a");
			// The container may notice it first, or a write may
			for (int i = 0; i < 50; i++) {
				SseClient client = open(instance, "secured-and-left").awaitMessages(1);
				if (i % 2 == 0) {
					instance.writer().append("secured-and-left", "a");
				}
				client.close();
			}
			Eventually.await(() -> instance.bean(SseConnections.class).count() == 0,
					() -> instance.bean(SseConnections.class).count());
		}
		assertThat(output).doesNotContain("ERROR").doesNotContain("AccessDenied");
	}

	@ParameterizedTest
	@ValueSource(classes = { IgnoringFilter.class, OwnConverter.class })
	void aResponseThatIsCompletedBeforeItIsWrittenEnds(Class<?> configuration) {
		try (Instance instance = start(configuration)) {
			String stream = "completed/" + configuration.getSimpleName();
			instance.writer().append(stream, "a");
			try (SseClient client = open(instance, stream + "&completed=true").awaitEnd()) {
				assertThat(client.status()).isEqualTo(200);
			}
			Eventually.await(() -> instance.bean(SseConnections.class).count() == 0,
					() -> instance.bean(SseConnections.class).count());
		}
	}

	@Test
	void aMockResponseIsWritten() throws Exception {
		try (Instance instance = start()) {
			StreamWriter writer = instance.writer();
			writer.append("mock", TEXT);
			MockMvc mvc = MockMvcBuilders.webAppContextSetup((WebApplicationContext) instance.context()).build();
			MvcResult result = mvc.perform(get("/sse").param("stream", "mock"))
				.andExpect(request().asyncStarted())
				.andExpect(status().isOk())
				.andReturn();
			Eventually.await(() -> content(result).contains(TEXT), () -> content(result));
			writer.complete("mock");
			result.getAsyncResult(30_000);
			mvc.perform(asyncDispatch(result)).andExpect(status().isOk());
			assertThat(content(result)).contains("event:complete");
			assertThat(result.getResponse().getContentType()).isEqualTo("text/event-stream");
			mvc.perform(get("/sse").param("stream", "no-such")).andExpect(status().isNotFound());
		}
	}

	@Test
	void aConnectionThatARequestHoldsIsWarnedOfOnce(CapturedOutput output) {
		JpaApplication.createTable(database);
		try (Instance instance = start(JpaApplication.class, OpenInView.class)) {
			instance.writer().append("in-view", "a");
			instance.writer().complete("in-view");
			open(instance, "in-view").awaitEnd().close();
			assertThat(output).doesNotContain("spring.jpa.open-in-view");
			for (int i = 0; i < 3; i++) {
				open(instance, "in-view&query=true").awaitEnd().close();
			}
			assertThat(output.getOut()).containsOnlyOnce("Set spring.jpa.open-in-view=false");
			// The end of each response has given its connection back
			HikariPoolMXBean pool = instance.bean(HikariDataSource.class).getHikariPoolMXBean();
			Eventually.await(() -> pool.getActiveConnections() == 0, pool::getActiveConnections);
		}
	}

	private static String content(MvcResult result) {
		return new String(result.getResponse().getContentAsByteArray(), StandardCharsets.UTF_8);
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class Application {

		@Bean
		Controller controller(SseStreams streams) {
			return new Controller(streams);
		}

	}

	@RestController
	record Controller(SseStreams streams) {

		@GetMapping("/sse")
		ResponseEntity<SseEmitter> sse(@RequestParam String stream,
				@RequestParam(defaultValue = "false") boolean completed,
				@RequestHeader(name = "Last-Event-ID", required = false) String lastEventId) {
			ResponseEntity<SseEmitter> response = this.streams.respond(stream, lastEventId);
			if (completed) {
				response.getBody().complete();
			}
			return response;
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class OwnConverter {

		@Bean
		StringHttpMessageConverter converter() {
			return new StringHttpMessageConverter(StandardCharsets.ISO_8859_1);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableWebMvc
	static class OwnWebMvc {

	}

	@Configuration(proxyBeanMethods = false)
	static class OpenInView {

		@Bean
		WebMvcConfigurer openInView(EntityManagerFactory factory) {
			OpenEntityManagerInViewInterceptor interceptor = new OpenEntityManagerInViewInterceptor();
			interceptor.setEntityManagerFactory(factory);
			return new WebMvcConfigurer() {

				@Override
				public void addInterceptors(InterceptorRegistry registry) {
					registry.addWebRequestInterceptor(interceptor);
					registry.addWebRequestInterceptor(new QueryingInterceptor(factory));
				}

			};
		}

	}

	/**
	 * Reads an entity as a handler method would, if the request asks for that.
	 */
	private record QueryingInterceptor(EntityManagerFactory factory) implements WebRequestInterceptor {

		@Override
		public void preHandle(WebRequest request) {
			if (request.getParameter("query") != null) {
				EntityManagerFactoryUtils.getTransactionalEntityManager(this.factory).find(Note.class, "1");
			}
		}

		@Override
		public void postHandle(WebRequest request, ModelMap model) {
		}

		@Override
		public void afterCompletion(WebRequest request, Exception failure) {
		}

	}

	private static FilterRegistrationBean<Filter> wrapping(boolean ready, boolean passing) {
		FilterRegistrationBean<Filter> registration = new FilterRegistrationBean<>((request, response, chain) -> chain
			.doFilter(request, new Wrapper((HttpServletResponse) response, ready, passing)));
		registration.setAsyncSupported(true);
		return registration;
	}

	@Configuration(proxyBeanMethods = false)
	static class IgnoringFilter {

		@Bean
		FilterRegistrationBean<Filter> filter() {
			return wrapping(true, false);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class NeverReadyFilter {

		@Bean
		FilterRegistrationBean<Filter> filter() {
			return wrapping(false, false);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class PassingFilter {

		@Bean
		FilterRegistrationBean<Filter> filter() {
			return wrapping(false, true);
		}

	}

	/**
	 * Keeps a response, to compute its ETag, unless it is told that events come.
	 */
	@Configuration(proxyBeanMethods = false)
	static class CachingFilter {

		@Bean
		FilterRegistrationBean<Filter> filter() {
			FilterRegistrationBean<Filter> registration = new FilterRegistrationBean<>(new ShallowEtagHeaderFilter());
			registration.setAsyncSupported(true);
			return registration;
		}

	}

	/**
	 * Keeps all responses, as to log them.
	 */
	@Configuration(proxyBeanMethods = false)
	static class RecordingFilter {

		@Bean
		FilterRegistrationBean<Filter> filter() {
			FilterRegistrationBean<Filter> registration = new FilterRegistrationBean<>((request, response, chain) -> {
				ContentCachingResponseWrapper wrapper = new ContentCachingResponseWrapper(
						(HttpServletResponse) response);
				chain.doFilter(request, wrapper);
				wrapper.copyBodyToResponse();
			});
			registration.setAsyncSupported(true);
			return registration;
		}

	}

	private static final class Wrapper extends HttpServletResponseWrapper {

		private final boolean ready;

		private final boolean passing;

		private ServletOutputStream output;

		Wrapper(HttpServletResponse response, boolean ready, boolean passing) {
			super(response);
			this.ready = ready;
			this.passing = passing;
		}

		@Override
		public ServletOutputStream getOutputStream() throws IOException {
			if (this.output == null) {
				this.output = new WrappedStream(super.getOutputStream(), this.ready, this.passing);
			}
			return this.output;
		}

	}

	private static final class WrappedStream extends ServletOutputStream {

		private final ServletOutputStream delegate;

		private final boolean ready;

		private final boolean passing;

		WrappedStream(ServletOutputStream delegate, boolean ready, boolean passing) {
			this.delegate = delegate;
			this.ready = ready;
			this.passing = passing;
		}

		@Override
		public boolean isReady() {
			return (this.passing) ? this.delegate.isReady() : this.ready;
		}

		@Override
		public void setWriteListener(WriteListener listener) {
			if (this.passing) {
				this.delegate.setWriteListener(listener);
			}
		}

		@Override
		public void write(int value) throws IOException {
			this.delegate.write(value);
		}

		@Override
		public void write(byte[] bytes, int offset, int length) throws IOException {
			this.delegate.write(bytes, offset, length);
		}

		@Override
		public void flush() throws IOException {
			this.delegate.flush();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableWebSecurity
	static class StatelessSecurity {

		@Bean
		SecurityFilterChain chain(HttpSecurity http) throws Exception {
			return http.authorizeHttpRequests((requests) -> requests.anyRequest().authenticated())
				.sessionManagement((session) -> session.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
				// As a filter of tokens: once per request, and not for its dispatches
				.addFilterBefore((request, response, next) -> {
					if (request.getDispatcherType() == DispatcherType.REQUEST) {
						SecurityContextHolder.getContext()
							.setAuthentication(
									UsernamePasswordAuthenticationToken.authenticated("user", null, List.of()));
					}
					next.doFilter(request, response);
				}, UsernamePasswordAuthenticationFilter.class)
				.build();
		}

		@Bean
		FilterRegistrationBean<Filter> registration(Filter springSecurityFilterChain) {
			FilterRegistrationBean<Filter> registration = new FilterRegistrationBean<>(springSecurityFilterChain);
			registration.setDispatcherTypes(EnumSet.allOf(DispatcherType.class));
			registration.setAsyncSupported(true);
			return registration;
		}

	}

}
