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

import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Tracer;
import io.micrometer.tracing.propagation.Propagator;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/**
 * The beans of observations.
 */
@Configuration(proxyBeanMethods = false)
public class ObservationConfiguration {

	@Bean
	Observations durableNotifyObservations(ObservationRegistry registry, BeanFactory beanFactory) {
		return new MicrometerObservations(registry, Conventions.of(beanFactory));
	}

	/**
	 * What is only there where spans are.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ Tracer.class, Propagator.class })
	@ConditionalOnBean({ Tracer.class, Propagator.class })
	static class TracingConfiguration {

		/**
		 * Before Boot's handler of what is received, which takes all contexts of that
		 * kind.
		 */
		private static final int ORDER = 0;

		@Bean
		@Order(ORDER)
		OriginLinkingObservationHandler durableNotifyOriginLinkingObservationHandler(Tracer tracer,
				Propagator propagator) {
			return new OriginLinkingObservationHandler(tracer, propagator);
		}

	}

}
