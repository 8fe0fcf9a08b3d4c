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
import java.util.List;

import io.durablenotify.method.HandlerMethod;

import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.util.Assert;

/**
 * Calls a {@link WorkListener} method of a bean with several items.
 */
final class WorkBatchMethod implements WorkBatchHandler {

	private final HandlerMethod method;

	private final List<WorkArgument> arguments;

	/**
	 * Create a new instance.
	 * @param bean the bean, or its proxy
	 * @param method the method of the bean's class
	 * @param payloads decodes payloads
	 * @throws IllegalStateException if the method cannot be called
	 */
	WorkBatchMethod(Object bean, Method method, WorkPayloads payloads) {
		Assert.state(
				method.getParameterCount() > 0 && method.getReturnType() == void.class
						&& HandlerMethod.isVisible(method),
				"A method of batches must take a list, return nothing, and be neither private nor static");
		this.arguments = WorkArgument.ofBatch(method, AopProxyUtils.ultimateTargetClass(bean), payloads);
		this.method = new HandlerMethod(bean, method);
	}

	@Override
	public void handle(List<WorkItem> items) throws Exception {
		this.method
			.call(this.arguments.stream().map((argument) -> items.stream().map(argument::of).toList()).toArray());
	}

	@Override
	public String toString() {
		return this.method.toString();
	}

}
