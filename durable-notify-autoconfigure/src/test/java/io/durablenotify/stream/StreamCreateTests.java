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

package io.durablenotify.stream;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.OptimisticLockingFailureException;
import org.springframework.transaction.TransactionDefinition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamWriter#create}.
 */
class StreamCreateTests {

	private static final StreamOptions OPTIONS = StreamOptions.none()
		.owner("alice")
		.contentType("text/markdown")
		.timeToLive(Duration.ofDays(400).plusMillis(1));

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void aCreatedStreamHasItsOptionsAndIsEmptyAndOpen() {
		writer.create("created", OPTIONS);
		StreamInfo info = reader.info("created").orElseThrow();
		assertThat(info.owner()).isEqualTo("alice");
		assertThat(info.contentType()).isEqualTo("text/markdown");
		assertThat(info.expiresAt()).isEqualTo(info.createdAt().plus(Duration.ofDays(400).plusMillis(1)));
		assertThat(info.nextIndex()).isZero();
		assertThat(info.state()).isEqualTo(StreamState.OPEN);
		assertThat(writer.append("created", "a")).isZero();
		assertThat(reader.info("created").orElseThrow().expiresAt()).isEqualTo(info.expiresAt());
	}

	@Test
	void whatAnAppendOrAnEndHasCreatedHasNoOptions() {
		writer.append("appended", "a");
		writer.complete("only-ended");
		for (String stream : List.of("appended", "only-ended")) {
			StreamInfo info = reader.info(stream).orElseThrow();
			assertThat(info.owner()).isNull();
			assertThat(info.contentType()).isNull();
			assertThat(info.expiresAt()).isNull();
			writer.create(stream, StreamOptions.none());
			assertThat(reader.info(stream)).hasValue(info);
		}
	}

	@Test
	void theSameAgainChangesNothing() {
		writer.create("again", OPTIONS);
		writer.append("again", "a");
		writer.complete("again");
		StreamInfo info = reader.info("again").orElseThrow();
		writer.create("again", OPTIONS);
		assertThat(reader.info("again")).hasValue(info);
	}

	@Test
	void otherOptionsAreAConflictThatSaysWhatDiffers() {
		writer.create("conflict", OPTIONS);
		StreamInfo info = reader.info("conflict").orElseThrow();
		assertThatExceptionOfType(OptimisticLockingFailureException.class)
			.isThrownBy(() -> writer.create("conflict", OPTIONS.owner("bob").timeToLive(Duration.ofMinutes(90))))
			.isInstanceOf(StreamConflictException.class)
			.withMessage("Stream 'conflict' exists with other options (owner: stored 'alice', wanted 'bob', "
					+ "time to live: stored PT9600H0.001S, wanted PT1H30M); nothing was changed");
		assertThatExceptionOfType(StreamConflictException.class)
			.isThrownBy(() -> writer.create("conflict", StreamOptions.none()))
			.withMessageContaining("content type: stored 'text/markdown', wanted none");
		assertThat(reader.info("conflict")).hasValue(info);
		writer.append("conflict-none", "a");
		assertThatExceptionOfType(StreamConflictException.class)
			.isThrownBy(() -> writer.create("conflict-none", StreamOptions.none().owner("alice")))
			.withMessageContaining("owner: stored none, wanted 'alice'");
	}

	@Test
	void aReaderThatWaitsForTheNameFindsIt() {
		RecordingHandler handler = new RecordingHandler();
		Subscription waiting = reader.subscribe("waited-for", StreamPosition.start(), handler);
		try (Instance other = Instance.start(database, "durable-notify.poll.interval=0")) {
			other.writer().create("waited-for", OPTIONS);
			Eventually.await(() -> ReaderStates.isIdle(waiting), waiting::toString);
		}
	}

	@Test
	void creatorsThatRaceAllSucceed() throws Exception {
		for (int round = 0; round < 20; round++) {
			String stream = "race/" + round;
			race(8, (creator) -> writer.create(stream, OPTIONS));
			assertThat(reader.info(stream).orElseThrow().owner()).isEqualTo("alice");
		}
	}

	@Test
	void ofCreatorsWithDifferentOptionsOneSucceeds() throws Exception {
		for (int round = 0; round < 20; round++) {
			String stream = "differing/" + round;
			List<Throwable> failures = new CopyOnWriteArrayList<>();
			race(8, (creator) -> {
				try {
					writer.create(stream, StreamOptions.none().owner("owner-" + creator));
				}
				catch (StreamConflictException ex) {
					failures.add(ex);
				}
			});
			assertThat(failures).hasSize(7);
		}
	}

