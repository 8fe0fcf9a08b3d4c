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

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link NotificationListener#listen}: channels of the user's own.
 */
@ExtendWith(OutputCaptureExtension.class)
class UserChannelTests {

	private static final String RESYNC = "<resync>";

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static NotificationListener listener;

	@Test
	void aTriggersNotificationsAreReceived() {
		database.jdbc().execute("""
				CREATE TABLE orders (id int);
				CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN PERFORM pg_notify('orders_changed', NEW.id::text); RETURN NULL; END $$;
				CREATE TRIGGER tell AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell();
				""");
		Recorder recorder = new Recorder();
		listener.listen("orders_changed", recorder);
		recorder.awaitEvents(1);
		database.jdbc().update("INSERT INTO orders VALUES (1), (2)");
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().update("INSERT INTO orders VALUES (3)");
			status.setRollbackOnly();
		});
		instance.jdbc().update("INSERT INTO orders VALUES (4)");
		recorder.awaitEvents(4);
		assertThat(recorder.events()).containsExactly(RESYNC, "1", "2", "4");
	}

	@Test
	void aNotificationWithoutPayloadHasAnEmptyOne() {
		Recorder recorder = new Recorder();
		listener.listen("bare", recorder);
		recorder.awaitEvents(1);
		database.jdbc().execute("NOTIFY bare");
		recorder.awaitEvents(2);
		assertThat(recorder.events()).containsExactly(RESYNC, "");
	}

	@Test
	void aReconnectIsFollowedByAResync() {
		Recorder recorder = new Recorder();
		listener.listen("reconnected", recorder);
		recorder.awaitEvents(1);
		database.terminate(Instance.LISTENER);
		recorder.awaitEvents(2);
		notify("reconnected", "after");
		recorder.awaitEvents(3);
		assertThat(recorder.events()).containsExactly(RESYNC, RESYNC, "after");
	}

	@Test
	void aRegistrationLastsOverStopAndStart() {
		listener.stop();
		Recorder recorder = new Recorder();
		listener.listen("restarted", recorder);
		listener.start();
		recorder.awaitEvents(1);
		listener.stop();
		assertThat(recorder.events()).allMatch(RESYNC::equals);
		int before = recorder.events().size();
		listener.start();
		recorder.awaitEvents(before + 1);
		notify("restarted", "after");
		Eventually.await(() -> recorder.events().contains("after"), recorder::events);
	}

	@Test
	void aSecondHandlerOfAChannelGetsAResyncToo() {
		Recorder first = new Recorder();
		Recorder second = new Recorder();
		listener.listen("shared", first);
		first.awaitEvents(1);
		Subscription ofSecond = listener.listen("shared", second);
		second.awaitEvents(1);
		notify("shared", "both");
		first.awaitEvents(2);
		second.awaitEvents(2);
		ofSecond.cancel();
		notify("shared", "first");
		first.awaitEvents(3);
		assertThat(first.events()).containsExactly(RESYNC, "both", "first");
		assertThat(second.events()).containsExactly(RESYNC, "both");
	}

	@Test
	void aHandlerThatThrowsGoesOn(CapturedOutput output) {
		Recorder recorder = new Recorder() {

			@Override
			void on(String event) {
				super.on(event);
				if (event.equals(RESYNC)) {
					throw new AssertionError(event);
				}
				if (event.equals("fails")) {
					throw new IllegalStateException(event);
				}
			}

		};
		listener.listen("thrown", recorder);
		recorder.awaitEvents(1);
		notify("thrown", "fails");
		notify("thrown", "fine");
		recorder.awaitEvents(3);
		assertThat(recorder.events()).containsExactly(RESYNC, "fails", "fine");
		assertThat(output).contains("Handler of channel 'thrown' failed");
	}

	@Test
	void aHandlerThatBlocksSlowsNeitherAnotherChannelNorTheListener() {
		CountDownLatch release = new CountDownLatch(1);
		Recorder blocked = new BlockingRecorder(release);
		Recorder beside = new Recorder();
		Recorder other = new Recorder();
		listener.listen("blocked", blocked);
		listener.listen("blocked", beside);
		listener.listen("other", other);
		blocked.awaitEvents(1);
		other.awaitEvents(1);
		beside.awaitEvents(1);
		for (int i = 0; i < 1000; i++) {
			notify("blocked", "a" + i);
			notify("other", "b" + i);
		}
		other.awaitEvents(1001);
		beside.awaitEvents(1001);
		assertThat(blocked.events()).containsExactly(RESYNC);
		assertThat(listener.state().isHealthy()).isTrue();
		release.countDown();
		blocked.awaitEvents(1001);
		assertThat(blocked.events()).isEqualTo(beside.events());
	}

	@Test
	void aHandlerThatLagsTooFarGetsAResyncInPlaceOfWhatItMissed() {
		CountDownLatch release = new CountDownLatch(1);
		BlockingRecorder slow = new BlockingRecorder(release);
		Recorder mark = new Recorder();
		listener.listen("flooded", slow);
		listener.listen("mark", mark);
		slow.awaitEvents(1);
		mark.awaitEvents(1);
		notify("flooded", "blocks");
		slow.awaitBlocked();
		database.jdbc().query("SELECT pg_notify('flooded', i::text) FROM generate_series(1, 10500) i", (result) -> {
		});
		notify("mark", "all are handed over");
		mark.awaitEvents(2);
		release.countDown();
		slow.awaitEvents(502);
		// The one that found the buffer full is gone like those in the buffer
		List<String> expected = new ArrayList<>(List.of(RESYNC, "blocks", RESYNC));
		IntStream.rangeClosed(ChannelRegistration.MAX_PENDING + 2, 10500).forEach((i) -> expected.add("" + i));
		assertThat(slow.events()).isEqualTo(expected);
	}

	@Test
	void aPendingResyncIsNotDeliveredAfterACancel() {
		List<Runnable> tasks = new ArrayList<>();
		Recorder recorder = new Recorder();
		NotificationChannels channels = new NotificationChannels();
		Subscription subscription = channels.add("pending", recorder, tasks::add);
		channels.resync("pending");
		subscription.cancel();
		assertThat(tasks).hasSize(1);
		tasks.get(0).run();
		assertThat(recorder.events()).isEmpty();
	}

	@Test
	void callsComeInOrderAndNeverBesideEachOther() {
		AtomicReference<Thread> inside = new AtomicReference<>();
		Recorder recorder = new Recorder() {

			@Override
			void on(String event) {
				assertThat(inside.compareAndSet(null, Thread.currentThread())).isTrue();
				super.on(event);
				assertThat(inside.getAndSet(null)).isSameAs(Thread.currentThread());
			}

		};
		listener.listen("ordered", recorder);
		recorder.awaitEvents(1);
		database.jdbc().query("SELECT pg_notify('ordered', i::text) FROM generate_series(1, 3000) i", (result) -> {
		});
		recorder.awaitEvents(3001);
		assertThat(recorder.events().subList(1, 3001))
			.isEqualTo(IntStream.rangeClosed(1, 3000).mapToObj(String::valueOf).toList());
	}

	@Test
	void cancelEndsTheCallsAndStopsListening() {
		Recorder recorder = new Recorder();
		Recorder mark = new Recorder();
		listener.listen("mark", mark);
		Subscription subscription = listener.listen("cancelled", recorder);
		recorder.awaitEvents(1);
		mark.awaitEvents(1);
		assertThat(subscription.isActive()).isTrue();
		subscription.cancel();
		subscription.cancel();
		assertThat(subscription.isActive()).isFalse();
		notify("cancelled", "too late");
		notify("mark", "handed over");
		mark.awaitEvents(2);
		assertThat(recorder.events()).containsExactly(RESYNC);
		Eventually.await(() -> lastStatement().equals("UNLISTEN \"cancelled\""), UserChannelTests::lastStatement);
		Recorder again = new Recorder();
		listener.listen("cancelled", again);
		again.awaitEvents(1);
		notify("cancelled", "in time");
		again.awaitEvents(2);
	}

	private static String lastStatement() {
		return database.jdbc()
			.queryForObject("SELECT query FROM pg_stat_activity WHERE application_name = ?", String.class,
					Instance.LISTENER);
	}

	@Test
	void aHandlerThatIsCancelledWithinACallReceivesNothingMore() {
		AtomicReference<Subscription> subscription = new AtomicReference<>();
		Recorder recorder = new Recorder() {

			@Override
			void on(String event) {
				super.on(event);
				if (event.equals("last")) {
					subscription.get().cancel();
				}
			}

		};
		subscription.set(listener.listen("ended", recorder));
		Recorder mark = new Recorder();
		listener.listen("mark", mark);
		recorder.awaitEvents(1);
		mark.awaitEvents(1);
		database.jdbc().query("SELECT pg_notify('ended', p) FROM unnest('{last,more}'::text[]) p", (result) -> {
		});
		notify("mark", "handed over");
		mark.awaitEvents(2);
		recorder.awaitEvents(2);
		assertThat(recorder.events()).containsExactly(RESYNC, "last");
	}

	@Test
	void anExecutorOfTheCallersIsUsed() {
		AtomicReference<String> thread = new AtomicReference<>();
		listener.listen("executed", new Recorder() {

			@Override
			void on(String event) {
				thread.set(Thread.currentThread().getName());
			}

		}, Runnable::run);
		Eventually.await(() -> "durable-notify-listener".equals(thread.get()), thread::get);
	}

	@ParameterizedTest
	@ValueSource(strings = { "UPPER", "with space", "with \"quotes\"", "it's", "select", "ünïcödé 🎈", ";--",
			"123456789012345678901234567890123456789012345678901234567890123" })
	void aChannelMayHaveAnyNameThatPostgresTakes(String channel) {
		Recorder recorder = new Recorder();
		Subscription subscription = listener.listen(channel, recorder);
		recorder.awaitEvents(1);
		notify(channel, "heard");
		recorder.awaitEvents(2);
		assertThat(recorder.events()).containsExactly(RESYNC, "heard");
		subscription.cancel();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "1234567890123456789012345678901234567890123456789012345678901234",
			"üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü", "a\u0000b" })
	void aNameThatPostgresDoesNotTakeIsRefused(String channel) {
		assertThatIllegalArgumentException().isThrownBy(() -> listener.listen(channel, new Recorder()))
			.withMessageContaining("Channel name");
	}

	@Test
	void halfASurrogatePairIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> listener.listen("a\ud800", new Recorder()))
			.withMessageContaining("Channel name");
	}

	@Test
	void aNameThatTheDatabaseCannotSpellEndsNothingButItsOwn(CapturedOutput output) {
		TestDatabase latin1 = PostgresServer.shared()
			.createDatabase("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
		try (Instance other = Instance.start(latin1)) {
			// As one that was registered while the database was away
			NotificationChannels channels = (NotificationChannels) ReflectionTestUtils.getField(other.listener(),
					"channels");
			Subscription unspellable = channels.add("日本", new Recorder(), Runnable::run);
			Eventually.await(() -> !unspellable.isActive(), other.listener()::state);
			assertThat(output).contains("Failed to listen on channel '日本'; its handler is removed");
			Recorder recorder = new Recorder();
			other.listener().listen("ÿ", recorder);
			recorder.awaitEvents(1);
			other.jdbc().query("SELECT pg_notify('ÿ', 'ß')", (result) -> {
			});
			recorder.awaitEvents(2);
			assertThat(recorder.events()).containsExactly(RESYNC, "ß");
			assertThat(other.listener().state().reconnects()).isZero();
		}
	}

	private static void notify(String channel, String payload) {
		instance.jdbc().query("SELECT pg_notify(?, ?)", (result) -> {
		}, channel, payload);
	}

	private static class Recorder implements ChannelHandler {

		private final List<String> events = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void onNotification(String payload) {
			on(payload);
		}

		@Override
		public void onResync() {
			on(RESYNC);
		}

		void on(String event) {
			this.events.add(event);
		}

		List<String> events() {
			synchronized (this.events) {
				return List.copyOf(this.events);
			}
		}

		void awaitEvents(int count) {
			Eventually.await(() -> this.events.size() >= count, this::events);
		}

	}

	/**
	 * Blocks in its first notification.
	 */
	private static final class BlockingRecorder extends Recorder {

		private final CountDownLatch release;

		private final CountDownLatch blocked = new CountDownLatch(1);

		private BlockingRecorder(CountDownLatch release) {
			this.release = release;
		}

		@Override
		void on(String event) {
			if (!event.equals(RESYNC)) {
				this.blocked.countDown();
				try {
					this.release.await();
				}
				catch (InterruptedException ex) {
					Thread.currentThread().interrupt();
				}
			}
			super.on(event);
		}

		private void awaitBlocked() {
			Eventually.await(() -> this.blocked.getCount() == 0, this::events);
		}

	}

}
