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
package io.durablenotify;

import java.net.URL;
import java.net.URLClassLoader;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that handlers have nothing of the thread of the caller that happens to start
 * theirs.
 */
class ThreadContextTests {

	private static final InheritableThreadLocal<String> USER = new InheritableThreadLocal<>();

	@Fixture
	private static TestDatabase database;

	/**
	 * What each handler finds on its thread.
	 */
	private final Map<String, String> found = new ConcurrentHashMap<>();

	@Test
	void handlersHaveNothingOfTheCallersThread() throws Exception {
		assertHandlersHaveNothing("durable-notify.poll.interval=0");
	}

	@Test
	@Tag("virtual-threads")
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "Virtual threads need Java 21")
	void handlersOnVirtualThreadsHaveNothingOfTheCallersThread() throws Exception {
		assertHandlersHaveNothing("spring.threads.virtual.enabled=true");
		assertThat(this.found.get("stream")).endsWith(" virtual");
	}

	private void assertHandlersHaveNothing(String property) throws Exception {
		try (Instance instance = Instance.start(database, property);
				URLClassLoader foreign = new URLClassLoader(new URL[0])) {
			Background.run(() -> {
				USER.set("a caller");
				Thread.currentThread().setContextClassLoader(foreign);
				use(instance);
			}).join();
			Eventually.await(() -> this.found.size() == 5, this.found::toString);
			assertThat(this.found.values()).allMatch((thread) -> thread.startsWith("null true"));
		}
	}

	private void use(Instance instance) {
		instance.listener().stop();
		instance.listener().start();
		instance.awaitStatus(Status.LISTENING);
		instance.listener().listen("channel", new ChannelHandler() {

			@Override
			public void onNotification(String payload) {
			}

			@Override
			public void onResync() {
				find("listener");
			}

		}, Runnable::run);
		instance.reader().subscribe("stream", StreamPosition.start(), (chunk) -> find("stream"));
		instance.bean(ChangeNotifier.class).subscribe("topic", (change) -> find("change"));
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("queue"), (item) -> {
			find("work");
			return WorkOutcome.done();
		});
		try (StreamAppender appender = instance.writer().appender("stream")) {
			appender.onEnded(() -> find("end"));
			appender.append("a");
			instance.writer().cancel("stream", "stop");
			instance.bean(ChangeNotifier.class).publish("topic", "key");
			instance.bean(WorkQueue.class).enqueue(WorkRequest.of("queue", "{}"));
			Eventually.await(() -> this.found.containsKey("end"), this.found::toString);
		}
	}

	private void find(String handler) {
		Thread thread = Thread.currentThread();
		this.found.put(handler, "%s %s%s".formatted(USER.get(),
				thread.getContextClassLoader() == getClass().getClassLoader(), isVirtual(thread) ? " virtual" : ""));
	}

	private static boolean isVirtual(Thread thread) {
		return thread.toString().startsWith("VirtualThread");
	}

}
