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

package io.durablenotify.docs;

import io.durablenotify.observation.WorkHandleContext;
import io.durablenotify.observation.WorkHandleObservationConvention;
import io.micrometer.common.KeyValues;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The examples of docs/tracing.md, which TracingTests run.
 */
@Configuration(proxyBeanMethods = false)
public class TracingExamples {

	// tag::convention[]
	@Bean
	WorkHandleObservationConvention teamConvention() {
		return new WorkHandleObservationConvention() {

			@Override
			public KeyValues getLowCardinalityKeyValues(WorkHandleContext context) {
				String team = context.getQueue().startsWith("invoices") ? "billing" : "shop";
				return WorkHandleObservationConvention.super.getLowCardinalityKeyValues(context).and("team", team);
			}

		};
	}
	// end::convention[]

}
