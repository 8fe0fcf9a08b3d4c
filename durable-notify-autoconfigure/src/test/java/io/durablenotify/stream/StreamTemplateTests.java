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

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.JsonStreamCodec;
import io.durablenotify.StreamCodec;
import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamTemplate}.
 */
@ExtendWith(OutputCaptureExtension.class)
class StreamTemplateTests {

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	private static StreamTemplate<Step> steps;

	record Step(String name, int attempt) {
	}

	@BeforeAll
	static void start() {
		steps = StreamTemplate.of(writer, instance.reader(), new JsonStreamCodec<>(JsonMapper.shared(), Step.class));
	}

	@Test
	void valuesAreReadAsTheyWereWrittenByEachMethodWithTheirIndexes() throws Exception {
		RecordingValues<Step> handler = new RecordingValues<>();
		steps.subscribe("runs/1", StreamPosition.start(), handler);
		assertThat(steps.append("runs/1", new Step("fetch", 1))).isZero();
		assertThat(steps.appendAll("runs/1", List.of(new Step("parse", 1), new Step("parse", 2)))).isOne();
		assertThat(steps.appendAsync("runs/1", new Step("store", 1)).get(30, TimeUnit.SECONDS)).isEqualTo(3);
		writer.complete("runs/1");
		handler.awaitEnd();
		assertThat(handler.values).isEqualTo(Map.of(0L, new Step("fetch", 1), 1L, new Step("parse", 1), 2L,
				new Step("parse", 2), 3L, new Step("store", 1)));
		assertThat(handler.completions).hasValue(1);
		assertThat(handler.errors).isEmpty();
	}

	@Test
	void aValueIsAChunkLikeAnyOther() {
		StreamTemplate<String> texts = StreamTemplate.of(writer, instance.reader(), StreamCodec.text());
		texts.append("texts", "über");
		writer.append("texts", "all");
		assertThat(instance.reader().page("texts", StreamPosition.start(), 10).chunks()).extracting(Chunk::text)
			.containsExactly("über", "all");
		RecordingValues<CharSequence> handler = new RecordingValues<>();
		texts.subscribe("texts", StreamPosition.after(0), handler);
		writer.fail("texts", "broken");
		handler.awaitEnd();
		assertThat(handler.values).isEqualTo(new TreeMap<>(Map.of(1L, "all")));
		assertThat(handler.errors).singleElement().isInstanceOf(StreamFailedException.class);
	}

	@Test
	void aChunkThatIsNoValueEndsTheSubscriptionWithoutShowingThePayload(CapturedOutput output) {
		steps.append("undecodable", new Step("fetch", 1));
		writer.append("undecodable", "{\"name\": \"a\", \"attempt\": \"secret-4711\"}");
		steps.append("undecodable", new Step("fetch", 2));
		RecordingValues<Step> handler = new RecordingValues<>();
		Subscription subscription = steps.subscribe("undecodable", StreamPosition.start(), handler);
		handler.awaitEnd();
		assertThat(handler.values).containsOnlyKeys(0L);
		assertThat(handler.completions).hasValue(0);
		assertThat(handler.errors).singleElement().isInstanceOfSatisfying(StreamDecodeException.class, (error) -> {
			assertThat(error.getStream()).isEqualTo("undecodable");
			assertThat(error.getIndex()).isOne();
			assertThat(error).hasMessageStartingWith("Chunk 1 of stream 'undecodable' cannot be decoded (")
				.hasNoCause();
			assertThat(error.getStackTrace()).anyMatch((frame) -> frame.getClassName().contains("jackson"));
		});
		assertThat(subscription.isActive()).isFalse();
		assertThat(output).contains("chunk 1 of stream 'undecodable'").doesNotContain("secret-4711");
	}

	@Test
	void aCodecThatReturnsNullHasNotDecoded() {
		StreamTemplate<String> nothing = StreamTemplate.of(writer, instance.reader(), new StreamCodec<>() {

			@Override
			public byte[] encode(String value) {
				return new byte[0];
			}

			@Override
			public String decode(byte[] data) {
				return null;
			}

		});
		nothing.append("nothing", "a");
		RecordingValues<String> handler = new RecordingValues<>();
		nothing.subscribe("nothing", StreamPosition.start(), handler);
		handler.awaitEnd();
		assertThat(handler.errors).singleElement().isInstanceOf(StreamDecodeException.class);
	}

	@Test
	void aHandlerThatThrowsEndsItsSubscriptionWithThatError() {
		steps.append("throwing", new Step("fetch", 1));
		IllegalStateException failure = new IllegalStateException("handler broke");
		RecordingValues<Step> handler = new RecordingValues<>() {

			@Override
			public void onValue(Step value, long index) {
				throw failure;
			}

		};
		steps.subscribe("throwing", StreamPosition.start(), handler);
		handler.awaitEnd();
		assertThat(handler.errors).containsExactly(failure);
	}

	@Test
	void aValueThatCannotBeEncodedIsRefusedAndNothingIsStored() {
		StreamTemplate<String> texts = StreamTemplate.of(writer, instance.reader(), StreamCodec.text());
		assertThatIllegalArgumentException().isThrownBy(() -> texts.append("unencodable", "\uD83E"));
		assertThatIllegalArgumentException().isThrownBy(() -> texts.appendAll("unencodable", List.of("a", "\uD83E")));
		assertThatIllegalArgumentException().isThrownBy(() -> texts.appendAsync("unencodable", "\uD83E"));
		assertThatIllegalArgumentException().isThrownBy(() -> texts.append("unencodable", null));
		assertThatIllegalArgumentException().isThrownBy(() -> texts.appendAsync("unencodable", null));
		assertThatIllegalArgumentException().isThrownBy(() -> texts.appendAll("unencodable", null));
		assertThat(instance.reader().info("unencodable")).isEmpty();
	}

	@Test
	void anAppendOfAValueIsPartOfTheTransaction() {
		instance.transaction().executeWithoutResult((status) -> {
			steps.append("rolled-back", new Step("fetch", 1));
			status.setRollbackOnly();
		});
		assertThat(instance.reader().info("rolled-back")).isEmpty();
	}

	@Test
	void aTemplateNeedsAllItsParts() {
		assertThatIllegalArgumentException()
			.isThrownBy(() -> StreamTemplate.of(null, instance.reader(), StreamCodec.text()));
		assertThatIllegalArgumentException().isThrownBy(() -> StreamTemplate.of(writer, null, StreamCodec.text()));
		assertThatIllegalArgumentException().isThrownBy(() -> StreamTemplate.of(writer, instance.reader(), null));
		assertThatIllegalArgumentException().isThrownBy(() -> steps.subscribe("name", StreamPosition.start(), null));
	}

	/**
	 * Keeps what a reader has received.
	 */
	private static class RecordingValues<T> implements ValueHandler<T> {

		final Map<Long, T> values = new ConcurrentSkipListMap<>();

		final AtomicInteger completions = new AtomicInteger();

		final List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void onValue(T value, long index) {
			this.values.put(index, value);
		}

		@Override
		public void onComplete() {
			this.completions.incrementAndGet();
		}

		@Override
		public void onError(Throwable error) {
			this.errors.add(error);
		}

		void awaitEnd() {
			Eventually.await(() -> this.completions.get() + this.errors.size() > 0, () -> this.values);
		}

	}

}
