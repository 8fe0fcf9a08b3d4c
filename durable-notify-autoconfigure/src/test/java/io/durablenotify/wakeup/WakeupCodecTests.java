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

package io.durablenotify.wakeup;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.wakeup.WakeupCodec.Decoded;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link WakeupCodec}.
 */
class WakeupCodecTests {

	private static final Decoded RESYNC = new Decoded("me", "streams", null);

	@Test
	void wakeupsComeBackAsTheyWere() {
		List<Wakeup> wakeups = List.of(Wakeup.moved(42, 17), Wakeup.ended(43), new Wakeup(44, 3, false, true, null),
				Wakeup.moved(45, 1).created("answers/45"), new Wakeup(46, 9, true, true, "a:b::c"),
				Wakeup.ended(Long.MAX_VALUE).created("ünïcödé-🎈"), Wakeup.moved(-1, Long.MAX_VALUE));
		Decoded decoded = decodeSingle(batch(wakeups));
		assertThat(decoded).isEqualTo(new Decoded("me", "streams", wakeups));
	}

	@Test
	void theFormatIsTheOneThatTheSqlFunctionWrites() {
		assertThat(WakeupCodec.encode("me", batch(List.of(Wakeup.moved(42, 17), Wakeup.ended(43)))))
			.containsExactly("1 me streams 42:17:- 43:0:e");
		assertThat(WakeupCodec.decode("1 sql streams 42:18:-").wakeups()).containsExactly(Wakeup.moved(42, 18));
		assertThat(WakeupCodec.decode("1 sql streams 42:1:c:answers/42").wakeups())
			.containsExactly(Wakeup.moved(42, 1).created("answers/42"));
	}

	@Test
	void eachTopicIsAPayloadOfItsOwn() {
		WakeupBatch batch = new WakeupBatch();
		batch.add("first", Wakeup.moved(1, 1));
		batch.add("second", Wakeup.moved(1, 2));
		assertThat(WakeupCodec.encode("me", batch)).containsExactly("1 me first 1:1:-", "1 me second 1:2:-");
	}

	@Test
	void aResyncComesBackAsOne() {
		WakeupBatch batch = new WakeupBatch();
		for (int id = 0; id <= WakeupBatch.MAX_PER_TOPIC; id++) {
			batch.add("streams", Wakeup.moved(id, 1));
		}
		batch.add("streams", Wakeup.moved(-1, 1));
		assertThat(decodeSingle(batch)).isEqualTo(new Decoded("me", "streams", null));
	}

	@Test
	void whatFitsIntoAPayloadIsNoResync() {
		int room = WakeupCodec.MAX_PAYLOAD_BYTES - "1 me streams 1:1:c:".length();
		List<Wakeup> wakeups = List.of(Wakeup.moved(1, 1).created("n".repeat(room)));
		assertThat(WakeupCodec.encode("me", batch(wakeups)).get(0)).hasSize(7999);
		assertThat(decodeSingle(batch(wakeups)).wakeups()).isEqualTo(wakeups);
		assertThat(decodeSingle(batch(List.of(Wakeup.moved(1, 1).created("n".repeat(room + 1)))))).isEqualTo(RESYNC);
	}

	@Test
	void bytesAreCountedAndNotCharacters() {
		int room = WakeupCodec.MAX_PAYLOAD_BYTES - "1 me streams 1:1:c:".length();
		String name = "ü".repeat(room / 2);
		List<Wakeup> wakeups = List.of(Wakeup.moved(1, 1).created(name));
		String payload = WakeupCodec.encode("me", batch(wakeups)).get(0);
		assertThat(payload.getBytes(StandardCharsets.UTF_8).length).isBetween(7998, 7999);
		assertThat(decodeSingle(batch(wakeups)).wakeups()).isEqualTo(wakeups);
		assertThat(decodeSingle(batch(List.of(Wakeup.moved(1, 1).created(name + "ü"))))).isEqualTo(RESYNC);
		assertThat(decodeSingle(batch(List.of(Wakeup.moved(1, 1).created("🎈".repeat(2000)))))).isEqualTo(RESYNC);
	}

	@Test
	void oneThatCannotFitMakesAllOfItsTopicAResyncWhereverItStands() {
		Wakeup large = Wakeup.moved(1, 1).created("n".repeat(7999));
		assertThat(decodeSingle(batch(List.of(large, Wakeup.moved(2, 2))))).isEqualTo(RESYNC);
		assertThat(decodeSingle(batch(List.of(Wakeup.moved(2, 2), large, Wakeup.moved(3, 3))))).isEqualTo(RESYNC);
	}

	@Test
	void manyWakeupsAreSeveralPayloads() {
		List<Wakeup> wakeups = many(2000);
		List<String> payloads = WakeupCodec.encode("me", batch(wakeups));
		assertThat(payloads).hasSizeBetween(2, WakeupCodec.MAX_PAYLOADS)
			.allSatisfy((payload) -> assertThat(payload.getBytes(StandardCharsets.UTF_8))
				.hasSizeLessThanOrEqualTo(WakeupCodec.MAX_PAYLOAD_BYTES));
		assertThat(payloads.stream().map(WakeupCodec::decode).flatMap((decoded) -> decoded.wakeups().stream()))
			.containsExactlyElementsOf(wakeups);
	}

	@Test
	void moreThanIsWorthSendingIsAResync() {
		List<Wakeup> wakeups = new ArrayList<>();
		for (int id = 0; id < 1000; id++) {
			wakeups.add(Wakeup.moved(id, 1).created("n".repeat(500)));
		}
		assertThat(decodeSingle(batch(wakeups))).isEqualTo(RESYNC);
	}

	private static List<Wakeup> many(int count) {
		List<Wakeup> wakeups = new ArrayList<>();
		for (int id = 0; id < count; id++) {
			wakeups.add(Wakeup.moved(id, 1));
		}
		return wakeups;
	}

	@ParameterizedTest
	@ValueSource(strings = { "1 me streams x", "1 me streams 1", "1 me streams 1:2", "1 me streams 1:x:-",
			"1 me streams 1:1:c", "1 me streams 99999999999999999999:1:-", "1 me streams 1:1:- nonsense",
			"1 me streams  1:1:-" })
	void anUnreadableWakeupIsAResyncOfItsTopic(String payload) {
		assertThat(WakeupCodec.decode(payload)).isEqualTo(RESYNC);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "x", "1", "1 me", "1 me streams", "2 me streams 1:1:-", "11 me streams *" })
	void anUnreadablePayloadIsAResyncOfEverything(String payload) {
		Decoded decoded = WakeupCodec.decode(payload);
		assertThat(decoded.topic()).isNull();
		assertThat(decoded.wakeups()).isNull();
	}

	@Test
	void theSenderOfALaterVersionIsKnown() {
		assertThat(WakeupCodec.decode("2 me whatever").sender()).isEqualTo("me");
	}

	private static WakeupBatch batch(List<Wakeup> wakeups) {
		WakeupBatch batch = new WakeupBatch();
		wakeups.forEach((wakeup) -> batch.add("streams", wakeup));
		return batch;
	}

	private static Decoded decodeSingle(WakeupBatch batch) {
		List<String> payloads = WakeupCodec.encode("me", batch);
		assertThat(payloads).hasSize(1);
		assertThat(payloads.get(0).getBytes(StandardCharsets.UTF_8)).hasSizeLessThanOrEqualTo(7999);
		return WakeupCodec.decode(payloads.get(0));
	}

}
