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

package io.durablenotify.jdbc;

import java.util.Map;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DriverConnectionDetails}.
 */
class DriverConnectionDetailsTests {

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			jdbc:postgresql://host/db?user=app&password=secret | host:5432/db as user 'app'
			jdbc:postgresql://host/db?password=secret&user=a%20b | host:5432/db as user 'a b'
			jdbc:postgresql://app:secret@host:5433/db?user=app | host:5433/db as user 'app'
			jdbc:postgresql://one,two:5433/db?user=app | one:5432,two:5433/db as user 'app'
			jdbc:postgresql://[::1]/?user=app | [::1]:5432/app as user 'app'
			jdbc:postgresql:db?user=app | localhost:5432/db as user 'app'
			jdbc:postgresql:///db?user=app | localhost:5432/db as user 'app'
			jdbc:h2:mem:x;PASSWORD=secret | the database
			jdbc:other:app/secret@host | the database
			null | the database
			""")
	void theTargetOfAUrlHasItsAddressAndItsUserAndNoSecret(String url, String target) {
		assertThat(new DriverConnectionDetails(url, null, null, Map.of()).target()).isEqualTo(target);
	}

	@ParameterizedTest
	@CsvSource({ "jdbc:postgresql://host/db?user=other", "jdbc:postgresql://host/db" })
	void aUsernameCountsMoreThanTheUrls(String url) {
		assertThat(new DriverConnectionDetails(url, "app", "secret", Map.of()).target())
			.isEqualTo("host:5432/db as user 'app'");
	}

}
