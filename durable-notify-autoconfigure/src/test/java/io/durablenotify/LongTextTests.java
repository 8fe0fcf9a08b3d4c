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

package io.durablenotify;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.channel.Message;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.stream.ConsumedChunk;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkQuery;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for texts as long as the rules allow, of characters that cannot be compressed:
 * they fit into the entries of the indexes.
 */
class LongTextTests {

	private static final int FIRST_OF_FOUR_BYTES = 0x20000;

	private static final int FIRST_OF_THREE_BYTES = 0x4e00;

	@Fixture
	private static Instance instance;

	private final Random random = new Random(1);

	private String text(int first, int length) {
		return this.random.ints(length, first, first + 20_000)
			.collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
			.toString();
	}

	@ParameterizedTest
	@CsvSource({ "512, 354", "354, 512", "433, 433" })
	void aNameAndAnOwnerOf2600BytesAreStored(int nameLength, int ownerLength) {
		String name = text(FIRST_OF_THREE_BYTES, nameLength);
		String owner = text(FIRST_OF_THREE_BYTES, ownerLength);
		instance.writer().create(name, StreamOptions.none().owner(owner));
		assertThat(instance.reader().list(StreamQuery.all().owner(owner).open())).extracting(StreamInfo::name)
			.containsExactly(name);
	}

	@ParameterizedTest
	@CsvSource({ "512, 512", "512, 355", "355, 512" })
	void aNameAndAnOwnerThatAreLongerAreRefused(int nameLength, int ownerLength) {
		String name = text(FIRST_OF_THREE_BYTES, nameLength);
		StreamOptions options = StreamOptions.none().owner(text(FIRST_OF_THREE_BYTES, ownerLength));
		assertThatIllegalArgumentException().isThrownBy(() -> instance.writer().create(name, options))
			.withMessageContaining("must have at most 2600 bytes in UTF-8 together");
	}

	@Test
	void aNameAloneHas512Characters() {
		String name = text(FIRST_OF_FOUR_BYTES, 512);
		instance.writer().append(name, "a");
		assertThat(instance.reader().info(name)).isPresent();
	}

	@Test
	void eventsHaveTheLongestTexts() {
		String run = text(FIRST_OF_FOUR_BYTES, 255);
		String id = text(FIRST_OF_FOUR_BYTES, 255);
		NewEvent event = NewEvent.of(run, text(FIRST_OF_FOUR_BYTES, 128))
			.correlationId(id)
			.idempotencyKey(text(FIRST_OF_FOUR_BYTES, 255));
		instance.events().append(event);
		NewEvent created = NewEvent.of(run, "step_created")
			.correlationId(text(FIRST_OF_FOUR_BYTES, 255))
			.idempotencyKey(text(FIRST_OF_FOUR_BYTES, 255));
		instance.events().appendAll(run, List.of(created, event));
		assertThat(instance.events().findByCorrelation(run, id)).extracting(StoredEvent::type)
			.containsExactly(event.type());
	}

	@Test
	void changesHaveTheLongestTexts() {
		instance.bean(ChangeNotifier.class)
			.publish(text(FIRST_OF_FOUR_BYTES, 255), text(FIRST_OF_FOUR_BYTES, 1024), text(FIRST_OF_FOUR_BYTES, 255));
	}

	@Test
	void workHasTheLongestTexts() {
		String queue = text(FIRST_OF_FOUR_BYTES, 255);
		WorkQueue work = instance.bean(WorkQueue.class);
		work.enqueue(WorkRequest.of(queue, "a").key(text(FIRST_OF_FOUR_BYTES, 512)));
		work.enqueue(WorkRequest.of(queue, "a").orderingKey(text(FIRST_OF_FOUR_BYTES, 512)));
		work.enqueueAll(List.of(WorkRequest.of(queue, "a").key(text(FIRST_OF_FOUR_BYTES, 512)),
				WorkRequest.of(queue, "a").orderingKey(text(FIRST_OF_FOUR_BYTES, 512))));
		assertThat(instance.bean(WorkAdmin.class).page(WorkQuery.of(queue)).items()).hasSize(4);
		List<String> failed = new CopyOnWriteArrayList<>();
		Subscription subscription = instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of(queue).onDead(OnDead.BLOCK), (item) -> {
				failed.add(item.key());
				throw new PermanentFailureException(item.key());
			});
		Eventually.await(() -> instance.bean(WorkAdmin.class).page(WorkQuery.of(queue).dead()).items().size() == 4,
				failed::toString);
		subscription.cancel();
	}

	@Test
	void channelsAndConsumersHaveTheLongestTexts() {
		DurableChannels channels = instance.bean(DurableChannels.class);
		String channel = text(FIRST_OF_FOUR_BYTES, 247);
		String address = text(FIRST_OF_FOUR_BYTES, 512);
		channels.send(channel, address, "a");
		assertThat(channels.receive(channel, address, Duration.ZERO)).map(Message::text).contains("a");
		String stream = text(FIRST_OF_FOUR_BYTES, 512);
		List<ConsumedChunk> consumed = new CopyOnWriteArrayList<>();
		Subscription subscription = instance.reader()
			.consumer(stream, text(FIRST_OF_FOUR_BYTES, 512))
			.subscribe(consumed::add);
		instance.writer().append(stream, "a");
		Eventually.await(() -> consumed.size() == 1, consumed::toString);
		subscription.cancel();
	}

}
