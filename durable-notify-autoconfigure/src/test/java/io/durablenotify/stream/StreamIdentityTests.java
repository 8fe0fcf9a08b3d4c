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

import java.util.List;
import java.util.Optional;
import java.util.concurrent.Flow;

import io.durablenotify.log.LogIdentityContract;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link StreamPosition#in(String)}.
 */
class StreamIdentityTests extends LogIdentityContract<Chunk> {

	StreamIdentityTests() {
		super(StreamTruncatedException.class, StreamDeletedException.class);
	}

	@Override
	protected void append(Instance instance, String stream, int count) {
		instance.transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < count; i++) {
				instance.writer().append(stream, "chunk " + i);
			}
		});
	}

	@Override
	protected void delete(Instance instance, String stream) {
		assertThat(instance.writer().delete(stream)).isTrue();
	}

	@Override
	protected Optional<String> identity(Instance instance, String stream) {
		return instance.reader().info(stream).map(StreamInfo::identity);
	}

	@Override
	protected Flow.Publisher<Chunk> publisher(Instance instance, String stream, int first, @Nullable String identity) {
		StreamPosition from = StreamPosition.at(first);
		return instance.reader().publisher(stream, (identity != null) ? from.in(identity) : from);
	}

	@Override
	protected long place(Chunk chunk) {
		return chunk.index();
	}

	@Override
	protected long number(int place) {
		return place;
	}

	@Override
	protected String recreate() {
		return "UPDATE durable_notify.streams SET created_at = created_at + interval '1 microsecond' WHERE name = ?";
	}

	@Test
	void everyWayToReadKnowsTheStream() {
		String identity = append("ways", 3);
		StreamReader reader = instance().reader();
		for (StreamPosition from : positions(identity)) {
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe("ways", from, handler);
			assertThat(reader.page("ways", from, 10).nextIndex()).isEqualTo(3);
		}
		try (StreamCursor cursor = reader.cursor("ways", StreamPosition.last(1).in(identity))) {
			assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
		}
		delete(instance(), "ways");
		assertEveryWay(StreamDeletedException.class, "ways", positions(identity));
		append("ways", 5);
		assertEveryWay(StreamTruncatedException.class, "ways", positions(identity));
	}

	private static List<StreamPosition> positions(String identity) {
		return List.of(StreamPosition.start().in(identity), StreamPosition.after(1).in(identity),
				StreamPosition.after(2).in(identity), StreamPosition.last(2).in(identity),
				StreamPosition.end().in(identity));
	}

	private static void assertEveryWay(Class<? extends StreamException> error, String stream,
			List<StreamPosition> positions) {
		StreamReader reader = instance().reader();
		for (StreamPosition from : positions) {
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe(stream, from, handler);
			assertThat(handler.awaitError()).as(from.toString()).isInstanceOf(error);
			assertThat(handler.chunks()).isEmpty();
			assertThrown(error, from, () -> reader.page(stream, from, 10));
			try (StreamCursor cursor = reader.cursor(stream, from)) {
				assertThrown(error, from, () -> cursor.poll(Eventually.TIMEOUT));
			}
		}
	}

	private static void assertThrown(Class<? extends StreamException> error, StreamPosition from,
			ThrowingCallable call) {
		assertThatExceptionOfType(error).as(from.toString()).isThrownBy(call);
	}

	@Test
	void aPageBeyondTheEndIsThatOfLostChunks() {
		String identity = append("page", 3);
		StreamReader reader = instance().reader();
		assertThat(reader.page("page", StreamPosition.at(3).in(identity), 10).chunks()).isEmpty();
		assertThat(reader.page("page", StreamPosition.last(10).in(identity), 10).chunks()).hasSize(3);
		assertThatExceptionOfType(StreamTruncatedException.class)
			.isThrownBy(() -> reader.page("page", StreamPosition.at(4).in(identity), 10))
			.withMessageContaining("expected index 4, but the stream ends at 3");
		assertThat(reader.page("page", StreamPosition.at(4), 10).chunks()).isEmpty();
	}

	@Test
	void aStreamThatHasEndedIsReadToItsEnd() {
		String identity = append("ended", 3);
		instance().writer().complete("ended");
		for (int index : List.of(0, 2, 3)) {
			RecordingHandler handler = new RecordingHandler();
			instance().reader().subscribe("ended", StreamPosition.at(index).in(identity), handler);
			handler.awaitComplete().assertGapFree(index, 3 - index);
		}
	}

	@Test
	void listsHaveIdentitiesAndFamiliesKeepThem() {
		String identity = append("listed", 1);
		assertThat(instance().reader().list(StreamQuery.all().prefix("listed"))).extracting(StreamInfo::identity)
			.containsExactly(identity);
		StreamInfo info = instance().reader().info("listed").orElseThrow();
		StreamScope family = new StreamScope("lists", "list", 1, 1, "property");
		assertThat(family.relativeInfo(info).identity()).isEqualTo(identity);
	}

	@Test
	void aStreamThatIsNotCommittedDoesNotExistForAReader() {
		RecordingHandler handler = new RecordingHandler();
		instance().transaction().executeWithoutResult((status) -> {
			instance().writer().append("uncommitted", "chunk");
			String identity = identity(instance(), "uncommitted").orElseThrow();
			instance().reader().subscribe("uncommitted", StreamPosition.end().in(identity), handler);
			assertThat(handler.awaitError()).isInstanceOf(StreamDeletedException.class);
			assertThat(instance().reader().page("uncommitted", StreamPosition.start().in(identity), 1).chunks())
				.hasSize(1);
		});
	}

}
