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

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;

import io.durablenotify.log.NumberedLogs.Entry;
import io.durablenotify.log.NumberedLogs.Numbered;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link EntryBuffer} and {@link EntryPage}. An entry has 8 bytes, and a log's
 * buffer 16 places.
 */
class EntryBufferTests {

	private static final Numbered LOG = new Numbered("log");

	private static final int PLACES = LOG.bufferSize();

	@Test
	void itIsBoundedByANumberOfEntries() {
		EntryBuffer<Entry> buffer = new EntryBuffer<>(LOG, 1_000);
		assertThat(buffer.hasRoom()).isTrue();
		assertThat(buffer.offer(page(1, 20), 0, 20)).isEqualTo(PLACES);
		assertThat(buffer.offer(page(17, 4), 0, 4)).isZero();
		assertThat(buffer.hasRoom()).isFalse();
		buffer.remove(PLACES / 2);
		assertThat(buffer.hasRoom()).isTrue();
		assertThat(indexes(buffer.peek(20))).containsExactlyElementsOf(range(9, 8));
	}

	@Test
	void itIsBoundedByBytes() {
		EntryBuffer<Entry> buffer = new EntryBuffer<>(LOG, 47);
		assertThat(buffer.offer(page(1, 20), 3, 20)).isEqualTo(5);
		assertThat(indexes(buffer.peek(20))).containsExactlyElementsOf(range(4, 5));
		buffer.remove(3);
		// 16 bytes are there, and 8 would have to fit
		assertThat(buffer.hasRoom()).isTrue();
		assertThat(buffer.offer(page(9, 20), 0, 20)).isEqualTo(3);
		assertThat(indexes(buffer.peek(20))).containsExactlyElementsOf(range(7, 5));
	}

	@Test
	void aLargerEntryFitsAnEmptyOneOnly() {
		EntryBuffer<Entry> buffer = new EntryBuffer<>(LOG, 7);
		assertThat(buffer.offer(page(1, 2), 0, 2)).isEqualTo(1);
		assertThat(buffer.offer(page(2, 1), 0, 1)).isZero();
		assertThat(buffer.hasRoom()).isFalse();
		buffer.remove(1);
		assertThat(buffer.hasRoom()).isTrue();
		assertThat(buffer.offer(page(2, 1), 0, 1)).isEqualTo(1);
	}

	@RepeatedTest(100)
	void itIsAQueue(RepetitionInfo repetition) {
		Random random = new Random(repetition.getCurrentRepetition());
		int maxBytes = 8 * (1 + random.nextInt(2 * PLACES));
		EntryBuffer<Entry> buffer = new EntryBuffer<>(LOG, maxBytes);
		List<Long> expected = new ArrayList<>();
		long next = 1;
		for (int i = 0; i < 200; i++) {
			if (random.nextBoolean()) {
				int from = random.nextInt(3);
				int count = random.nextInt(PLACES);
				int offered = buffer.offer(page(next - from, from + count + random.nextInt(3)), from, from + count);
				assertThat(offered).isEqualTo(Math.min(count, Math.min(PLACES, maxBytes / 8) - expected.size()));
				expected.addAll(range(next, offered));
				next += offered;
			}
			else if (!expected.isEmpty()) {
				int count = 1 + random.nextInt(expected.size());
				buffer.remove(count);
				expected.subList(0, count).clear();
			}
			int max = 1 + random.nextInt(PLACES);
			assertThat(buffer.size()).isEqualTo(expected.size());
			assertThat(buffer.isEmpty()).isEqualTo(expected.isEmpty());
			assertThat(indexes(buffer.peek(max)))
				.containsExactlyElementsOf(expected.subList(0, Math.min(max, expected.size())));
		}
	}

	@Test
	void itKeepsNothingOfAPageButWhatItHolds() {
		EntryBuffer<Entry> buffer = new EntryBuffer<>(LOG, 1_000);
		List<Entry> entries = entries(1, 20);
		WeakReference<Entry> taken = new WeakReference<>(entries.get(0));
		WeakReference<Entry> held = new WeakReference<>(entries.get(15));
		WeakReference<Entry> refused = new WeakReference<>(entries.get(16));
		buffer.offer(new EntryPage<>(LOG, entries), 0, 20);
		entries = List.of();
		buffer.remove(10);
		buffer.offer(page(17, 1), 0, 1);
		Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
			System.gc();
			return taken.get() == null && refused.get() == null;
		});
		assertThat(held.get()).isNotNull();
		assertThat(buffer.size()).isEqualTo(7);
	}

	@Test
	void aPageShowsWhereItHasAHole() {
		List<Entry> entries = new ArrayList<>(entries(3, 4));
		entries.addAll(entries(8, 2));
		EntryPage<Entry> page = new EntryPage<>(LOG, entries);
		assertThat(page.successive(0, 3)).isEqualTo(4);
		assertThat(page.successive(1, 4)).isEqualTo(3);
		assertThat(page.successive(0, 2)).isZero();
		assertThat(page.successive(4, 7)).isZero();
		assertThat(page.successive(5, 8)).isZero();
		assertThat(new EntryPage<>(LOG, entries(1, 0)).successive(0, 1)).isZero();
	}

	private static EntryPage<Entry> page(long first, int count) {
		return new EntryPage<>(LOG, entries(first, count));
	}

	private static List<Entry> entries(long first, int count) {
		return LongStream.range(first, first + count).mapToObj(Entry::of).toList();
	}

	private static List<Long> range(long first, int count) {
		return LongStream.range(first, first + count).boxed().toList();
	}

	private static List<Long> indexes(List<Entry> entries) {
		return entries.stream().map(Entry::index).toList();
	}

}
