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

package io.durablenotify.sample;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;

import io.durablenotify.sample.ServerSentEvents.Event;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.core.env.Environment;

/**
 * Speaks HTTP to an instance of the application.
 */
final class SampleClient {

	private static final HttpClient client = HttpClient.newHttpClient();

	private final JsonMapper json = new JsonMapper();

	private final String url;

	SampleClient(Environment environment) {
		this.url = "http://localhost:" + environment.getRequiredProperty("local.server.port");
	}

	String url() {
		return this.url;
	}

	HttpResponse<String> get(String path) {
		return send(request(path), BodyHandlers.ofString());
	}

	HttpResponse<String> post(String path) {
		return send(request(path).POST(BodyPublishers.noBody()), BodyHandlers.ofString());
	}

	HttpResponse<String> post(String path, String contentType, String body) {
		BodyPublisher publisher = BodyPublishers.ofString(body);
		return send(request(path).header("Content-Type", contentType).POST(publisher), BodyHandlers.ofString());
	}

	HttpResponse<String> put(String path, String body) {
		BodyPublisher publisher = BodyPublishers.ofString(body);
		return send(request(path).header("Content-Type", "text/plain;charset=UTF-8").PUT(publisher),
				BodyHandlers.ofString());
	}

	HttpResponse<String> delete(String path) {
		return send(request(path).DELETE(), BodyHandlers.ofString());
	}

	/**
	 * Start an answer, and return where it is.
	 */
	String answer(String text) {
		HttpResponse<String> response = post("/answers", "text/plain;charset=UTF-8", text);
		return response.headers().firstValue("Location").orElseThrow();
	}

	/**
	 * Start a run, and return where its events are.
	 */
	String run() {
		return post("/runs").headers().firstValue("Location").orElseThrow();
	}

	/**
	 * Place an order, and return its id.
	 */
	String order(String address) {
		String location = post("/orders", "text/plain;charset=UTF-8", address).headers()
			.firstValue("Location")
			.orElseThrow();
		return location.split("/")[2];
	}

	/**
	 * Follow an order until its end, and return each event with its instance.
	 */
	List<String> orderEvents(String order) {
		try (ServerSentEvents events = read("/runs/" + order + "/events")) {
			return events.rest().stream().filter(Event::isChunk).map((event) -> {
				JsonNode json = this.json.readTree(event.data());
				return (json.get("type").asString() + " " + json.path("correlationId").asString("")).strip() + " by "
						+ json.get("payload").get("instance").asString();
			}).toList();
		}
	}

	ServerSentEvents read(String path) {
		return read(request(path));
	}

	ServerSentEvents read(String path, String lastEventId) {
		return read(request(path).header("Last-Event-ID", lastEventId));
	}

	private ServerSentEvents read(HttpRequest.Builder request) {
		return new ServerSentEvents(send(request.header("Accept", "text/event-stream"), BodyHandlers.ofLines()));
	}

	private HttpRequest.Builder request(String path) {
		return HttpRequest.newBuilder(URI.create(this.url + path));
	}

	private <T> HttpResponse<T> send(HttpRequest.Builder request, BodyHandler<T> handler) {
		try {
			return client.send(request.build(), handler);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			throw new IllegalStateException(ex);
		}
	}

}
