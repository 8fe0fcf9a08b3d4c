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

package io.durablenotify.listener;

import java.sql.Connection;
import java.sql.Driver;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WordlessException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.support.GenericApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.then;
import static org.mockito.Mockito.mock;

/**
 * Tests for what would leave the listener's thread hanging, or dead and taken for alive.
 */
class ListenerHangTests {

	private final TestDatabase database = PostgresServer.shared().createDatabase();

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aLinkThatFreezesInTheMiddleOfAMessageIsNoticed(boolean promptSocket) {
		try (TcpProxy proxy = TcpProxy.to(this.database);
				Instance instance = Instance.start(this.database, "durable-notify.listener.url=" + proxy.url(),
						"durable-notify.listener.prompt-socket=" + promptSocket,
						"durable-notify.listener.connect-timeout=1s", "durable-notify.listener.probe.timeout=1s",
						"durable-notify.listener.backoff.max-delay=500ms")) {
			proxy.freezeAfter(3);
			this.database.jdbc().execute("NOTIFY durable_notify_probe");
			instance.awaitStatus(Status.BACKING_OFF);
			proxy.pass();
			instance.awaitStatus(Status.LISTENING);
		}
	}

	@Test
	void anErrorWhileConnectingFailsStartUpAndDoesNotHangIt() {
		assertThatExceptionOfType(Exception.class)
			.isThrownBy(() -> Instance.start(this.database,
					withDetails((application) -> failure(new NoClassDefFoundError("com/example/Credentials")))))
			.havingRootCause()
			.isInstanceOf(NoClassDefFoundError.class);
	}

	@Test
	void anErrorWhileConnectingAgainIsTriedAgain() {
		AtomicInteger connects = new AtomicInteger();
		try (Instance instance = Instance.start(this.database, withDetails((application) -> {
			if (connects.incrementAndGet() == 2) {
				failure(new OutOfMemoryError("unable to create native thread"));
			}
		}))) {
			this.database.terminate(Instance.LISTENER);
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			assertThat(connects).hasValue(3);
			assertThat(instance.listener().state().lastError()).contains("unable to create native thread");
		}
	}

	@Test
	void aFailureThatFailsWhenItIsAskedForItsMessageIsTriedAgain() {
		AtomicInteger connects = new AtomicInteger();
		try (Instance instance = Instance.start(this.database, withDetails((application) -> {
			if (connects.incrementAndGet() == 2) {
				throw new WordlessException();
			}
		}))) {
			this.database.terminate(Instance.LISTENER);
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			assertThat(connects).hasValue(3);
			assertThat(instance.listener().state().lastError()).isEqualTo(WordlessException.class.getName());
			assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
		}
	}

	@Test
	void aFailureThatFailsWhenItIsAskedForItsMessageFailsStartUpAndDoesNotHangIt() {
		assertThat(Background.run(() -> Instance.start(this.database, withDetails((application) -> {
			throw new WordlessException();
		})))).failsWithin(Eventually.TIMEOUT)
			.withThrowableThat()
			.havingRootCause()
			.isInstanceOf(ListenerException.class)
			.withMessage(WordlessException.class.getName());
	}

	@Test
	void aHandlerThatInterruptsTheListenersThreadDoesNotEndIt() {
		AtomicInteger resyncs = new AtomicInteger();
		try (Instance instance = Instance.start(this.database)) {
			instance.listener().listen("interrupting", new ChannelHandler() {

				@Override
				public void onNotification(String payload) {
				}

				@Override
				public void onResync() {
					Thread.currentThread().interrupt();
					resyncs.incrementAndGet();
				}

			}, Runnable::run);
			Eventually.await(() -> resyncs.get() == 1, resyncs::get);
			this.database.terminate(Instance.LISTENER);
			Eventually.await(() -> instance.listener().state().reconnects() == 1, instance.listener()::state);
			assertThat(resyncs).hasValue(2);
			assertThat(instance.listener().state().status()).isEqualTo(Status.LISTENING);
		}
	}

	@Test
	void aConnectionThatCannotBeListenedOnIsClosed() throws SQLException {
		List<Connection> opened = new CopyOnWriteArrayList<>();
		Driver driver = mock();
		given(driver.connect(any(), any())).willAnswer((call) -> {
			Connection connection = mock();
			given(connection.unwrap(any())).willThrow(new UnsupportedOperationException());
			opened.add(connection);
			return connection;
		});
		try (Instance instance = Instance.start(this.database, withDriver(driver),
				"durable-notify.listener.fail-fast=false", "durable-notify.listener.backoff.delay=10ms",
				"durable-notify.listener.backoff.jitter=0")) {
			Eventually.await(() -> opened.size() > 3, instance.listener()::state);
			for (Connection connection : opened.subList(0, 3)) {
				then(connection).should().close();
			}
			assertThat(instance.listener().state().lastError())
				.contains("cannot be listened on: set durable-notify.listener.url to the jdbc:postgresql: one");
		}
	}

	private Consumer<SpringApplicationBuilder> withDriver(Driver driver) {
		DriverConnectionDetails details = new DriverConnectionDetails(this.database.url(), null, null, Map.of(), driver,
				null, List.of());
		ApplicationContextInitializer<GenericApplicationContext> initializer = (context) -> context
			.registerBean(ListenerConnectionDetails.class, () -> () -> details);
		return (application) -> application.initializers(initializer);
	}

	@Test
	void aChannelThatIsAskedForWhileConnectingIsResyncedOnce() {
		NotificationChannels channels = new NotificationChannels();
		AtomicInteger resyncs = new AtomicInteger();
		channels.add("asked_for_later", new ChannelHandler() {

			@Override
			public void onNotification(String payload) {
			}

			@Override
			public void onResync() {
				resyncs.incrementAndGet();
			}

		}, Runnable::run);
		channels.resync("heard_already");
		assertThat(resyncs).hasValue(0);
		channels.resyncOnce("asked_for_later");
		channels.resyncOnce("asked_for_later");
		assertThat(resyncs).hasValue(1);
	}

	private static void failure(Error error) {
		throw error;
	}

	/**
	 * Does something before each connect.
	 */
	private static Consumer<SpringApplicationBuilder> withDetails(Consumer<ApplicationDatabase> beforeConnect) {
		ApplicationContextInitializer<GenericApplicationContext> initializer = (context) -> context
			.registerBean(ListenerConnectionDetails.class, () -> () -> {
				ApplicationDatabase database = context.getBean(ApplicationDatabase.class);
				beforeConnect.accept(database);
				return database.getDriverConnectionDetails();
			});
		return (application) -> application.initializers(initializer);
	}

}
