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

import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.log.Start;
import io.durablenotify.schema.Schema;
import io.durablenotify.stream.append.Append;
import io.durablenotify.stream.append.AppendConditions;
import io.durablenotify.stream.append.AppendPipeline.Limits;
import io.durablenotify.stream.append.AppendMeasures;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.stream.append.AppendWrite;
import io.durablenotify.stream.append.CommittedChunks;
import io.durablenotify.stream.append.StreamEndSql;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.wakeup.PublishingWrites;
import org.apache.commons.logging.LogFactory;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.willThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;

/**
 * Tests for chunks that readers of the writing instance get without a fetch.
 */
class StreamHandOverTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	private final AtomicInteger fetches = new AtomicInteger();

	private LogSubscriptions<Chunk> readers;

	private AppendPipeline appends;

	@BeforeEach
	void open() {
		StreamStore store = instance.bean(StreamStore.class);
		StreamStore counting = (StreamStore) Proxy.newProxyInstance(StreamStore.class.getClassLoader(),
				new Class<?>[] { StreamStore.class }, (proxy, method, arguments) -> {
					if (method.getName().startsWith("fetch")) {
						this.fetches.incrementAndGet();
					}
					return method.invoke(store, arguments);
				});
		this.readers = new LogSubscriptions<>(TailedStream.KIND, counting,
				instance.bean(StreamProperties.class).bufferBytes().toBytes(), instance.bean(ApplicationDatabase.class),
				(Executor) instance.context().getBean("durableNotifyTaskExecutor"), instance.bean(Wakeups.class),
				instance.bean(Poll.class), new LogMeasures(List.of()));
		this.appends = appends(new ChunkHandOver(this.readers));
	}

	private static AppendPipeline appends(CommittedChunks committed) {
		AppendWrite write = new AppendWrite(TailedStream.TOPIC, instance.bean(Schema.class).name(),
				instance.bean(StreamEndSql.class), instance.bean(PublishingWrites.class), committed,
				new AppendMeasures(), LogFactory.getLog(StreamHandOverTests.class));
		return new AppendPipeline(instance.bean(ApplicationDatabase.class), write,
				new Limits(Eventually.TIMEOUT, 1_000_000), Runnable::run, WriteFailures::requireStored,
				LogFactory.getLog(StreamHandOverTests.class));
	}

	@AfterEach
	void close() {
		this.appends.close();
		this.readers.close();
	}

	@Test
	void aReaderThatWaitsForAChunkGetsItWithoutAFetch() {
		RecordingHandler handler = read("handed-over");
		int before = this.fetches.get();
		for (int i = 1; i <= 20; i++) {
			append("handed-over", String.valueOf(i));
		}
		handler.awaitChunks(21).assertGapFree(0, 21);
		assertThat(this.fetches).hasValue(before);
	}

	@Test
	void itIsTheChunkThatOthersRead() {
		RecordingHandler handler = read("same");
		append("same", "one");
		handler.awaitChunks(2);
		assertThat(handler.chunks()).isEqualTo(instance.reader().page("same", StreamPosition.start(), 10).chunks());
	}

	@Test
	void theCallersArrayIsNotHandedOver() {
		RecordingHandler handler = read("copied");
		int before = this.fetches.get();
		byte[] data = "before".getBytes(StandardCharsets.UTF_8);
		append("copied", data);
		data[0] = 'X';
		handler.awaitChunks(2);
		assertThat(handler.texts()).endsWith("before");
		assertThat(this.fetches).as("it was handed over").hasValue(before);
	}

	@Test
	void aReaderThatLagsFetches() {
		RecordingHandler ahead = read("behind");
		RecordingHandler later = new RecordingHandler();
		this.readers.open(target("behind"), Start.at(3), new ChunkDelivery(later));
		awaitIdle();
		for (int i = 1; i <= 4; i++) {
			append("behind", String.valueOf(i));
		}
		ahead.awaitChunks(5).assertGapFree(0, 5);
		later.awaitChunks(2).assertGapFree(3, 2);
	}

	/**
	 * As for want of memory.
	 */
	@Test
	void anAppendIsStoredAndItsReadersAreWokenWhenItsHandOverFails() {
		CommittedChunks failing = mock();
		given(failing.isWanted(anyLong())).willReturn(true);
		willThrow(new OutOfMemoryError("once more")).given(failing)
			.committed(anyLong(), any(), anyLong(), any(), any());
		RecordingHandler handler = read("committed");
		this.appends.close();
		this.appends = appends(failing);
		for (int i = 1; i <= 3; i++) {
			append("committed", String.valueOf(i));
		}
		handler.awaitChunks(4).assertGapFree(0, 4);
		verify(failing, times(2)).committed(anyLong(), any(), anyLong(), any(), any());
	}

	@Test
	void aReaderWithoutRoomFetchesWhenItHasSome() {
		try (Instance small = Instance.start(database, "durable-notify.streams.buffer-size=2")) {
			RecordingHandler handler = new RecordingHandler();
			small.writer().append("small", "0");
			small.reader().subscribe("small", StreamPosition.start(), handler);
			for (int i = 1; i < 50; i++) {
				small.writer().append("small", String.valueOf(i));
			}
			handler.awaitChunks(50).assertGapFree(0, 50);
		}
	}

	@Test
	void writersHereAndElsewhereGiveEveryReaderOneOrder() throws Exception {
		try (Instance other = Instance.start(database)) {
			List<RecordingHandler> handlers = new ArrayList<>();
			for (Instance reading : List.of(instance, other, instance, other)) {
				RecordingHandler handler = new RecordingHandler();
				reading.reader().subscribe("shared", StreamPosition.start(), handler);
				handlers.add(handler);
			}
			CompletableFuture<Void> elsewhere = Background.run(() -> appendMany(other));
			appendMany(instance);
			elsewhere.get(30, TimeUnit.SECONDS);
			for (RecordingHandler handler : handlers) {
				handler.awaitChunks(400).assertGapFree(0, 400);
			}
		}
	}

	private static void appendMany(Instance writing) {
		for (int i = 0; i < 200; i++) {
			writing.writer().append("shared", String.valueOf(i));
		}
	}

	/**
	 * Return a reader's handler that has received the first chunk and waits.
	 */
	private RecordingHandler read(String stream) {
		RecordingHandler handler = new RecordingHandler();
		append(stream, "0");
		this.readers.open(target(stream), Start.at(0), new ChunkDelivery(handler));
		handler.awaitChunks(1);
		awaitIdle();
		return handler;
	}

	private static TailedStream target(String stream) {
		return StreamScope.of(instance.bean(StreamProperties.class)).tailed(stream);
	}

	/**
	 * By the pipeline under test, which knows the next index from then on.
	 */
	private void append(String stream, byte[] data) {
		this.appends.append(new Append(stream, AppendConditions.NONE, List.of(data)));
	}

	private void append(String stream, String text) {
		append(stream, text.getBytes(StandardCharsets.UTF_8));
	}

	private void awaitIdle() {
		Awaitility.await()
			.atMost(Eventually.TIMEOUT)
			.until(() -> ReaderStates.all(this.readers).stream().allMatch((reader) -> ReaderStates.isIdle(reader)));
	}

}
