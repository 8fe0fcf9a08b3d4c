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

import java.lang.reflect.Method;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.Supplier;

import io.durablenotify.database.Texts;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.convert.DurationStyle;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.scheduling.support.CronExpression;
import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;

/**
 * The attributes of a {@link WorkListener}. What is wrong is an
 * {@link IllegalArgumentException} that names the attribute.
 *
 * @param annotation the annotation
 * @param type the class of the bean
 * @param method the annotated method
 * @param placeholders resolves the placeholders of an attribute, given its name and its
 * text
 */
record WorkListenerAttributes(WorkListener annotation, Class<?> type, Method method,
		BinaryOperator<String> placeholders) {

	/**
	 * What the queue of recurring work begins with, unless one is named.
	 */
	static final String CRON_QUEUE = "cron/";

	private static final String RANGE = "a whole number from %d to %d";

	private static final String DURATION = "a duration from 1ms to %dd with its unit, such as 500ms, 30s, 5m, 2h or 1d"
		.formatted(Backoff.LONGEST_DELAY.toDays());

	/**
	 * Return whether the method is not called in this instance.
	 */
	boolean isDisabled() {
		return Scheduled.CRON_DISABLED.equals(resolve("cron", this.annotation.cron()));
	}

	/**
	 * Return when the method is called.
	 * @return {@code null} if it is called with items that the application enqueues
	 */
	@Nullable CronSchedule schedule() {
		CronExpression expression = value("cron", this.annotation.cron(), WorkListenerAttributes::cron);
		ZoneId zone = value("zone", this.annotation.zone(), WorkListenerAttributes::zone);
		if (expression == null) {
			Assert.isTrue(zone == null, "'zone' must not be set without a 'cron', whose time zone it is");
			return null;
		}
		Assert.isTrue(!this.annotation.batch(), "'batch' must be false with a 'cron'");
		return new CronSchedule(expression, (zone != null) ? zone : ZoneId.systemDefault());
	}

	private static CronExpression cron(String text) {
		CronExpression expression = CronExpression.parse(text);
		Assert.isTrue(expression.next(LocalDate.EPOCH.atStartOfDay()) != null, "it names no time");
		return expression;
	}

	private static ZoneId zone(String id) {
		try {
			return ZoneId.of(id);
		}
		catch (DateTimeException ex) {
			throw new IllegalArgumentException(ex.getMessage(), ex);
		}
	}

	/**
	 * Return the name of the listener. By default without that of the subclass by which
	 * Spring extends a {@code @Configuration}.
	 */
	String id() {
		String id = value("id", this.annotation.id(), (text) -> text);
		return (id != null) ? id : ClassUtils.getUserClass(this.type).getSimpleName() + "." + this.method.getName();
	}

	/**
	 * Return the queues.
	 */
	List<String> queues() {
		List<String> queues = Arrays.stream(this.annotation.queue())
			.map((queue) -> this.placeholders.apply("Queue", queue))
			.toList();
		boolean recurring = schedule() != null;
		Assert.isTrue(recurring || !queues.isEmpty(), "It must name a queue");
		Assert.isTrue(!recurring || queues.size() <= 1, "With a 'cron' it must name one queue, or none");
		if (queues.isEmpty()) {
			return List
				.of(CRON_QUEUE + Texts.requireName("'id'", id(), WorkRequest.MAX_QUEUE_LENGTH - CRON_QUEUE.length()));
		}
		return WorkListenerSpec.of(queues.toArray(String[]::new)).queues();
	}

	/**
	 * Return the specification.
	 * @param defaults has the backoff of a queue, for what the annotation has not
	 */
	WorkListenerSpec spec(List<String> queues, Function<String, Backoff> defaults) {
		return new WorkListenerSpec(queues, number("concurrency", this.annotation.concurrency(), 1),
				number("prefetch", this.annotation.prefetch(), 0), this.annotation.transactional(),
				number("maxAttempts", this.annotation.maxAttempts(), "a whole number, at least 1", Integer::valueOf),
				backoff(() -> defaults.apply(queues.get(0))), this.annotation.onDead(),
				List.of(this.annotation.dontRetryOn()));
	}

	private @Nullable Integer number(String name, String text, int least) {
		return number(name, text, RANGE.formatted(least, WorkListenerSpec.MOST_HANDLERS), Integer::valueOf);
	}

	private <T extends Number> @Nullable T number(String name, String text, String expected,
			Function<String, T> parser) {
		return value(name, text, (number) -> {
			try {
				return parser.apply(number);
			}
			catch (NumberFormatException ex) {
				throw new IllegalArgumentException("it must be " + expected, ex);
			}
		});
	}

	private @Nullable Backoff backoff(Supplier<Backoff> defaults) {
		Duration delay = value("backoffDelay", this.annotation.backoffDelay(), WorkListenerAttributes::duration);
		Double multiplier = number("backoffMultiplier", this.annotation.backoffMultiplier(), "a number, at least 1",
				Double::valueOf);
		Duration maxDelay = value("backoffMaxDelay", this.annotation.backoffMaxDelay(),
				WorkListenerAttributes::duration);
		if (delay == null && multiplier == null && maxDelay == null) {
			return null;
		}
		Assert.isTrue(multiplier == null || multiplier >= 1,
				() -> "'backoffMultiplier' must be at least 1, but is " + multiplier);
		Backoff others = defaults.get();
		return new Backoff((delay != null) ? delay : others.delay(),
				(multiplier != null) ? multiplier : others.multiplier(),
				(maxDelay != null) ? maxDelay : others.maxDelay());
	}

	/**
	 * A bare number would be taken for milliseconds.
	 */
	private static Duration duration(String text) {
		try {
			Duration duration = DurationStyle.detectAndParse(text);
			if (text.chars().anyMatch(Character::isLetter) && duration.compareTo(Duration.ofMillis(1)) >= 0
					&& duration.compareTo(Backoff.LONGEST_DELAY) <= 0) {
				return duration;
			}
		}
		catch (IllegalArgumentException ex) {
			// Does not name the units
		}
		throw new IllegalArgumentException("it must be " + DURATION);
	}

	private String resolve(String name, String text) {
		return this.placeholders.apply("'" + name + "'", text).trim();
	}

	private <T> @Nullable T value(String name, String text, Function<String, T> parser) {
		String resolved = resolve(name, text);
		if (resolved.isEmpty()) {
			return null;
		}
		try {
			return parser.apply(resolved);
		}
		catch (IllegalArgumentException ex) {
			throw new IllegalArgumentException("'%s' cannot be '%s': %s".formatted(name, resolved, ex.getMessage()),
					ex);
		}
	}

}
