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

import java.util.Locale;

import org.springframework.boot.autoconfigure.AutoConfigurationImportFilter;
import org.springframework.boot.autoconfigure.AutoConfigurationMetadata;
import org.springframework.context.EnvironmentAware;
import org.springframework.core.env.Environment;

/**
 * Chooses one of the servers that are there by the property {@code test.web-server}:
 * Tomcat unless it says {@code jetty}.
 */
public final class WebServerFilter implements AutoConfigurationImportFilter, EnvironmentAware {

	/**
	 * The servers.
	 */
	public enum WebServer {

		TOMCAT, JETTY;

		/**
		 * Return the property that chooses this server.
		 */
		public String property() {
			return PROPERTY + "=" + name().toLowerCase(Locale.ROOT);
		}

		private String packageName() {
			return "org.springframework.boot." + name().toLowerCase(Locale.ROOT) + ".";
		}

	}

	private static final String PROPERTY = "test.web-server";

	private WebServer excluded = WebServer.JETTY;

	@Override
	public void setEnvironment(Environment environment) {
		WebServer chosen = environment.getProperty(PROPERTY, WebServer.class, WebServer.TOMCAT);
		this.excluded = (chosen == WebServer.TOMCAT) ? WebServer.JETTY : WebServer.TOMCAT;
	}

	@Override
	public boolean[] match(String[] classes, AutoConfigurationMetadata metadata) {
		boolean[] matches = new boolean[classes.length];
		for (int i = 0; i < classes.length; i++) {
			matches[i] = classes[i] == null || !classes[i].startsWith(this.excluded.packageName());
		}
		return matches;
	}

}
