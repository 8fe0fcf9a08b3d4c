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

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.zone.ZoneOffsetTransition;

import org.jspecify.annotations.Nullable;

import org.springframework.scheduling.support.CronExpression;

/**
 * The times at which recurring work is due.
 * <p>
 * {@link CronExpression} leaves out what falls into the hour that a change to summer time
 * skips, and has what falls into the hour that is repeated twice. Here that holds for
 * expressions that name times of every hour. Others, such as "at 2:30", are due once each
 * day: at the end of the hour that is skipped, and not again in the one that is repeated.
 *
 * @param expression the expression
 * @param zone the time zone in which the expression is meant
 */
record CronSchedule(CronExpression expression, ZoneId zone) {

	private static final String IN = " in ";

	/**
	 * Return the first time after another.
	 * @return the time, or {@code null} if there is none
	 */
	@Nullable Instant next(Instant after) {
		ZonedDateTime start = after.atZone(this.zone);
		LocalDateTime local = this.expression.next(start.toLocalDateTime());
		ZoneOffsetTransition skipped = (local != null) ? transition(local) : null;
		if (skipped != null && skipped.isGap()) {
			return skipped.getInstant();
		}
		ZonedDateTime next = this.expression.next(start);
		while (next != null && isRepetition(next)) {
			next = this.expression.next(next);
		}
		return (next != null) ? next.toInstant() : null;
	}

	private boolean isRepetition(ZonedDateTime time) {
		ZoneOffsetTransition transition = transition(time.toLocalDateTime());
		return transition != null && transition.isOverlap() && time.getOffset().equals(transition.getOffsetAfter());
	}

	/**
	 * Return the change of the clock that skips or repeats a time. None if the expression
	 * also names times of the hour after it.
	 */
	private @Nullable ZoneOffsetTransition transition(LocalDateTime local) {
		ZoneOffsetTransition transition = this.zone.getRules().getTransition(local);
		if (transition == null) {
			return null;
		}
		LocalDateTime end = (transition.isGap()) ? transition.getDateTimeAfter() : transition.getDateTimeBefore();
		LocalDateTime next = this.expression.next(end.minusNanos(1));
		return (next != null && next.isBefore(end.plus(transition.getDuration().abs()))) ? null : transition;
	}

	/**
	 * Return the schedule of a text.
	 * @param text what {@link #toString()} has returned, perhaps of another version
	 * @return the schedule, or {@code null} if it is none
	 */
	static @Nullable CronSchedule parse(String text) {
		int end = text.lastIndexOf(IN);
		try {
			return (end >= 0) ? new CronSchedule(CronExpression.parse(text.substring(0, end)),
					ZoneId.of(text.substring(end + IN.length()))) : null;
		}
		catch (IllegalArgumentException | DateTimeException ex) {
			return null;
		}
	}

	/**
	 * Return the schedule as it is stored with its item.
	 */
	@Override
	public String toString() {
		return this.expression + IN + this.zone;
	}

}
