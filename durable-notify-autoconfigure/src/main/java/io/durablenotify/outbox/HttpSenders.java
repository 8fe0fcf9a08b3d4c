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
package io.durablenotify.outbox;

import java.net.URI;
import java.net.http.HttpClient;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

/**
 * The senders that {@code durable-notify.outbox.http} configures.
 *
 * @param senders the senders
 */
record HttpSenders(List<HttpOutboxSender> senders) implements SenderSource {

	static HttpSenders of(Map<String, OutboxProperties.Http> properties, List<OutboxHttpCustomizer> customizers,
			Clock clock) {
		List<HttpOutboxSender> senders = new ArrayList<>();
		properties.forEach((name, http) -> {
			RestClient.Builder builder = RestClient.builder().requestFactory(requestFactory(http));
			customizers.forEach((customizer) -> customizer.customize(name, builder));
			builder.requestInterceptors((interceptors) -> interceptors.add(0, new RequestFailures(name)));
			senders.add(new HttpOutboxSender(name, builder.build(), URI.create(http.url()), http.mode(), clock));
		});
		return new HttpSenders(List.copyOf(senders));
	}

	/**
	 * Without the attempt to change to HTTP/2, which some receivers do not understand.
	 */
	private static JdkClientHttpRequestFactory requestFactory(OutboxProperties.Http http) {
		JdkClientHttpRequestFactory factory = new JdkClientHttpRequestFactory(HttpClient.newBuilder()
			.version(HttpClient.Version.HTTP_1_1)
			.connectTimeout(http.connectTimeout())
			.build());
		factory.setReadTimeout(http.readTimeout());
		return factory;
	}

}
