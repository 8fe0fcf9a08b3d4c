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

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;
import org.springframework.core.annotation.AliasFor;
import org.springframework.scheduling.annotation.Scheduled;

/**
 * Calls a method of a bean with the items of queues. <pre class="code">
 * &#064;WorkListener(queue = "mail", concurrency = "4", transactional = true)
 * void send(Mail mail, WorkItem item, &#064;WorkHeader("tenant") String tenant) {
 * 	this.ledger.book(mail);
 * }
 * </pre>
 * <p>
 * The method may take the payload, which is decoded to the parameter's type, generic
 * types included; a {@link WorkItem}; and headers, each as a {@code String} with
 * {@link WorkHeader @WorkHeader}. It returns nothing, or a {@link WorkOutcome}. A payload
 * of {@code null} is passed as such. It must be neither private nor static, nor final if
 * the bean has a proxy. An invalid method is a {@link WorkListenerException}, and its
 * bean cannot be created.
 * <p>
 * An exception that the method throws makes the attempt a failed one: the item is retried
 * after the backoff, and is dead after its last attempt. It is dead at once after a
 * {@link PermanentFailureException} or an exception of {@link #dontRetryOn()}, if its
 * payload cannot be decoded, or if a header is missing.
 * <p>
 * With {@link #batch()}, the method takes a {@code List} of payloads, a
 * {@code List<WorkItem>}, or both, which have the same order, and returns nothing. If it
 * throws, each item of the batch is retried alone.
 * <p>
 * With {@link #cron()}, the method is called at times, by one instance of all.
 * <p>
 * The method is called on threads of {@code durableNotifyWorkExecutor}, by several at
 * once as {@link #concurrency()} allows, and through the bean's proxy if it has one.
 * Items are claimed from the start of the application context until it stops, or until
 * the bean is destroyed. {@code spring.main.lazy-initialization} makes no bean with such
 * a method lazy.
 * <p>
 * Each attribute that is a {@code String} may have placeholders. An empty one is set by
 * {@code durable-notify.work}, or {@code durable-notify.work.queues} for the first queue.
 * May be used as a meta-annotation.
 *
 * @see WorkListeners
 */
@Target({ ElementType.METHOD, ElementType.ANNOTATION_TYPE })
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Reflective(WorkListenerReflection.class)
public @interface WorkListener {

	/**
	 * Alias for {@link #queue()}.
	 * @return the queues
	 */
	@AliasFor("queue")
	String[] value() default {};

	/**
	 * The queues. Several share the concurrency, and are claimed in the order in which
	 * they are named. In an application, a queue has one listener.
	 * @return the queues, at least one unless there is a {@link #cron()}
	 */
	@AliasFor("value")
	String[] queue() default {};

	/**
	 * The name of the listener, which recurring work is stored under.
	 * @return the name, by default {@code Class.method}
	 */
	String id() default "";

	/**
	 * How many calls run at once in this instance.
	 * @return a number, 1 to 1000
	 */
	String concurrency() default "";

	/**
	 * How many items are claimed beyond those that are handled at once.
	 * @return a number up to 1000; by default as many as begin within 20 ms, by the
	 * average of the handler so far, up to 100 with those that run
	 */
	String prefetch() default "";

	/**
	 * Whether the engine opens a transaction around the method and completes the item in
	 * it. What the method writes to the database then happens exactly once. Otherwise the
	 * item is completed after the method has returned: at least once.
	 * @return whether it does
	 */
	boolean transactional() default false;

	/**
	 * After how many failed attempts an item is dead.
	 * @return a number, at least 1
	 */
	String maxAttempts() default "";

	/**
	 * The delay after the first failed attempt.
	 * @return a duration with its unit, such as {@code 500ms}, from 1ms to 36500d
	 */
	String backoffDelay() default "";

	/**
	 * What each delay is multiplied by for the next one.
	 * @return a number, at least 1
	 */
	String backoffMultiplier() default "";

	/**
	 * The longest delay.
	 * @return a duration with its unit, such as {@code 1h}, from 1ms to 36500d
	 */
	String backoffMaxDelay() default "";

	/**
	 * What becomes of the later items of an ordering key when one is dead.
	 * @return what becomes of them
	 */
	WorkListenerSpec.OnDead onDead() default WorkListenerSpec.OnDead.CONTINUE;

	/**
	 * The exceptions after which an item is dead at once.
	 * @return the types, with their subtypes
	 */
	Class<? extends Throwable>[] dontRetryOn() default {};

	/**
	 * Whether the method takes several items at once.
	 * @return whether it does
	 */
	boolean batch() default false;

	/**
	 * When to call the method, as {@link Scheduled#cron()} has it: by one instance, over
	 * all that are running. {@link Scheduled#CRON_DISABLED "-"} disables it in this
	 * instance. The next time is computed after a run, so that runs do not overlap,
	 * unless the item is cancelled during one: it is stored again within a minute. If no
	 * instance was running at one time or several, there is one run as soon as there is
	 * an instance.
	 * <p>
	 * A run that fails is retried after the backoff. After its last attempt it is logged,
	 * and there is a run at the next time all the same. The method must not call
	 * {@link WorkItem#complete()}. One that returns {@link WorkOutcome#again} chooses the
	 * next time.
	 * <p>
	 * The queue is {@code cron/} and the {@link #id()}, unless one is named. It should be
	 * the method's own: instances that have another listener for it would run that. The
	 * method takes no payload.
	 * @return the expression of Spring's
	 * {@link org.springframework.scheduling.support.CronExpression}
	 */
	String cron() default "";

	/**
	 * The time zone of {@link #cron()}.
	 * @return its id, by default that of the JVM
	 */
	String zone() default "";

}
