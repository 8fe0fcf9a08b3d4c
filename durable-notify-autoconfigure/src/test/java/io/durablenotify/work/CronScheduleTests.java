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

package io.durablenotify.work;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.scheduling.support.CronExpression;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link CronSchedule}.
 */
class CronScheduleTests {

	@Test
	void timesAreThoseOfTheZone() {
		assertThat(schedule("0 0 3 * * *", "Europe/Vienna").next(Instant.parse("2026-01-10T12:00:00Z")))
			.isEqualTo("2026-01-11T02:00:00Z");
		assertThat(schedule("0 0 3 * * *", "Asia/Tokyo").next(Instant.parse("2026-01-10T12:00:00Z")))
			.isEqualTo("2026-01-10T18:00:00Z");
	}

	@Test
	void theNextTimeIsLaterThanTheOneGiven() {
		CronSchedule schedule = schedule("0 0 * * * *", "UTC");
		assertThat(schedule.next(Instant.parse("2026-01-10T12:00:00Z"))).isEqualTo("2026-01-10T13:00:00Z");
		assertThat(schedule.next(Instant.parse("2026-01-10T12:59:59.999999Z"))).isEqualTo("2026-01-10T13:00:00Z");
	}

	/**
	 * In Vienna 2:00 to 3:00 is skipped on March 29, and comes twice on October 25.
	 */
	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					0 30 2 * * *    | 2026-03-28T12:00+01:00 | 2026-03-29T03:00+02:00 2026-03-30T02:30+02:00
					0 0,30 2 * * *  | 2026-03-28T12:00+01:00 | 2026-03-29T03:00+02:00 2026-03-30T02:00+02:00
					0 0 3 * * *     | 2026-03-28T12:00+01:00 | 2026-03-29T03:00+02:00 2026-03-30T03:00+02:00
					0 45 * * * *    | 2026-03-29T01:40+01:00 | 2026-03-29T01:45+01:00 2026-03-29T03:45+02:00
					0 */30 * * * *  | 2026-03-29T01:20+01:00 | 2026-03-29T01:30+01:00 2026-03-29T03:00+02:00
					0 30 2 * * *    | 2026-10-24T12:00+02:00 | 2026-10-25T02:30+02:00 2026-10-26T02:30+01:00
					0 0 2 * * *     | 2026-10-24T12:00+02:00 | 2026-10-25T02:00+02:00 2026-10-26T02:00+01:00
					0 0 3 * * *     | 2026-10-24T12:00+02:00 | 2026-10-25T03:00+01:00 2026-10-26T03:00+01:00
					0 0 * * * *     | 2026-10-25T01:30+02:00 | 2026-10-25T02:00+02:00 2026-10-25T02:00+01:00 2026-10-25T03:00+01:00
					0 */30 * * * *  | 2026-10-25T02:20+02:00 | 2026-10-25T02:30+02:00 2026-10-25T02:00+01:00 2026-10-25T02:30+01:00
					""")
	void whatIsDueOncePerDayIsDueOnceWhenTheClockChanges(String expression, OffsetDateTime start, String expected) {
		CronSchedule schedule = schedule(expression.trim(), "Europe/Vienna");
		List<Instant> times = Stream.of(expected.trim().split(" "))
			.map((time) -> OffsetDateTime.parse(time).toInstant())
			.toList();
		assertThat(Stream.iterate(schedule.next(start.toInstant()), (time) -> schedule.next(time.plusSeconds(5)))
			.limit(times.size())).isEqualTo(times);
	}

	@Test
	void itIsStoredWithItsZone() {
		CronSchedule schedule = schedule("0 0 3 * * *", "Europe/Vienna");
		assertThat(schedule).hasToString("0 0 3 * * * in Europe/Vienna");
		assertThat(CronSchedule.parse(schedule.toString())).isEqualTo(schedule);
	}

	private static CronSchedule schedule(String expression, String zone) {
		return new CronSchedule(CronExpression.parse(expression), ZoneId.of(zone));
	}

}
