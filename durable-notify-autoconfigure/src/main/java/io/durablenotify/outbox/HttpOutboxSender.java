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

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;

import io.durablenotify.outbox.OutboxProperties.Mode;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.RetryLaterException;
import org.jspecify.annotations.Nullable;

import org.springframework.core.NestedExceptionUtils;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestClientException;

/**
 * Posts events as CloudEvents. The receiver has an event when it has answered 2xx.
 */
final class HttpOutboxSender implements OutboxSender {

	private static final int REQUEST_TIMEOUT = 408;

	private static final int TOO_MANY_REQUESTS = 429;

	private static final int SHORT_BODY = 8_192;

	private final String name;

	private final RestClient client;

	private final URI url;

	private final Mode mode;

	private final Clock clock;

	private final RequestFailures failures;

	HttpOutboxSender(String name, RestClient client, URI url, Mode mode, Clock clock) {
		this.name = name;
		this.client = client;
		this.url = url;
		this.mode = mode;
		this.clock = clock;
		this.failures = new RequestFailures(name);
	}

	@Override
	public String name() {
		return this.name;
	}

	@Override
	public void send(OutboxMessage message) {
		Answer answer = post(message);
		int status = answer.status().value();
		if (answer.status().is2xxSuccessful()) {
			return;
		}
		String reason = "The receiver of sender '%s' has answered %d".formatted(this.name, status);
		if (answer.status().is4xxClientError() && status != REQUEST_TIMEOUT && status != TOO_MANY_REQUESTS) {
			throw new PermanentFailureException(reason);
		}
		if (answer.retryAfter() != null) {
			throw new RetryLaterException(reason, answer.retryAfter());
		}
		throw new SendFailedException((answer.status().is3xxRedirection())
				? reason + ", and redirects are not followed: correct its url" : reason);
	}

	private Answer post(OutboxMessage message) {
		RestClient.RequestBodySpec request = this.client.post()
			.uri(this.url)
			.headers((headers) -> addTo(headers, message));
		if (this.mode == Mode.STRUCTURED) {
			request.body(OutboxJson.writeCloudEvent(message));
		}
		else if (message.dataContentType() != null) {
			request.body(message.data());
		}
		try {
			return request.exchangeForRequiredValue((sent, response) -> {
				Answer answer = new Answer(response.getStatusCode(), retryAfter(response.getHeaders()));
				discard(response);
				return answer;
			});
		}
		catch (RestClientException ex) {
			// Its message has the URL, which may hold a secret
			throw new SendFailedException("The receiver of sender '%s' has not answered: %s".formatted(this.name,
					(ex.getCause() instanceof IOException cause) ? reason(cause) : ex.getClass().getName()));
		}
		catch (RuntimeException ex) {
			throw this.failures.withoutMessage(ex);
		}
	}

	/**
	 * Of a host that is unknown, the client says so by the class of a cause only.
	 */
	private static String reason(IOException failure) {
		Throwable cause = NestedExceptionUtils.getMostSpecificCause(failure);
		return (failure.getMessage() != null || cause == failure) ? failure.toString()
				: "%s (%s)".formatted(failure, cause.getClass().getName());
	}

	/**
	 * Read a short body, so that the connection can be used again, and no long one.
	 */
	private static void discard(ClientHttpResponse response) {
		try (InputStream body = response.getBody()) {
			body.readNBytes(SHORT_BODY);
		}
		catch (IOException ex) {
			// The receiver has answered all the same
		}
	}

	private void addTo(HttpHeaders headers, OutboxMessage message) {
		if (this.mode == Mode.STRUCTURED) {
			headers.set(HttpHeaders.CONTENT_TYPE, CloudEvents.STRUCTURED_TYPE);
			return;
		}
		CloudEvents.attributes(message)
			.forEach((name, value) -> headers.set("ce-" + name, CloudEvents.headerValue(value)));
		if (message.dataContentType() != null) {
			headers.set(HttpHeaders.CONTENT_TYPE, message.dataContentType());
		}
	}

	/**
	 * Return for how long the receiver wants to be left alone. It sends a number of
	 * seconds, or a time by its own clock.
	 */
	private @Nullable Duration retryAfter(HttpHeaders headers) {
		String value = headers.getFirst(HttpHeaders.RETRY_AFTER);
		if (value == null) {
			return null;
		}
		if (!value.isBlank() && value.strip().chars().allMatch((digit) -> digit >= '0' && digit <= '9')) {
			return seconds(value.strip());
		}
		Instant time = time(headers, HttpHeaders.RETRY_AFTER);
		if (time == null) {
			return null;
		}
		Instant date = time(headers, HttpHeaders.DATE);
		Duration delay = Duration.between((date != null) ? date : this.clock.instant(), time);
		return (delay.isNegative()) ? Duration.ZERO : delay;
	}

	private static Duration seconds(String value) {
		try {
			return Duration.ofSeconds(Integer.parseInt(value));
		}
		catch (NumberFormatException ex) {
			return Duration.ofSeconds(Integer.MAX_VALUE);
		}
	}

	private static @Nullable Instant time(HttpHeaders headers, String name) {
		try {
			ZonedDateTime time = headers.getFirstZonedDateTime(name);
			return (time != null) ? time.toInstant() : null;
		}
		catch (IllegalArgumentException ex) {
			return null;
		}
	}

	@Override
	public String toString() {
		return "%s.http.%s".formatted(OutboxProperties.PREFIX, this.name);
	}

	/**
	 * What a receiver has answered.
	 *
	 * @param retryAfter for how long it wants to be left alone, if it says so
	 */
	private record Answer(HttpStatusCode status, @Nullable Duration retryAfter) {
	}

}
