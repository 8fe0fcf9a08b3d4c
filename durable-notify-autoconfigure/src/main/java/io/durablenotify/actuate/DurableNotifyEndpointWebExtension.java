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

import java.util.Set;

import io.durablenotify.actuate.DurableNotifyEndpoint.Question;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.web.annotation.EndpointWebExtension;

/**
 * {@link EndpointWebExtension @EndpointWebExtension} for the
 * {@link DurableNotifyEndpoint}, which shows names by the caller's roles.
 */
@EndpointWebExtension(endpoint = DurableNotifyEndpoint.class)
public final class DurableNotifyEndpointWebExtension {

	private final DurableNotifyEndpoint endpoint;

	private final Show showValues;

	private final Set<String> roles;

	DurableNotifyEndpointWebExtension(DurableNotifyEndpoint endpoint, Show showValues, Set<String> roles) {
		this.endpoint = endpoint;
		this.showValues = showValues;
		this.roles = roles;
	}

	/**
	 * Return the state of this instance.
	 * @param securityContext the caller
	 * @return the overview
	 */
	@ReadOperation
	public OperationResponseBody overview(SecurityContext securityContext) {
		return this.endpoint.overview(texts(securityContext));
	}

	/**
	 * Return the readers, subscriptions, consumers or queues of a feature.
	 * @param securityContext the caller
	 * @param feature the feature
	 * @param name a stream's name or a run's id
	 * @param state only readers in that state, or dead items
	 * @param queue the queue whose items to list
	 * @param key only items with that key or ordering key
	 * @param after where the page begins
	 * @param limit the largest number
	 * @return as {@link DurableNotifyEndpoint#feature}
	 */
	@ReadOperation
	public @Nullable OperationResponseBody feature(SecurityContext securityContext, @Selector String feature,
			@Nullable String name, @Nullable String state, @Nullable String queue, @Nullable String key,
			@Nullable String after, @Nullable Integer limit) {
		return this.endpoint.feature(new Question(feature, name, state, queue, key, after, limit),
				texts(securityContext));
	}

	private EndpointTexts texts(SecurityContext securityContext) {
		return new EndpointTexts(this.showValues.isShown(securityContext, this.roles));
	}

}
