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

import java.time.Instant;
import java.util.Set;

import io.durablenotify.docs.WorkExampleTests.OrderSteps;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.Resumption;
import io.durablenotify.workflow.ResumptionHandler;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;
import io.durablenotify.workflow.WorkflowResumptions;

import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

// tag::class[]
@Service
class OrderWorkflow implements ResumptionHandler, TimerHandler {

	private final OrderSteps steps;

	private final WorkflowResumptions resumptions;

	private final DurableTimers timers;

	OrderWorkflow(OrderSteps steps, WorkflowResumptions resumptions, DurableTimers timers) {
		this.steps = steps;
		this.resumptions = resumptions;
		this.timers = timers;
	}

	void awaitPayment(String order, Instant deadline) {
		this.timers.set("payment-deadline", order, "payment", deadline);
	}

	@Transactional
	void paid(String order) {
		this.timers.cancel("payment-deadline", order, "payment");
		this.resumptions.request("order", order);
	}

	@Override
	public String name() {
		return "payment-deadline";
	}

	@Override
	public void onTimer(Timer timer) { // in any instance that is running then
		this.resumptions.request("order", timer.instanceId());
	}

	@Override
	public Set<String> workflowNames() {
		return Set.of("order");
	}

	@Override
	public void resume(Resumption resumption) { // one at a time for each order, over all
												// instances
		this.steps.advance(resumption.instanceId());
	}

	@Override
	public boolean transactional() {
		return true;
	}

}
// end::class[]
