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

package io.durablenotify.measure;

import java.util.LinkedHashSet;
import java.util.Set;

import io.durablenotify.testsupport.WordlessException;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Names}.
 */
class NamesTests {

	private final Names<Tally> names = new Names<>(2, Tally::new);

	@Test
	void aNameHasTheSameMeasuresEachTime() {
		assertThat(this.names.of("a")).isSameAs(this.names.of("a")).isNotSameAs(this.names.of("b"));
	}

	@Test
	void namesThatAreTooManyShareTheMeasuresOfOther() {
		this.names.of("a");
		this.names.of("b");
		assertThat(this.names.of("c")).isSameAs(this.names.of("d")).isSameAs(this.names.of(Names.OTHER));
		assertThat(this.names.has("b")).isTrue();
		assertThat(this.names.has("c")).isFalse();
	}

	@Test
	void aListenerHasThoseThatAreThereAndThoseThatCome() {
		this.names.of("a");
		Set<String> listened = new LinkedHashSet<>();
		this.names.forEach((name, measures) -> listened.add(name));
		this.names.of("b");
		this.names.of("c");
		this.names.of("d");
		assertThat(listened).containsExactly("a", "b", Names.OTHER);
	}

	@Test
	void aListenerThatFailsIsMissedByNoOther() {
		this.names.forEach((name, measures) -> {
			throw new WordlessException();
		});
		Set<String> listened = new LinkedHashSet<>();
		this.names.forEach((name, measures) -> listened.add(name));
		assertThat(this.names.of("a")).isSameAs(this.names.of("a"));
		assertThat(listened).containsExactly("a");
	}

}
