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

package io.durablenotify.actuate;

import java.util.List;

import org.springframework.boot.actuate.endpoint.EndpointId;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.OperationType;
import org.springframework.boot.actuate.endpoint.invoke.OperationInvoker;
import org.springframework.boot.actuate.endpoint.invoke.OperationInvokerAdvisor;
import org.springframework.boot.actuate.endpoint.invoke.OperationParameter;
import org.springframework.boot.actuate.endpoint.invoke.OperationParameters;

/**
 * Refuses a request to {@link DurableNotifyEndpoint} with a parameter that its operation
 * does not have. Boot ignores it, and a misspelled {@code item} would stand for all.
 */
final class KnownParameters implements OperationInvokerAdvisor {

	/**
	 * Spring Security appends it to an address to which it redirects after a login.
	 */
	private static final String CONTINUE = "continue";

	@Override
	public OperationInvoker apply(EndpointId endpointId, OperationType operationType, OperationParameters parameters,
			OperationInvoker invoker) {
		if (!endpointId.equals(EndpointId.of(DurableNotifyEndpoint.ID))) {
			return invoker;
		}
		List<String> known = parameters.stream().map(OperationParameter::getName).toList();
		return (context) -> {
			for (String name : context.getArguments().keySet()) {
				if (!known.contains(name) && !name.equals(CONTINUE)) {
					String reason = "There is no parameter '%s'".formatted(name);
					throw new InvalidEndpointRequestException(reason, reason);
				}
			}
			return invoker.invoke(context);
		};
	}

}
