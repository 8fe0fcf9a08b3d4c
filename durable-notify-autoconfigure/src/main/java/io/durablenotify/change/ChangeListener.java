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

package io.durablenotify.change;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;
import org.springframework.core.annotation.AliasFor;

/**
 * Calls a method of a bean with the changes of topics, or with their gaps.
 * <pre class="code">
 * &#064;ChangeListener(topics = "profiles")
 * void on(Change change) {
 * 	this.profiles.remove(change.key());
 * }
 *
 * &#064;ChangeListener(topics = "profiles")
 * void on(ChangeGap gap) {
 * 	this.profiles.clear();
 * }
 * </pre>
 * <p>
 * The method must take a {@link Change} or a {@link ChangeGap}, return nothing, and be
 * neither private nor static, nor final if the bean has a proxy; otherwise the bean
 * cannot be created, by a {@link ChangeListenerException}.
 * <p>
 * Each method has its own subscription to each topic. A method that takes changes gets no
 * gaps, and the other way round; two methods may be called at the same time. The calls of
 * one method and topic come one after the other, on {@code durableNotifyTaskExecutor},
 * through the bean's proxy if it has one. An exception that the method throws is logged,
 * and the next change follows.
 * <p>
 * The method gets all changes that are committed after its bean was initialized, which is
 * before other beans can use it. Data that the bean reads while it is initialized, such
 * as in a {@code @PostConstruct} method, is older: fill a cache on first use, or when the
 * application is ready.
 * <p>
 * A cache must be filled from data that is at least as new as the delivered changes. Read
 * it in a new transaction (Propagation.REQUIRES_NEW), since the snapshot of one that has
 * begun before may be older, and by a query of columns, since JPA may return an entity
 * that it has loaded before.
 * <p>
 * The method is called until the bean is destroyed. A lazy bean gets no change before it
 * is created; {@code spring.main.lazy-initialization} makes no bean with such a method
 * lazy. Every instance of a prototype has its own subscription until the context closes.
 * <p>
 * May be used as a meta-annotation.
 *
 * @see ChangeHandler
 */
@Target({ ElementType.METHOD, ElementType.ANNOTATION_TYPE })
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Reflective
public @interface ChangeListener {

	/**
	 * Alias for {@link #topics()}.
	 * @return the topics
	 */
	@AliasFor("topics")
	String[] value() default {};

	/**
	 * The topics, at least one. Each may have placeholders.
	 * @return the topics
	 */
	@AliasFor("value")
	String[] topics() default {};

	/**
	 * Whether to skip the changes that this instance has published.
	 * @return whether to skip them
	 */
	boolean ignoreOwn() default false;

}
