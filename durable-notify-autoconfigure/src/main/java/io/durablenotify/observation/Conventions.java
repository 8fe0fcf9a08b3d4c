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

package io.durablenotify.observation;

import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;

/**
 * The application's conventions, {@code null} for the defaults.
 */
record Conventions(@Nullable WorkEnqueueObservationConvention workEnqueue,
		@Nullable WorkHandleObservationConvention workHandle,
		@Nullable OutboxPublishObservationConvention outboxPublish,
		@Nullable OutboxSendObservationConvention outboxSend, @Nullable EventAppendObservationConvention eventAppend,
		@Nullable ChangeHandleObservationConvention changeHandle,
		@Nullable StreamWriteObservationConvention streamWrite, @Nullable StreamReadObservationConvention streamRead) {

	static Conventions of(BeanFactory beans) {
		return new Conventions(find(beans, WorkEnqueueObservationConvention.class),
				find(beans, WorkHandleObservationConvention.class),
				find(beans, OutboxPublishObservationConvention.class),
				find(beans, OutboxSendObservationConvention.class), find(beans, EventAppendObservationConvention.class),
				find(beans, ChangeHandleObservationConvention.class),
				find(beans, StreamWriteObservationConvention.class),
				find(beans, StreamReadObservationConvention.class));
	}

	private static <T> @Nullable T find(BeanFactory beans, Class<T> type) {
		return beans.getBeanProvider(type).getIfAvailable();
	}

}
