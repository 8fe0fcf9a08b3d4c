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

package io.durablenotify.log;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.Refusals;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What readers of a log must notice when the server has lost what they have received,
 * because it lagged and took over or because it crashed, and has gone on without it.
 */
public abstract class LogFailoverContract {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	private static final String IMPATIENT_POOL = "spring.datasource.hikari.connection-timeout=1000";

	/**
	 * By the log, how many entries it has after the failover. Readers have received ten,
	 * of which five were lost.
	 */
	private static final Map<String, Integer> REWRITTEN = Map.of("shorter", 8, "same", 10, "longer", 15);

	private final Class<? extends Throwable> truncated;

	@TempDir
	private Path directory;

	/**
	 * Create a new instance.
	 * @param truncated the error of a reader whose entries were lost
	 */
	protected LogFailoverContract(Class<? extends Throwable> truncated) {
		this.truncated = truncated;
	}

	/**
	 * Append an entry.
	 */
	protected abstract void append(Instance instance, String log, String text);

	/**
	 * Open a reader that receives what follows the first entries.
	 * @param first how many entries it leaves out
	 */
	protected abstract Reader read(Instance instance, String log, int first);

	/**
	 * Return how many entries a log has.
	 */
	protected abstract int count(TestDatabase database, String log);

	/**
	 * Return what the error says if a log has ten entries again, and the last is another.
	 */
	protected abstract String otherTenth();

	/**
	 * Open readers of which only this kind of log has some, on any of the logs that are
	 * about to lose entries.
	 * @return asserts that they have noticed the loss
	 */
	protected Runnable openOthers(Instance instance) {
		return () -> {
		};
	}

	@Test
	void aReaderEndsWithALostTailAndGoesOnWhereNothingIsLost() {
		try (OwnServer primary = OwnServer.start(this.directory.resolve("primary"));
				TcpProxy proxy = TcpProxy.to(primary.database());
				Instance instance = Instance.start(new TestDatabase(proxy.url()), NO_POLL, IMPATIENT_POOL)) {
			logs().forEach((log) -> append(instance, log, 0, 5));
			append(instance, "intact", 0, 5);
			append(instance, "ahead", 0, 5);
			try (OwnServer standby = primary.startStandby(this.directory.resolve("standby"))) {
				Map<String, Reader> readers = readTen(instance);
				Reader intact = read(instance, "intact", 0);
				await(intact, 5);
				Reader ahead = read(instance, "ahead", 10);
				standby.promote();
				try (Instance other = Instance.start(standby.database())) {
					REWRITTEN.forEach((log, entries) -> append(other, log, 5, entries));
					append(other, "intact", 5, 10);
					append(other, "ahead", 5, 15);
				}
				proxy.leadTo(standby.database());
				readers.forEach(this::assertNoticesTheLoss);
				assertThat(readers.get("same").awaitError()).hasMessageContaining(otherTenth());
				append(instance, "intact", 10, 12);
				append(instance, "ahead", 15, 17);
				assertGoesOn(intact, 0, 12);
				assertGoesOn(ahead, 10, 7);
			}
		}
	}

	/**
	 * A process of the server dies, as when the system runs out of memory: the server
	 * recovers with the same start time, and has forgotten what no commit has waited for.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "listening", "polling", "listening, untold" })
	void aReaderEndsWithATailThatACrashTookAlsoWithoutAStartOfTheServer(String how) {
		try (OwnServer server = OwnServer.startForgetful(this.directory)) {
			TestDatabase application = Refusals.asApplication(server.database());
			if (how.endsWith("untold")) {
				Refusals.refuse(server.database(), Refusals.FORBIDDEN, Refusals.FUNCTIONS);
			}
			String[] properties = (how.startsWith("polling"))
					? new String[] { IMPATIENT_POOL, "durable-notify.listener.enabled=false",
							"durable-notify.poll.degraded-interval=100ms", "durable-notify.poll.interval=100ms" }
					: new String[] { IMPATIENT_POOL, NO_POLL };
			try (TcpProxy proxy = TcpProxy.to(application);
					Instance instance = Instance.start(new TestDatabase(proxy.url()), properties)) {
				logs().forEach((log) -> append(instance, log, 0, 5));
				append(instance, "intact", 0, 5);
				// Nothing of the server reports the crash where it is untold
				server.database().jdbc().execute("ALTER TABLE durable_notify.change_lifetime SET LOGGED");
				server.stopWriting();
				Map<String, Reader> readers = readTen(instance);
				Reader intact = read(instance, "intact", 0);
				await(intact, 5);
				Runnable assertOthers = openOthers(instance);
				proxy.reject();
				server.crashProcess();
				assertThat(count(server.database(), "same")).as("left").isEqualTo(5);
				try (Instance other = Instance.start(application)) {
					REWRITTEN.forEach((log, entries) -> append(other, log, 5, entries));
					append(other, "intact", 5, 10);
				}
				proxy.pass();
				readers.forEach(this::assertNoticesTheLoss);
				assertOthers.run();
				assertGoesOn(intact, 0, 10);
			}
		}
	}

	private static Set<String> logs() {
		return REWRITTEN.keySet();
	}

	/**
	 * Append the entries that will be lost, and read all ten.
	 */
	private Map<String, Reader> readTen(Instance instance) {
		return logs().stream().collect(Collectors.toMap((log) -> log, (log) -> {
			append(instance, log, 5, 10);
			Reader reader = read(instance, log, 0);
			await(reader, 10);
			return reader;
		}));
	}

	private void assertNoticesTheLoss(String log, Reader reader) {
		assertThat(reader.awaitError()).as(log).isInstanceOf(this.truncated);
		assertReceived(reader, 0, 10);
	}

	private static void assertGoesOn(Reader reader, int first, int count) {
		await(reader, count);
		assertReceived(reader, first, count);
		assertThat(reader.ends()).as(reader.toString()).isZero();
	}

	private static void await(Reader reader, int count) {
		Eventually.await(() -> reader.places().size() >= count, reader::toString);
	}

	/**
	 * Every entry from a place on, once and in order.
	 */
	private static void assertReceived(Reader reader, int first, int count) {
		assertThat(reader.places()).as(reader.toString())
			.containsExactlyElementsOf(LongStream.range(first, first + count).boxed().toList());
	}

	/**
	 * What the pool lends first may be a connection that was cut.
	 */
	private void append(Instance instance, String log, int first, int end) {
		for (int place = first; place < end; place++) {
			String text = String.valueOf(place);
			Eventually.await(() -> {
				try {
					append(instance, log, text);
					return true;
				}
				catch (DataAccessException ex) {
					return false;
				}
			}, () -> log + " " + text);
		}
	}

	/**
	 * Keeps what a handler received.
	 */
	protected interface Reader {

		/**
		 * Return the places in the log of the entries it received: 0 is the first.
		 */
		List<Long> places();

		Throwable awaitError();

		/**
		 * Return how often it ended, by an error or otherwise.
		 */
		int ends();

	}

}
