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
package io.durablenotify.loop;

import java.util.concurrent.ThreadFactory;

/**
 * Makes daemon threads of one name. They have nothing of the thread that asks for them,
 * which is a caller's by chance: neither its inheritable thread locals nor its context
 * class loader, but the library's.
 *
 * @param name the name
 */
public record DaemonThreadFactory(String name) implements ThreadFactory {

	@Override
	public Thread newThread(Runnable task) {
		Thread thread = new Thread(null, task, this.name, 0, false);
		thread.setDaemon(true);
		thread.setContextClassLoader(getClass().getClassLoader());
		return thread;
	}

}
