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

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamPosition}.
 */
class StreamPositionTests {

	@Test
	void positionsResolveToAnIndex() {
		assertThat(StreamPosition.start().toStart().resolve(10)).isZero();
		assertThat(StreamPosition.at(12).toStart().resolve(10)).isEqualTo(12);
		assertThat(StreamPosition.after(3).toStart().resolve(10)).isEqualTo(4);
		assertThat(StreamPosition.last(3).toStart().resolve(10)).isEqualTo(10);
		assertThat(StreamPosition.end()).isEqualTo(StreamPosition.last(0));
	}

	@Test
	void positionsThatAreNoneAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamPosition.at(-1)).withMessageContaining("-1");
		assertThatIllegalArgumentException().isThrownBy(() -> StreamPosition.after(-1)).withMessageContaining("-1");
		assertThatIllegalArgumentException().isThrownBy(() -> StreamPosition.after(Long.MAX_VALUE));
		assertThatIllegalArgumentException().isThrownBy(() -> StreamPosition.last(-1)).withMessageContaining("-1");
	}

	@Test
	void aPositionInOneStreamIsAnother() {
		StreamPosition from = StreamPosition.at(3);
		assertThat(from.in("1-a")).isEqualTo(StreamPosition.after(2).in("1-b").in("1-a"))
			.hasSameHashCodeAs(StreamPosition.at(3).in("1-a"))
			.isNotEqualTo(from)
			.isNotEqualTo(from.in("1-b"))
			.hasToString("at(3).in(1-a)");
		assertThat(from).hasToString("at(3)");
		assertThat(StreamPosition.last(3).in("1-a")).hasToString("last(3).in(1-a)");
		assertThat(StreamPosition.earliest().in("1-a")).hasToString("earliest().in(1-a)");
		assertThatIllegalArgumentException().isThrownBy(() -> from.in(null));
	}

	@ParameterizedTest
	@NullSource
	@ValueSource(strings = { "", " " })
	void noEventIdIsTheStart(String lastEventId) {
		assertThat(StreamPosition.afterEventId(lastEventId)).isEqualTo(StreamPosition.start());
	}

	@Test
	void anEventIdIsAnIndex() {
		assertThat(StreamPosition.afterEventId("41")).isEqualTo(StreamPosition.at(42));
	}

	@ParameterizedTest
	@ValueSource(strings = { "x", "1.5", "-1", "99999999999999999999" })
	void anEventIdThatIsNoIndexIsRefused(String lastEventId) {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamPosition.afterEventId(lastEventId))
			.withMessage("Last-Event-ID '%s' is not the index of a chunk: use 0 or more".formatted(lastEventId));
	}

}
