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

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import io.durablenotify.stream.Chunk;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class ChunkTextsTests {

	private static final String IDENTITY = "1-1";

	private static List<byte[]> chunks(String... texts) {
		List<byte[]> chunks = new ArrayList<>();
		for (String text : texts) {
			chunks.add(text.getBytes(StandardCharsets.UTF_8));
		}
		return chunks;
	}

	/**
	 * Return the events of a client that comes back with an id.
	 */
	private static List<SseEvent> events(List<byte[]> chunks, String lastEventId) {
		EventId received = EventId.parse(lastEventId);
		ChunkTexts texts = new ChunkTexts(IDENTITY, null, received);
		List<SseEvent> events = new ArrayList<>();
		for (int i = (received != null) ? (int) received.index() + 1 : 0; i < chunks.size(); i++) {
			SseEvent event = texts.map(chunk(i, chunks.get(i)));
			if (event != null) {
				events.add(event);
			}
		}
		SseEvent rest = texts.rest();
		if (rest != null) {
			events.add(rest);
		}
		return events;
	}

	private static Chunk chunk(int index, byte[] data) {
		return new Chunk("manual", index, data, Instant.EPOCH);
	}

	/**
	 * Return the text as a browser has it, whose line ends are line feeds.
	 */
	private static String text(List<SseEvent> events) {
		StringBuilder text = new StringBuilder();
		events.forEach((event) -> text.append(event.lines("\n")));
		return text.toString();
	}

	private static String lineFeeds(String text) {
		return text.replace("\r\n", "\n").replace('\r', '\n');
	}

	@Test
	void aLineEndThatIsDividedIsOneLineEnd() {
		assertThat(events(chunks("a\r", "\nb"), null)).extracting(SseEvent::data).containsExactly("a\r", "b");
		assertThat(text(events(chunks("a\r", "\nb"), null))).isEqualTo("a\nb");
	}

	@Test
	void aChunkThatIsTheRestOfALineEndHasNoEvent() {
		assertThat(events(chunks("a\r", "\n", "b"), null)).extracting(SseEvent::data).containsExactly("a\r", "b");
	}

	@Test
	void aCarriageReturnIsSentAtOnce() {
		ChunkTexts texts = new ChunkTexts(IDENTITY, null, null);
		assertThat(texts.map(chunk(0, "10 %\r".getBytes(StandardCharsets.UTF_8))))
			.isEqualTo(new SseEvent("-1.5@1-1", null, "10 %\r"));
		assertThat(texts.map(chunk(1, "20 %".getBytes(StandardCharsets.UTF_8))))
			.isEqualTo(new SseEvent("1@1-1", null, "20 %"));
	}

	@Test
	void otherLineEndsStay() {
		assertThat(text(events(chunks("a\n", "\nb\r", "\r", "c\r\n", "\n"), null))).isEqualTo("a\n\nb\n\nc\n\n");
	}

	@ParameterizedTest
	@ValueSource(strings = { "a\r\nb\r\n\r\nc", "\r\n", "\r\r\n\n\r", "ü\r\n🌍\r\n", "\n\r\n" })
	void aClientHasTheTextHoweverItIsDividedAndWhereverItHasLeft(String text) {
		byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
		for (int cuts = 0; cuts < 1 << (bytes.length - 1); cuts++) {
			List<byte[]> chunks = divide(bytes, cuts);
			List<SseEvent> all = events(chunks, null);
			assertThat(text(all)).as("%d", cuts).isEqualTo(lineFeeds(text));
			for (int i = 0; i < all.size(); i++) {
				if (all.get(i).id() != null) {
					assertThat(text(all.subList(0, i + 1)) + text(events(chunks, all.get(i).id())))
						.as("%d, after %s", cuts, all.get(i))
						.isEqualTo(lineFeeds(text));
				}
			}
		}
	}

	/**
	 * Divide at each position whose bit is set, some with an empty chunk between.
	 */
	private static List<byte[]> divide(byte[] bytes, int cuts) {
		List<byte[]> chunks = new ArrayList<>();
		int from = 0;
		for (int i = 1; i <= bytes.length; i++) {
			if (i == bytes.length || (cuts & 1 << (i - 1)) != 0) {
				chunks.add(Arrays.copyOfRange(bytes, from, i));
				if (i % 3 == 0) {
					chunks.add(new byte[0]);
				}
				from = i;
			}
		}
		return chunks;
	}

}
