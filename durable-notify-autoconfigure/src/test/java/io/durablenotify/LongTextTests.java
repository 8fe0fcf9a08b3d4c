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

import java.util.List;
import java.util.Random;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
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

}
