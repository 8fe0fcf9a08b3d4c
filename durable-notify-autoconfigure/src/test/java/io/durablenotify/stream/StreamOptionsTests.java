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

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamOptions} and {@link StreamQuery}.
 */
class StreamOptionsTests {

	@Test
	void eachStepKeepsWhatTheOthersHaveSet() {
		StreamOptions options = StreamOptions.none()
			.owner("alice")
			.contentType("text/plain;charset=UTF-8")
			.timeToLive(Duration.ofHours(1));
		assertThat(options).isEqualTo(new StreamOptions("alice", "text/plain;charset=UTF-8", Duration.ofHours(1)));
		assertThat(StreamOptions.none()).isEqualTo(new StreamOptions(null, null, null));
		StreamQuery query = StreamQuery.all().owner("alice").prefix("a/").after("a/1").limit(7);
		assertThat(query).isEqualTo(new StreamQuery("alice", "a/", "a/1", 7));
		assertThat(StreamQuery.all()).isEqualTo(new StreamQuery(null, "", null, 100));
		assertThat(StreamQuery.all().open().descending().owner("alice").prefix("a/").after("a/1").limit(7))
			.isEqualTo(new StreamQuery("alice", "a/", "a/1", 7, true, true));
		assertThat(query.open()).isEqualTo(new StreamQuery("alice", "a/", "a/1", 7, true, false));
		assertThat(query.descending()).isEqualTo(new StreamQuery("alice", "a/", "a/1", 7, false, true));
	}

	@Test
	void aTimeToLiveHasWholeMilliseconds() {
		assertThat(StreamOptions.none().timeToLive(Duration.ofNanos(1_999_999)))
			.isEqualTo(StreamOptions.none().timeToLive(Duration.ofMillis(1)));
	}

	@ParameterizedTest
	@ValueSource(strings = { "PT0S", "PT-1S", "PT0.000999999S", "PT876000H0.001S" })
	void aTimeToLiveThatIsNoneIsRefused(Duration timeToLive) {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamOptions.none().timeToLive(timeToLive))
			.withMessage("Time to live must be 1 ms to 36500 days, but is " + timeToLive);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "a\u0000", "a\nb", "\ud83c" })
	void anOwnerThatBreaksTheRulesIsRefused(String owner) {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamOptions.none().owner(owner))
			.withMessageStartingWith("Owner '" + owner + "' must have 1 to 512 characters");
		assertThatIllegalArgumentException().isThrownBy(() -> StreamQuery.all().owner(owner));
	}

	@Test
	void anOwnerOf512CharactersIsTheLongest() {
		assertThat(StreamOptions.none().owner("🎈".repeat(512)).owner()).hasSize(1024);
		assertThatIllegalArgumentException().isThrownBy(() -> StreamOptions.none().owner("a".repeat(513)));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "text", "text/", "text/plain;charset=none", "text/plain;a=\"\r\n\"" })
	void aContentTypeThatIsNoneIsRefused(String contentType) {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamOptions.none().contentType(contentType))
			.withMessageStartingWith("Content type '" + contentType + "' must ");
	}

	@Test
	void aContentTypeThatIsTooLongIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamOptions.none().contentType("a/" + "b".repeat(254)))
			.withMessageContaining("at most 255 characters");
	}

	@ParameterizedTest
	@CsvSource({ "0", "-1", "10001" })
	void aLimitThatIsNoneIsRefused(int limit) {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamQuery.all().limit(limit))
			.withMessage("Limit must be 1 to 10000, but is " + limit);
	}

	@ParameterizedTest
	@ValueSource(strings = { " ", "a b", "a\u0000", "\ud83c" })
	void whatNoNameHoldsIsRefused(String text) {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamQuery.all().prefix(text));
		assertThatIllegalArgumentException().isThrownBy(() -> StreamQuery.all().after(text));
	}

}
