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

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.stream.LongStream;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What readers do that are to read one log only: that with an identity.
 *
 * @param <E> the entries' type
 */
public abstract class LogIdentityContract<E> {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	private final Class<? extends Throwable> truncated;

	private final Class<? extends Throwable> gone;

	/**
	 * Create a new instance.
	 * @param truncated the error of a reader that finds another log, or a shorter one
	 * @param gone the error of a reader that finds no log
	 */
	protected LogIdentityContract(Class<? extends Throwable> truncated, Class<? extends Throwable> gone) {
		this.truncated = truncated;
		this.gone = gone;
	}

	/**
	 * Append entries in one transaction.
	 */
	protected abstract void append(Instance instance, String log, int count);

	protected abstract void delete(Instance instance, String log);

	/**
	 * Return the identity that a description of the log has.
	 */
	protected abstract Optional<String> identity(Instance instance, String log);

	/**
	 * Return a publisher of what follows the first entries.
	 * @param first how many entries it leaves out
	 */
	protected abstract Flow.Publisher<E> publisher(Instance instance, String log, int first, @Nullable String identity);

	/**
	 * Return an entry's place in its log: 0 is the first.
	 */
	protected abstract long place(E entry);

	/**
	 * Return the number of the entry at a place.
	 */
	protected abstract long number(int place);

	/**
	 * Return the SQL that changes when a log was created.
	 */
	protected abstract String recreate();

	protected static Instance instance() {
		return instance;
	}

	protected final String append(String log, int count) {
		append(instance, log, count);
		return identity(instance, log).orElseThrow();
	}

	private Recorder read(String log, int first, @Nullable String identity) {
		return read(publisher(instance, log, first, identity));
	}

	private Recorder read(Flow.Publisher<E> publisher) {
		Recorder recorder = new Recorder();
		publisher.subscribe(recorder);
		return recorder;
	}

	@Test
	void anIdentityIsTheSameInAllInstances() {
		String identity = append("same", 1);
		assertThat(identity).matches("[0-9a-z]+-[0-9a-z]+");
		append(other, "same", 1);
		assertThat(identity(other, "same")).contains(identity);
		assertThat(append("another", 1)).isNotEqualTo(identity);
		assertThat(identity(other, "none")).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 2, 3, 5, 7 })
	void ofALogThatIsDeletedAndCreatedInBetweenNothingIsRead(int first) {
		String log = "recreated/" + first;
		String identity = append(log, 3);
		List<Flow.Publisher<E>> publishers = List.of(publisher(instance, log, first, identity),
				publisher(other, log, first, identity));
		delete(other, log);
		append(other, log, 5);
		assertThat(identity(instance, log)).isNotEqualTo(Optional.of(identity));
		for (Flow.Publisher<E> publisher : publishers) {
			Recorder recorder = read(publisher);
			assertThat(recorder.awaitError()).isInstanceOf(this.truncated)
				.hasMessageContaining("%d, but another".formatted(number(first)))
				.hasMessageContaining("is in its place");
			recorder.assertPlaces(0, 0);
		}
	}

	@Test
	void aLogThatHasTheIdOfALostOneIsNotRead() {
		String identity = append("id", 3);
		assertThat(database.jdbc().update(recreate(), "id")).isOne();
		Recorder recorder = read("id", 1, identity);
		assertThat(recorder.awaitError()).isInstanceOf(this.truncated).hasMessageContaining("is in its place");
		recorder.assertPlaces(0, 0);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "x", "1-", "1-1", "' OR true" })
	void anIdentityThatNoLogHasIsThatOfAnother(String identity) {
		append("unknown", 3);
		assertThat(read("unknown", 0, identity).awaitError()).isInstanceOf(this.truncated);
	}

	@Test
	void aLogThatIsGoneIsNotWaitedFor() {
		String identity = append("gone", 3);
		delete(instance, "gone");
		Recorder waiting = read("gone", 0, null);
		for (int first : List.of(0, 3)) {
			Recorder recorder = read("gone", first, identity);
			assertThat(recorder.awaitError()).isInstanceOf(this.gone);
			recorder.assertPlaces(0, 0);
		}
		append(other, "gone", 2);
		waiting.awaitPlaces(0, 2);
	}

	@Test
	void aPositionBeyondTheEndIsThatOfLostEntries() {
		String identity = append("short", 5);
		for (int first : List.of(6, 100)) {
			Recorder recorder = read("short", first, identity);
			assertThat(recorder.awaitError()).isInstanceOf(this.truncated).hasMessageContaining("ends at " + number(5));
		}
		Recorder atEnd = read("short", 5, identity);
		Recorder beyond = read("short", 6, null);
		append(other, "short", 2);
		atEnd.awaitPlaces(5, 2);
		beyond.awaitPlaces(6, 1);
	}

	@Test
	void theLogIsReadToItsDeletion() {
		String identity = append("read", 3);
		List<Recorder> recorders = List.of(read("read", 0, identity), read("read", 0, identity(other, "read").get()));
		recorders.forEach((recorder) -> recorder.awaitPlaces(0, 3));
		append(other, "read", 2);
		Recorder later = read("read", 2, identity);
		later.awaitPlaces(2, 3);
		recorders.forEach((recorder) -> recorder.awaitPlaces(0, 5));
		delete(other, "read");
		append(other, "read", 7);
		recorders.forEach((recorder) -> {
			assertThat(recorder.awaitError()).isInstanceOf(this.gone);
			recorder.assertPlaces(0, 5);
		});
	}

	@Test
	void aSubscriptionSaysWhetherMoreIsBuffered() {
		append("buffered", 40);
		Recorder recorder = read("buffered", 0, null);
		recorder.awaitPlaces(0, 40);
		List<Boolean> expected = new ArrayList<>(Collections.nCopies(40, true));
		expected.set(39, false);
		assertThat(recorder.buffered).isEqualTo(expected);
		Eventually.await(() -> !recorder.subscription.join().hasBuffered(), recorder::toString);
	}

	/**
	 * Keeps what it is given.
	 */
	protected final class Recorder implements Flow.Subscriber<E> {

		private final CompletableFuture<BufferedSubscription> subscription = new CompletableFuture<>();

		private final List<Long> places = Collections.synchronizedList(new ArrayList<>());

		private final List<Boolean> buffered = Collections.synchronizedList(new ArrayList<>());

		private final List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void onSubscribe(Flow.Subscription subscription) {
			this.subscription.complete((BufferedSubscription) subscription);
			subscription.request(Long.MAX_VALUE);
		}

		@Override
		public void onNext(E entry) {
			this.buffered.add(this.subscription.join().hasBuffered());
			this.places.add(place(entry));
		}

		@Override
		public void onError(Throwable error) {
			this.errors.add(error);
		}

		@Override
		public void onComplete() {
			throw new UnsupportedOperationException();
		}

		void awaitPlaces(int first, int count) {
			Eventually.await(() -> this.places.size() >= count, this::toString);
			assertPlaces(first, count);
			assertThat(this.errors).isEmpty();
		}

		void assertPlaces(int first, int count) {
			assertThat(this.places).as(toString())
				.containsExactlyElementsOf(LongStream.range(first, first + count).boxed().toList());
		}

		Throwable awaitError() {
			Eventually.await(() -> !this.errors.isEmpty(), this::toString);
			return this.errors.get(0);
		}

		@Override
		public String toString() {
			return "%s, %s".formatted(this.places, this.errors);
		}

	}

}