	private static void race(int count, Consumer<Integer> task) throws Exception {
		CyclicBarrier start = new CyclicBarrier(count);
		List<CompletableFuture<Void>> racing = IntStream.range(0, count).mapToObj((number) -> Background.run(() -> {
			try {
				start.await(30, TimeUnit.SECONDS);
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
			task.accept(number);
		})).toList();
		for (CompletableFuture<Void> racer : racing) {
			racer.get(30, TimeUnit.SECONDS);
		}
	}

	@Test
	void aCreateIsInvisibleUntilTheCommitAndGoneAfterARollback() {
		RecordingHandler handler = new RecordingHandler();
		Subscription waiting = reader.subscribe("in-transaction", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			writer.create("in-transaction", OPTIONS);
			assertThat(reader.info("in-transaction")).isPresent();
			assertThat(reader.list(StreamQuery.all().prefix("in-transaction"))).hasSize(1);
			assertThat(Background.supply(() -> reader.info("in-transaction")).join()).isEmpty();
			assertThat(Background.supply(() -> reader.list(StreamQuery.all().prefix("in-transaction"))).join())
				.isEmpty();
			status.setRollbackOnly();
		});
		assertThat(reader.info("in-transaction")).isEmpty();
		assertThat(ReaderStates.isIdle(waiting)).isFalse();
		instance.transaction().executeWithoutResult((status) -> writer.create("in-transaction", OPTIONS));
		Eventually.await(() -> ReaderStates.isIdle(waiting), waiting::toString);
	}

	@Test
	void theCallersOwnLockTimeoutStays() {
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SET LOCAL lock_timeout = '1234ms'");
			writer.create("timeout-stays", OPTIONS);
			writer.delete("timeout-stays");
			assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("1234ms");
		});
	}

	@Test
	void anUncommittedCreateIsWaitedForNoLongerThanTheTimeout() {
		instance.transaction().executeWithoutResult((outer) -> {
			writer.create("uncommitted", OPTIONS);
			try (Instance impatient = Instance.start(database, "durable-notify.streams.append-timeout=200ms")) {
				assertThatExceptionOfType(StreamLockedException.class)
					.isThrownBy(() -> impatient.writer().create("uncommitted", OPTIONS));
				assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> impatient.transaction()
					.executeWithoutResult((inner) -> impatient.writer().create("uncommitted", OPTIONS)));
			}
		});
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void aHiddenCreateIsARetryableFailure(int isolationLevel) {
		String stream = "isolation/" + isolationLevel;
		assertThatExceptionOfType(ConcurrencyFailureException.class)
			.isThrownBy(() -> instance.transaction(isolationLevel).executeWithoutResult((status) -> {
				instance.jdbc().queryForObject("SELECT count(*) FROM durable_notify.streams", Long.class);
				Background.run(() -> writer.create(stream, OPTIONS)).join();
				writer.create(stream, OPTIONS);
			}));
		instance.transaction(isolationLevel).executeWithoutResult((status) -> writer.create(stream, OPTIONS));
	}

	@Test
	void anExpiredStreamMakesRoomForANewOne() {
		writer.create("expired", OPTIONS);
		writer.append("expired", "old");
		RecordingHandler old = new RecordingHandler();
		reader.subscribe("expired", StreamPosition.start(), old);
		old.awaitChunks(1);
		database.jdbc()
			.update("UPDATE durable_notify.streams SET created_at = now() - interval '2h', "
					+ "expires_at = now() - interval '1h' WHERE name = 'expired'");
		Instant before = reader.info("expired").orElseThrow().createdAt();
		StreamOptions other = StreamOptions.none().owner("bob");
		writer.create("expired", other);
		StreamInfo info = reader.info("expired").orElseThrow();
		assertThat(info.owner()).isEqualTo("bob");
		assertThat(info.createdAt()).isAfter(before);
		assertThat(info.nextIndex()).isZero();
		assertThat(old.awaitError()).isInstanceOf(StreamDeletedException.class);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "a b", "a\u0000" })
	void aNameThatBreaksTheRulesIsRefused(String name) {
		assertThatIllegalArgumentException().isThrownBy(() -> writer.create(name, OPTIONS))
			.withMessageContaining("1 to 512 characters");
		assertThatIllegalArgumentException().isThrownBy(() -> writer.delete(name))
			.withMessageContaining("1 to 512 characters");
	}

}
