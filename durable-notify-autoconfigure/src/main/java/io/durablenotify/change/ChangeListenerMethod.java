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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;

import org.springframework.aop.support.AopUtils;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.core.annotation.AnnotationUtils;
import org.springframework.util.ReflectionUtils;

/**
 * Calls a {@link ChangeListener} method of a bean.
 */
final class ChangeListenerMethod implements ChangeHandler {

	private static final String RULE = "Allowed are methods that take one Change or one ChangeGap, return nothing, and "
			+ "are neither private nor static";

	private final Object bean;

	private final Method method;

	private final boolean ignoreOwn;

	private final boolean takesGaps;

	/**
	 * Create a new instance.
	 * @param bean the bean, or its proxy
	 * @param method the method of the bean's class
	 * @throws IllegalStateException if the method cannot be called
	 */
	ChangeListenerMethod(Object bean, Method method, boolean ignoreOwn) {
		if (!isAllowed(method)) {
			throw new IllegalStateException(RULE);
		}
		if (AopUtils.isCglibProxy(bean) && Modifier.isFinal(method.getModifiers())) {
			throw new IllegalStateException("It is final, so that the bean's proxy does not have it");
		}
		this.bean = bean;
		this.method = AopUtils.selectInvocableMethod(method, bean.getClass());
		this.ignoreOwn = ignoreOwn;
		this.takesGaps = method.getParameterTypes()[0] == ChangeGap.class;
		ReflectionUtils.makeAccessible(this.method);
	}

	private static boolean isAllowed(Method method) {
		Class<?>[] parameters = method.getParameterTypes();
		return parameters.length == 1 && (parameters[0] == Change.class || parameters[0] == ChangeGap.class)
				&& method.getReturnType() == void.class && !Modifier.isPrivate(method.getModifiers())
				&& !Modifier.isStatic(method.getModifiers());
	}

	/**
	 * Find the methods of a class, inherited ones included.
	 */
	static Map<Method, ChangeListener> find(Class<?> type) {
		if (!AnnotationUtils.isCandidateClass(type, ChangeListener.class)) {
			return Map.of();
		}
		return MethodIntrospector.selectMethods(type,
				(MethodIntrospector.MetadataLookup<ChangeListener>) (method) -> AnnotatedElementUtils
					.findMergedAnnotation(method, ChangeListener.class));
	}

	@Override
	public void onChange(Change change) throws Exception {
		if (!this.takesGaps && !(this.ignoreOwn && change.local())) {
			call(change);
		}
	}

	@Override
	public void onGap(ChangeGap gap) {
		if (this.takesGaps) {
			try {
				call(gap);
			}
			catch (Exception ex) {
				ReflectionUtils.rethrowRuntimeException(ex);
			}
		}
	}

	private void call(Object argument) throws Exception {
		try {
			this.method.invoke(this.bean, argument);
		}
		catch (InvocationTargetException ex) {
			ReflectionUtils.rethrowException(ex.getTargetException());
		}
	}

}
