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
 * Calls a {@link WorkListener} method of a bean with an item.
 */
final class WorkListenerMethod implements WorkHandler {

	private final HandlerMethod method;

	private final List<WorkArgument> arguments;

	private final boolean returnsOutcome;

	/**
	 * Create a new instance.
	 * @param bean the bean, or its proxy
	 * @param method the method of the bean's class
	 * @param payloads decodes payloads
	 * @throws IllegalStateException if the method cannot be called
	 */
	WorkListenerMethod(Object bean, Method method, WorkPayloads payloads) {
		this.returnsOutcome = method.getReturnType() == WorkOutcome.class;
		Assert.state((this.returnsOutcome || method.getReturnType() == void.class) && HandlerMethod.isVisible(method),
				"The method must return nothing or a WorkOutcome, and be neither private nor static");
		this.arguments = WorkArgument.ofItem(method, AopProxyUtils.ultimateTargetClass(bean), payloads);
		this.method = new HandlerMethod(bean, method);
	}

	/**
	 * Require that the method takes no payload.
	 */
	WorkListenerMethod requireNoPayload() {
		Assert.state(this.arguments.stream().noneMatch(WorkArgument.Payload.class::isInstance),
				"A method with a cron expression takes no payload: there is none");
		return this;
	}

	@Override
	public WorkOutcome handle(WorkItem item) throws Exception {
		Object outcome = this.method.call(this.arguments.stream().map((argument) -> argument.of(item)).toArray());
		if (outcome instanceof WorkOutcome returned) {
			return returned;
		}
		Assert.state(!this.returnsOutcome, "The method has returned null in place of a WorkOutcome");
		return WorkOutcome.done();
	}

	@Override
	public String toString() {
		return this.method.toString();
	}

}
