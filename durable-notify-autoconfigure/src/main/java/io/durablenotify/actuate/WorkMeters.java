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

import java.util.function.ToDoubleFunction;

import io.durablenotify.measure.Names;
import io.durablenotify.work.QueueListenerState;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkHealth;
import io.durablenotify.work.WorkMeasures;

/**
 * The meters of work.
 *
 * @param measures what is timed and counted
 * @param handling the listeners of this instance
 * @param health the queues that no instance handles, and those that are slow to search
 * @param sampler what is stored
 */
record WorkMeters(WorkMeasures measures, WorkHandling handling, WorkHealth health,
		DatabaseSampler sampler) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.gauge(DurableNotifyMeters.WORK_UNHANDLED, this.health, (health) -> health.unhandledQueues().size());
		registrar.gauge(DurableNotifyMeters.WORK_SEARCHES_SLOW, this.health, (health) -> health.slowSearches().size());
		ReaderMeters.register(registrar, "work", this.measures.poll());
		stored(registrar, Names.OTHER);
		this.measures.queues().forEach((queue, measured) -> {
			if (!queue.equals(Names.OTHER)) {
				stored(registrar, queue);
			}
			registrar.counter(DurableNotifyMeters.WORK_ENQUEUED, measured.enqueued(), queue);
			registrar.timer(DurableNotifyMeters.WORK_WAIT, measured.waiting(), queue);
			registrar.timers(DurableNotifyMeters.WORK_HANDLER, measured.handler(), queue);
			registrar.timeGauge(DurableNotifyMeters.WORK_HANDLER_RUNNING, this, (meters) -> meters.running(queue),
					queue);
			registrar.counters(DurableNotifyMeters.WORK_FINISHED, measured.finished(), queue);
			registrar.timer(DurableNotifyMeters.WORK_CLAIM, measured.claim(), queue);
			registrar.summary(DurableNotifyMeters.WORK_CLAIMED, measured.claimed(), queue);
			registrar.counters(DurableNotifyMeters.WORK_FOUND, measured.found(), queue);
		});
	}

	private double running(String label) {
		return MeterSource.longest(this.handling.listeners()
			.stream()
			.filter((listener) -> this.measures.knownLabel(listener.queue()).equals(label))
			.map(QueueListenerState::longestRunning));
	}

	private void stored(MeterRegistrar registrar, String queue) {
		items(registrar, queue, "pending", DatabaseSample.Queue::pending);
		items(registrar, queue, "due", DatabaseSample.Queue::due);
		items(registrar, queue, "running", DatabaseSample.Queue::running);
		items(registrar, queue, "dead", DatabaseSample.Queue::dead);
		registrar.timeGauge(DurableNotifyMeters.WORK_OLDEST_DUE, this.sampler,
				(sampler) -> sampler.last().queue(queue).oldestDue(), queue);
		registrar.timeGauge(DurableNotifyMeters.WORK_OLDEST, this.sampler,
				(sampler) -> sampler.last().queue(queue).oldest(), queue);
	}

	private void items(MeterRegistrar registrar, String queue, String state,
			ToDoubleFunction<DatabaseSample.Queue> count) {
		registrar.gauge(DurableNotifyMeters.WORK_ITEMS, this.sampler,
				(sampler) -> count.applyAsDouble(sampler.last().queue(queue)), queue, state);
	}

}
