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

import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.RetryLaterException;

import org.springframework.http.HttpRequest;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;

/**
 * Leaves out the messages of failures to make a request: they may show a credential. As
 * the first interceptor, so that the span of the request has none either.
 *
 * @param sender the sender's name
 */
record RequestFailures(String sender) implements ClientHttpRequestInterceptor {

	@Override
	public ClientHttpResponse intercept(HttpRequest request, byte[] body, ClientHttpRequestExecution execution)
			throws IOException {
		try {
			return execution.execute(request, body);
		}
		catch (RuntimeException ex) {
			throw withoutMessage(ex);
		}
	}

	/**
	 * Return what to throw: the failure's class and where it was thrown. What says what
	 * becomes of the event stays as it is.
	 */
	RuntimeException withoutMessage(RuntimeException failure) {
		if (failure instanceof PermanentFailureException || failure instanceof RetryLaterException
				|| failure instanceof SendFailedException) {
			return failure;
		}
		String hint = (failure instanceof IllegalArgumentException) ? ". A header's value may have a line break" : "";
		return new SendFailedException("The request of sender '%s' could not be made: %s%s".formatted(this.sender,
				SendFailedException.describe(failure), hint));
	}

}
