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

import java.time.Instant;
import java.util.Arrays;
import java.util.List;

import io.durablenotify.log.LogCursor.Validation;
import io.durablenotify.log.LogStore.Head;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link LogCursor}.
 */
class LogCursorTests {

	private static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");

	private static final LogKind KIND = new LogKind("numbers", LogCursorTests.class, "log", "number");

	private final Numbers log = new Numbers();

	private final LogCursor<Entry> cursor = cursor(0);

	private LogCursor<Entry> cursor(long next) {
		return new LogCursor<>(this.log, KIND, next, null);
	}

	@Test
	void entriesOfOneServerFollowWithoutAValidation() {
		assertThat(validate(this.cursor, head("a", 2), 0, 1)).isEqualTo(Validation.valid(0));
		advance(this.cursor, 2, 1);
		assertThat(this.cursor.next()).isEqualTo(2);
		assertThat(this.cursor.fetchFrom()).isEqualTo(2);
		assertThat(validate(this.cursor, head("a", 3), 2)).isEqualTo(Validation.valid(0));
	}

	@Test
	void anotherServerIsValidatedByTheLastEntry() {
		receive(this.cursor, "a", 0, 1);
		assertThat(validate(this.cursor, head("b", 3), 2)).isSameAs(Validation.REQUIRED);
		assertThat(this.cursor.fetchFrom()).isOne();
		assertThat(this.cursor.entriesToValidate()).isOne();
		assertThat(validate(this.cursor, head("b", 3), 1, 2)).isEqualTo(Validation.valid(1));
		assertThat(this.cursor.entriesToValidate()).isZero();
		assertThat(validate(this.cursor, head("b", 3), 2)).isEqualTo(Validation.valid(0));
	}

	@Test
	void anotherEntryInThePlaceOfTheLastOneIsATruncation() {
		receive(this.cursor, "a", 0, 1);
		validate(this.cursor, head("b", 3), 2);
		Entry other = new Entry(1, CREATED.plusSeconds(60));
		assertThat(this.cursor.validate(head("b", 3), new EntryPage<>(this.log, List.of(other))))
			.isEqualTo(Validation.truncated("the number before it is another one"));
		assertThat(validate(this.cursor, head("b", 3)))
			.isEqualTo(Validation.truncated("the number before it is missing"));
	}

	@Test
	void aLogThatHasGotShorterIsATruncation() {
		receive(this.cursor, "a", 0, 1);
		assertThat(validate(this.cursor, head("a", 1))).isEqualTo(Validation.truncated("the log ends at 1"));
	}

	@Test
	void anotherLogUnderTheSameIdIsATruncation() {
		receive(this.cursor, "a", 0, 1);
		Head other = new Head(1, this.log.name(), CREATED.plusSeconds(60), 2, null, "a");
		assertThat(validate(this.cursor, other)).isEqualTo(Validation.truncated("another log is in its place"));
	}

	@Test
	void aPositionAfterTheLastEntryIsValidatedByWhatIsThereFirst() {
		LogCursor<Entry> end = cursor(5);
		end.beginAfterKnown();
		assertThat(end.fetchFrom()).isEqualTo(4);
		assertThat(validate(end, head("a", 6), 4, 5)).isEqualTo(Validation.valid(1));
		LogCursor<Entry> shorter = cursor(5);
		shorter.beginAfterKnown();
		assertThat(validate(shorter, head("a", 3))).isEqualTo(Validation.truncated("the log ends at 3"));
	}

	@Test
	void anEntryThatWasThereFirstMayBeTrimmed() {
		LogCursor<Entry> trimmed = cursor(5);
		trimmed.beginAfterKnown();
		assertThat(validate(trimmed, head("a", 7), 5, 6)).isEqualTo(Validation.valid(0));
		advance(trimmed, 2, 6);
		assertThat(trimmed.fetchFrom()).isEqualTo(7);
		assertThat(validate(trimmed, head("b", 8), 7)).isSameAs(Validation.REQUIRED);
		assertThat(validate(trimmed, head("b", 8), 6, 7)).isEqualTo(Validation.valid(1));
	}

