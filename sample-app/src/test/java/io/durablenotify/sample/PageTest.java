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
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.chrome.ChromeDriver;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * The page in a real browser, which the tests of a class share.
 */
abstract class PageTest {

	@TempDir
	static Path userData;

	static ChromeDriver browser;

	@Autowired
	Environment environment;

	String url;

	static void startBrowser() {
		if (browser == null) {
			browser = Browser.start(userData);
		}
	}

	@BeforeEach
	void openPage() {
		startBrowser();
		this.url = new SampleClient(this.environment).url();
		browser.get(this.url + "/");
		await("page").atMost(Duration.ofSeconds(30)).until(() -> text("listener-status").equals("listening"));
	}

	@AfterAll
	static void stopBrowser() {
		if (browser != null) {
			browser.quit();
			browser = null;
		}
	}

	static void awaitText(String element, String text) {
		await(element).atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(text(element)).isEqualTo(text));
	}

	static String text(String element) {
		return (String) script("return document.getElementById(arguments[0]).textContent", element);
	}

	static Object script(String script, Object... arguments) {
		return browser.executeScript(script, arguments);
	}

	/**
	 * Have the browser as wide as a phone.
	 */
	static void narrow() {
		browser.executeCdpCommand("Emulation.setDeviceMetricsOverride",
				Map.of("width", 380, "height", 1600, "deviceScaleFactor", 1, "mobile", true));
	}

	static void wide() {
		browser.executeCdpCommand("Emulation.clearDeviceMetricsOverride", Map.of());
	}

	/**
	 * Have the browser prefer light or dark.
	 */
	static void scheme(String scheme) {
		browser.executeCdpCommand("Emulation.setEmulatedMedia",
				Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
	}

	/**
	 * Leave pictures of the whole page in {@code target}, light and dark.
	 */
	static void picture(String name) {
		for (String scheme : List.of("light", "dark")) {
			scheme(scheme);
			Map<String, Object> page = browser.executeCdpCommand("Page.captureScreenshot",
					Map.of("captureBeyondViewport", true, "clip",
							Map.of("x", 0, "y", 0, "width", script("return document.documentElement.clientWidth"),
									"height", script("return document.body.offsetHeight"), "scale", 1)));
			try {
				Files.write(Path.of("target", "%s-%s.png".formatted(name, scheme)),
						Base64.getDecoder().decode((String) page.get("data")));
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}
	}

}
