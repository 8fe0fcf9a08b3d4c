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

package io.durablenotify.testsupport;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.work.CancelOutcome;
import io.durablenotify.work.Enqueued;
import io.durablenotify.work.WorkBatchHandler;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Queues and listeners that record what they are asked for. A test hands items to the
 * handlers.
 */
public final class RecordingWork implements WorkQueue, WorkListeners {

	private final List<Registration> registrations = new CopyOnWriteArrayList<>();

	private final List<WorkRequest> requests = new CopyOnWriteArrayList<>();

	private final List<String> cancelled = new CopyOnWriteArrayList<>();

	@Override
	public Subscription register(WorkListenerSpec spec, WorkHandler handler) {
		return register(spec, handler, null);
	}

	@Override
	public Subscription registerBatch(WorkListenerSpec spec, WorkBatchHandler handler) {
		return register(spec, null, handler);
	}

	private Registration register(WorkListenerSpec spec, WorkHandler handler, WorkBatchHandler batchHandler) {
		spec.queues().forEach((queue) -> {
			if (queues().contains(queue)) {
				throw new IllegalStateException("Queue '%s' must have one listener".formatted(queue));
			}
		});
		Registration registration = new Registration(spec, handler, batchHandler, this.registrations);
		this.registrations.add(registration);
		return registration;
	}

	/**
	 * Return the queues that have a listener.
	 */
	public List<String> queues() {
		return this.registrations.stream().flatMap((registration) -> registration.spec.queues().stream()).toList();
	}

	public WorkListenerSpec spec(String queue) {
		return registration(queue).spec;
	}

	/**
	 * Hand an item to the handler of its queue.
	 */
	public WorkOutcome handle(WorkItem item) throws Exception {
		return registration(item.queue()).handler.handle(item);
	}

	/**
	 * Hand a stored request to the handler of its queue.
	 */
	public WorkOutcome handle(WorkRequest request) throws Exception {
		byte[] payload = ((String) request.payload()).getBytes(StandardCharsets.UTF_8);
		return handle(new TestItem(request.queue()).key(request.key()).payload(payload));
	}

	public void handleBatch(List<WorkItem> items) throws Exception {
		registration(items.get(0).queue()).batchHandler.handle(items);
	}

	private Registration registration(String queue) {
		return this.registrations.stream()
			.filter((registration) -> registration.spec.queues().contains(queue))
			.findFirst()
			.orElseThrow(() -> new AssertionError(queue + " is none of " + queues()));
	}

	public List<WorkRequest> requests() {
		return this.requests;
	}

	/**
	 * Return what was cancelled, as {@code queue key}.
	 */
	public List<String> cancelled() {
		return this.cancelled;
	}

	@Override
	public Enqueued enqueue(WorkRequest request) {
		this.requests.add(request);
		return new Enqueued(this.requests.size(), Enqueued.Outcome.ENQUEUED);
	}

	@Override
	public List<Enqueued> enqueueAll(List<WorkRequest> requests) {
		return requests.stream().map(this::enqueue).toList();
	}

	@Override
	public CompletableFuture<Enqueued> enqueueAsync(WorkRequest request) {
		return CompletableFuture.completedFuture(enqueue(request));
	}

	@Override
	public void enqueueOnCommit(WorkRequest request) {
		enqueue(request);
	}

	@Override
	public CancelOutcome cancel(String queue, String key) {
		this.cancelled.add(queue + " " + key);
		return CancelOutcome.CANCELLED;
	}

	@Override
	public boolean reschedule(String queue, String key, Instant dueAt) {
		throw new UnsupportedOperationException();
	}

	private static final class Registration implements Subscription {

		private final WorkListenerSpec spec;

		private final WorkHandler handler;

		private final WorkBatchHandler batchHandler;

		private final List<Registration> all;

		private Registration(WorkListenerSpec spec, WorkHandler handler, WorkBatchHandler batchHandler,
				List<Registration> all) {
			this.spec = spec;
			this.handler = handler;
			this.batchHandler = batchHandler;
			this.all = all;
		}

		@Override
		public void cancel() {
			this.all.remove(this);
		}

		@Override
		public boolean isActive() {
			return this.all.contains(this);
		}

	}

}