	/**
	 * The server may have had another one in its place.
	 */
	@Test
	void anEntryThatWasReceivedAndIsTrimmedOnAnotherServerIsATruncation() {
		receive(this.cursor, "a", 0, 1);
		validate(this.cursor, head("b", 3), 2);
		assertThat(validate(this.cursor, head("b", 3), 2))
			.isEqualTo(Validation.truncated("the number before it is missing"));
	}

	@Test
	void aLogThatIsNotTheOneThatIsExpectedIsATruncation() {
		LogIdentity identity = head("a", 2).identity();
		assertThat(validate(expecting(identity), head("a", 2), 0, 1)).isEqualTo(Validation.valid(0));
		for (LogIdentity other : List.of(new LogIdentity(2, CREATED), new LogIdentity(1, CREATED.plusNanos(1000)))) {
			assertThat(validate(expecting(other), head("a", 2), 0, 1))
				.isEqualTo(Validation.truncated("another log is in its place"));
		}
	}

	@Test
	void onlyTheFirstEntryMayBeALaterOneThanWasSeen() {
		this.cursor.beginWithFirstLeft();
		assertThat(validate(this.cursor, head("a", 0))).isEqualTo(Validation.valid(0));
		advance(this.cursor, 2, 1);
		assertThat(validate(this.cursor, head("a", 10), 9)).isEqualTo(Validation.valid(0));
		assertThat(this.cursor.next()).isEqualTo(2);
	}

	private LogCursor<Entry> expecting(LogIdentity identity) {
		return new LogCursor<>(this.log, KIND, 0, identity.text());
	}

	@Test
	void aServerThatReportsNothingIsValidatedWhenItIsDoubted() {
		receive(this.cursor, "a?", 0, 1);
		assertThat(this.cursor.hasReceivedFromOther("a?")).isFalse();
		this.cursor.doubt();
		assertThat(this.cursor.hasReceivedFromOther("a?")).isTrue();
		assertThat(validate(this.cursor, head("a?", 2))).isSameAs(Validation.REQUIRED);
		assertThat(validate(this.cursor, head("a?", 2), 1)).isEqualTo(Validation.valid(1));
		assertThat(this.cursor.hasReceivedFromOther("a?")).isFalse();
	}

	@Test
	void whatWasCommittedJustNowIsTheNextEntryOfTheSameServerOnly() {
		receive(this.cursor, "a", 0, 1);
		assertThat(this.cursor.isNext(entry(2), "a")).isTrue();
		assertThat(this.cursor.isNext(entry(2), "b")).isFalse();
		assertThat(this.cursor.isNext(entry(3), "a")).isFalse();
	}

	private void receive(LogCursor<Entry> cursor, String server, long... indexes) {
		validate(cursor, head(server, indexes.length), indexes);
		advance(cursor, indexes.length, indexes[indexes.length - 1]);
	}

	private static void advance(LogCursor<Entry> cursor, int count, long last) {
		cursor.advance(count, entry(last));
	}

	private Validation validate(LogCursor<Entry> cursor, Head head, long... indexes) {
		List<Entry> entries = Arrays.stream(indexes).mapToObj(LogCursorTests::entry).toList();
		return cursor.validate(head, new EntryPage<>(this.log, entries));
	}

	private Head head(String server, long nextIndex) {
		return new Head(1, this.log.name(), CREATED, nextIndex, null, server);
	}

	private static Entry entry(long index) {
		return new Entry(index, CREATED.plusMillis(index));
	}

	private record Entry(long index, Instant createdAt) {
	}

	private static final class Numbers implements TailedLog<Entry> {

		@Override
		public String name() {
			return "numbers";
		}

		@Override
		public int bufferSize() {
			return 10;
		}

		@Override
		public long indexOf(Entry entry) {
			return entry.index();
		}

		@Override
		public int sizeOf(Entry entry) {
			return 1;
		}

		@Override
		public Instant createdAtOf(Entry entry) {
			return entry.createdAt();
		}

		@Override
		public RuntimeException stopped() {
			throw new UnsupportedOperationException();
		}

		@Override
		public RuntimeException deleted() {
			throw new UnsupportedOperationException();
		}

		@Override
		public RuntimeException truncated(long expected, String found) {
			throw new UnsupportedOperationException();
		}

	}

}
