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

package io.durablenotify.sample;

import java.util.List;
import java.util.Set;
import java.util.UUID;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.durablenotify.workflow.Resumption;
import io.durablenotify.workflow.ResumptionHandler;
import io.durablenotify.workflow.WorkflowResumptions;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Orders: a workflow of three steps, of which each may be executed by another instance.
 * <p>
 * A step works outside of any transaction, and ends with one that has all that it leaves:
 * its event, its effect, the request of what comes next, and that the resumption is
 * completed. An instance that is killed before the commit leaves nothing of that. Another
 * one is then given the same resumption, and executes the step from its beginning. If an
 * instance has lost its lease while it worked, the completion is refused, and the
 * transaction rolls back: the step is the other's.
 */
@Service
class Orders implements ResumptionHandler {

	static final String WORKFLOW = "order";

	static final List<String> STEPS = List.of("reserve", "charge", "ship");

	private static final int PAUSES_PER_STEP = 10;

	private static final int LIMIT = 1000;

	private final EventLog log;

	private final WorkflowResumptions resumptions;

	private final WorkQueue queue;

	private final Outbox outbox;

	private final TransactionTemplate transaction;

	private final JdbcClient jdbc;

	private final Settings settings;

	private final InstanceName instance;

	Orders(EventLog log, WorkflowResumptions resumptions, WorkQueue queue, Outbox outbox,
			TransactionTemplate transaction, JdbcClient jdbc, Settings settings, InstanceName instance) {
		this.log = log;
		this.resumptions = resumptions;
		this.queue = queue;
		this.outbox = outbox;
		this.transaction = transaction;
		this.jdbc = jdbc;
		this.settings = settings;
		this.instance = instance;
	}

	/**
	 * Place an order.
	 * @param address where its receipt goes to
	 * @return its id, which is that of a run with its events
	 */
	UUID place(String address) {
		UUID id = UUID.randomUUID();
		this.transaction.executeWithoutResult((status) -> {
			this.jdbc.sql("insert into orders (id, address) values (?, ?)").params(id, address).update();
			this.log.append(NewEvent.of(id.toString(), "run_created").payload(this.instance.payload()));
			this.resumptions.request(WORKFLOW, id.toString());
			this.outbox.publish(OutboxEvent.of("order.placed", null).subject(id.toString()).orderingKey(id.toString()));
		});
		return id;
	}

	/**
	 * Change where an order's receipt goes to.
	 * @return whether there is such an order
	 */
	boolean changeAddress(UUID id, String address) {
		return this.jdbc.sql("update orders set address = ? where id = ?").params(address, id).update() == 1;
	}

	@Override
	public Set<String> workflowNames() {
		return Set.of(WORKFLOW);
	}

	/**
	 * Execute the next step of an order. No other instance does so at the same time.
	 */
	@Override
	public void resume(Resumption resumption) throws InterruptedException {
		String order = resumption.instanceId();
		int completed = completedSteps(order);
		if (completed == STEPS.size()) {
			return;
		}
		String step = STEPS.get(completed);
		this.log.append(event(order, "step_started", step));
		// As long as real work would take
		Thread.sleep(this.settings.pause().toMillis() * PAUSES_PER_STEP);
		this.transaction.executeWithoutResult((status) -> {
			this.log.append(event(order, "step_completed", step));
			this.jdbc.sql("insert into step_results (run_id, step, engine) values (?, ?, ?)")
				.params(UUID.fromString(order), step, this.instance.toString())
				.update();
			if (completed + 1 < STEPS.size()) {
				this.resumptions.request(WORKFLOW, order);
			}
			else {
				this.queue.enqueue(WorkRequest.of(Receipts.QUEUE, order).key(order));
			}
			resumption.item().complete();
		});
	}

	private int completedSteps(String order) {
		return (int) this.log.read(order, 0, LIMIT)
			.events()
			.stream()
			.filter((event) -> event.type().equals("step_completed"))
			.count();
	}

	private NewEvent event(String order, String type, String step) {
		return NewEvent.of(order, type).correlationId(step).payload(this.instance.payload());
	}

}
