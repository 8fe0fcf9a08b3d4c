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

package io.durablenotify.web;

import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.web.SseSource.Found;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.verifyNoMoreInteractions;

/**
 * Tests for {@link StreamSource}.
 */
class StreamSourceTests {

	/**
	 * Nor later, as when it connects again before the first event.
	 */
	@Test
	void aClientOfWhatIsLeftIsNotSentToAChunkThatMayBeTrimmedBeforeTheFirstEvent() {
		StreamReader reader = mock();
		StreamSource source = new StreamSource(reader, (stream) -> null, "stream",
				SseOptions.ofStream(StreamPosition.earliest()));
		Found found = new Found("1-1", 10, null);
		assertThat(source.begin(found)).isNull();
		assertThat(source.begin(null)).isNull();
		source.publisher(found, null);
		verify(reader).publisher("stream", StreamPosition.earliest().in("1-1"));
		verifyNoMoreInteractions(reader);
	}

	@Test
	void theStreamOfTheOptionsStaysThatOfTheOptions() {
		StreamReader reader = mock();
		StreamPosition from = StreamPosition.earliest().in("2-2");
		StreamSource source = new StreamSource(reader, (stream) -> null, "stream", SseOptions.ofStream(from));
		source.publisher(new Found("1-1", 10, null), null);
		verify(reader).publisher("stream", from);
	}

}
