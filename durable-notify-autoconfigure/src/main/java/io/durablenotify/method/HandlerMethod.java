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

package io.durablenotify.method;

import java.lang.annotation.Annotation;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.UndeclaredThrowableException;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.aop.support.AopUtils;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.core.annotation.AnnotationUtils;
import org.springframework.util.ReflectionUtils;

/**
 * A method of a bean that handles what a feature delivers.
 */
public final class HandlerMethod {

	private final Object bean;

	private final Method method;

	/**
	 * Create a new instance.
	 * @param bean the bean, or its proxy
	 * @param method the method of the bean's class
	 * @throws IllegalStateException if the bean's proxy does not have the method
	 */
	public HandlerMethod(Object bean, Method method) {
		if (AopUtils.isCglibProxy(bean) && Modifier.isFinal(method.getModifiers())) {
			throw new IllegalStateException("It is final, so that the bean's proxy does not have it");
		}
		this.bean = bean;
		this.method = AopUtils.selectInvocableMethod(method, bean.getClass());
		ReflectionUtils.makeAccessible(this.method);
	}

	/**
	 * Return whether a method can be called on a bean.
	 * @param method the method
	 * @return whether it is neither private nor static
	 */
	public static boolean isVisible(Method method) {
		return !Modifier.isPrivate(method.getModifiers()) && !Modifier.isStatic(method.getModifiers());
	}

	/**
	 * Find the methods of a class that have an annotation, inherited methods included.
	 * @param <A> the annotation's type
	 * @param type the class
	 * @param annotation the annotation's type
	 * @return the methods with their annotations
	 */
	public static <A extends Annotation> Map<Method, A> find(Class<?> type, Class<A> annotation) {
		if (!AnnotationUtils.isCandidateClass(type, annotation)) {
			return Map.of();
		}
		return MethodIntrospector.selectMethods(type,
				(MethodIntrospector.MetadataLookup<A>) (method) -> AnnotatedElementUtils.findMergedAnnotation(method,
						annotation));
	}

	/**
	 * Call the method.
	 * @param arguments the arguments
	 * @return what the method returns, {@code null} if that is nothing
	 * @throws Exception what the method throws
	 */
	public @Nullable Object call(@Nullable Object... arguments) throws Exception {
		try {
			return this.method.invoke(this.bean, arguments);
		}
		catch (InvocationTargetException ex) {
			ReflectionUtils.rethrowException(ex.getTargetException());
			throw new UndeclaredThrowableException(ex);
		}
	}

	@Override
	public String toString() {
		return "method " + this.method.toGenericString();
	}

}
