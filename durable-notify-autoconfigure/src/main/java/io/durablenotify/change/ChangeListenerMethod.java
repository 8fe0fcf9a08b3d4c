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

import java.lang.reflect.Method;

import io.durablenotify.method.HandlerMethod;

import org.springframework.util.ReflectionUtils;

/**
 * Calls a {@link ChangeListener} method of a bean.
 */
final class ChangeListenerMethod implements ChangeHandler {

	private static final String RULE = "The method must take one Change or one ChangeGap, return nothing, and be "
			+ "neither private nor static";

	private final HandlerMethod method;

	private final boolean ignoreOwn;

	private final boolean takesGaps;

	/**
	 * Create a new instance.
	 * @param bean the bean, or its proxy
	 * @param method the method of the bean's class
	 * @throws IllegalStateException if the method cannot be called
	 */
	ChangeListenerMethod(Object bean, Method method, boolean ignoreOwn) {
		Class<?>[] parameters = method.getParameterTypes();
		if (parameters.length != 1 || (parameters[0] != Change.class && parameters[0] != ChangeGap.class)
				|| method.getReturnType() != void.class || !HandlerMethod.isVisible(method)) {
			throw new IllegalStateException(RULE);
		}
		this.method = new HandlerMethod(bean, method);
		this.ignoreOwn = ignoreOwn;
		this.takesGaps = parameters[0] == ChangeGap.class;
	}

	@Override
	public void onChange(Change change) throws Exception {
		if (takes(change)) {
			this.method.call(change);
		}
	}

	/**
	 * Return whether the method is called with a change.
	 */
	boolean takes(Change change) {
		return !this.takesGaps && !(this.ignoreOwn && change.local());
	}

	@Override
	public void onGap(ChangeGap gap) {
		if (this.takesGaps) {
			try {
				this.method.call(gap);
			}
			catch (Exception ex) {
				ReflectionUtils.rethrowRuntimeException(ex);
			}
		}
	}

}
