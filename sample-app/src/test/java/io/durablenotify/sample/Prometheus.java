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

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.awaitility.core.ConditionTimeoutException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.awaitility.Awaitility.await;

/**
 * A real Prometheus that scrapes an instance of the sample once a second.
 */
final class Prometheus implements AutoCloseable {

	private final HttpClient client = HttpClient.newHttpClient();

	private final Socket port = FreePort.reserve();

	private final Path log;

	private final Process process;

	/**
	 * Start it.
	 * @param directory for its files
	 * @param target the address that is scraped
	 * @param rules the alert rules, as YAML
	 */
	Prometheus(Path directory, String target, String rules) throws IOException {
		File program = Tool.require("prometheus");
		Path rulesFile = Files.writeString(directory.resolve("rules.yml"), rules);
		Path configuration = Files.writeString(directory.resolve("prometheus.yml"), """
				global: { scrape_interval: 1s, evaluation_interval: 1s }
				rule_files: [ "%s" ]
				scrape_configs:
				  - job_name: sample
				    metrics_path: /actuator/prometheus
				    static_configs: [ { targets: [ "%s" ] } ]
				""".formatted(rulesFile, target));
		this.log = directory.resolve("log");
		this.process = new ProcessBuilder(program.toString(), "--config.file=" + configuration,
				"--storage.tsdb.path=" + directory.resolve("data"),
				"--web.listen-address=%s:%d".formatted(host(), this.port.getLocalPort()))
			.redirectErrorStream(true)
			.redirectOutput(this.log.toFile())
			.start();
		Runtime.getRuntime().addShutdownHook(new Thread(this.process::destroyForcibly));
		try {
			await("Prometheus").atMost(Duration.ofSeconds(30)).ignoreExceptions().until(() -> isScraped());
		}
		catch (ConditionTimeoutException ex) {
			this.process.destroyForcibly();
			throw ex;
		}
	}

	private boolean isScraped() {
		return query("up == 1").size() == 1;
	}

	/**
	 * Return what an expression has as its result.
	 */
	JsonNode query(String expression) {
		return get("query?query=" + URLEncoder.encode(expression, StandardCharsets.UTF_8)).get("result");
	}

	/**
	 * Return the names of the alerts that fire.
	 */
	List<String> firing() {
		return stream(get("alerts").get("alerts")).filter((alert) -> alert.get("state").asString().equals("firing"))
			.map((alert) -> alert.get("labels").get("alertname").asString())
			.distinct()
			.toList();
	}

	/**
	 * Wait until an alert fires, or does so no more.
	 */
	void awaitAlert(String name, boolean firing) {
		await(name).atMost(Duration.ofSeconds(60)).until(() -> firing().contains(name) == firing);
	}

	/**
	 * Return the rules with their health.
	 */
	List<JsonNode> rules() {
		return stream(get("rules").get("groups")).flatMap((group) -> stream(group.get("rules"))).toList();
	}

	private static Stream<JsonNode> stream(JsonNode array) {
		return array.valueStream();
	}

	private JsonNode get(String path) {
		try {
			String url = "http://%s:%d/api/v1/%s".formatted(host(), this.port.getLocalPort(), path);
			String body = this.client.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString())
				.body();
			JsonNode answer = JsonMapper.shared().readTree(body);
			if (!answer.get("status").asString().equals("success")) {
				throw new IllegalStateException(path + ": " + body);
			}
			return answer.get("data");
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Run Prometheus' tool for files.
	 * @return what it has printed
	 */
	static String promtool(Path directory, String... arguments) {
		try {
			List<String> command = Stream.concat(Stream.of(Tool.require("promtool").toString()), Stream.of(arguments))
				.toList();
			Process process = new ProcessBuilder(command).directory(directory.toFile())
				.redirectErrorStream(true)
				.start();
			String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			if (process.waitFor() != 0) {
				throw new AssertionError(output);
			}
			return output;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	static String host() {
		return InetAddress.getLoopbackAddress().getHostAddress();
	}

	@Override
	public void close() throws InterruptedException {
		this.process.destroy();
		this.process.waitFor(30, TimeUnit.SECONDS);
		FreePort.close(this.port);
	}

}
