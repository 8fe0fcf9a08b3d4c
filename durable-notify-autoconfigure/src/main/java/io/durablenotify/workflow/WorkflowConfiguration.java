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

package io.durablenotify.workflow;

import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkQueue;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * The beans of resumptions and timers.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
public class WorkflowConfiguration {

	@Bean
	@ConditionalOnMissingBean
	WorkflowResumptions durableNotifyWorkflowResumptions(WorkQueue queue) {
		return new DefaultWorkflowResumptions(queue);
	}

	@Bean
	@ConditionalOnMissingBean
	DurableTimers durableNotifyDurableTimers(WorkQueue queue) {
		return new DefaultDurableTimers(queue);
	}

	/**
	 * The handlers are asked for at the start, since they may use resumptions and timers.
	 */
	@Bean
	Lifecycle durableNotifyWorkflowHandlers(WorkListeners listeners, ObjectProvider<ResumptionHandler> resumptions,
			ObjectProvider<TimerHandler> timers) {
		return new WorkflowHandlers(listeners, () -> resumptions.orderedStream().toList(),
				() -> timers.orderedStream().toList());
	}

}
