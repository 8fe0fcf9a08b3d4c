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
import java.net.Socket;
import java.util.Map;

import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.core.env.MapPropertySource;

/**
 * Chooses the application's port before it starts: the outbox sends to it. Keeps it until
 * the application ends.
 */
class FreePort implements ApplicationContextInitializer<ConfigurableApplicationContext> {

	@Override
	public void initialize(ConfigurableApplicationContext context) {
		Socket reserved = reserve();
		context.getEnvironment()
			.getPropertySources()
			.addFirst(new MapPropertySource("freePort", Map.of("server.port", reserved.getLocalPort())));
		context.addApplicationListener((event) -> {
			if (event instanceof ContextClosedEvent) {
				close(reserved);
			}
		});
	}

	/**
	 * Keep a port from others, without listening to it: a program may do so as long as it
	 * reuses addresses, as servers do.
	 */
	static Socket reserve() {
		Socket socket = new Socket();
		try {
			socket.setReuseAddress(true);
			socket.bind(null);
			return socket;
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	static void close(Socket reserved) {
		try {
			reserved.close();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
