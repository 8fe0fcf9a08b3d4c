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

package io.durablenotify.work;

import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

import io.durablenotify.database.Headers;
import io.durablenotify.database.Texts;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.loop.AsyncCompletions;
import io.durablenotify.loop.Delays;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import io.durablenotify.observation.Outcome;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.DataAccessException;
import org.springframework.util.Assert;

/**
 * The {@link WorkQueue}: in a transaction each call is a statement in it. Outside, items
 * without keys share commits, and each key has a statement of its own, since it may have
 * to wait for another transaction.
 */
final class DefaultWorkQueue implements WorkQueue, AutoCloseable {

	private final WorkWrites writes;

	private final WorkPayloads payloads;

	private final int buffer;

	private final PlainEnqueues plain;

	private final SeparateEnqueues separate;

	private final TransactionBuffer<CommitEnqueues> onCommit;

	private final Observations observations;

	DefaultWorkQueue(WorkWrites writes, WorkPayloads payloads, WorkProperties properties, Executor executor,
			Observations observations) {
		this.writes = writes;
		this.observations = observations;
		this.payloads = payloads;
		this.buffer = properties.enqueueBuffer();
		AsyncCompletions<PendingEnqueue> completions = new AsyncCompletions<>("durable-notify-enqueue-outcome",
				executor, PendingEnqueue::completeFuture, PendingEnqueue::hasDependents, Delays.ofJvm());
		this.separate = new SeparateEnqueues(writes, this.buffer, properties.enqueueTimeout(),
				(pending) -> complete(completions, pending));
		this.plain = new PlainEnqueues(writes, this.buffer, (pending) -> complete(completions, pending),
				this.separate::take);
		this.onCommit = writes.onCommit(this, () -> new CommitEnqueues(writes, this.buffer));
	}

	private static void complete(AsyncCompletions<PendingEnqueue> completions, List<PendingEnqueue> pending) {
		completions.complete(pending.stream().filter(PendingEnqueue::isCompletedAsync).toList());
	}

	@Override
	public Enqueued enqueue(WorkRequest request) {
		Observed observed = observe(request).open();
		try {
			StoredItem stored = store(item(request, observed));
			stored.observe(observed);
			return stored.enqueued();
		}
		catch (RuntimeException | Error ex) {
			observed.failed(ex);
			throw ex;
		}
		finally {
			observed.stop();
		}
	}

	private StoredItem store(NewItem item) {
		StoredItem stored = null;
		if (!this.writes.isInTransaction()) {
			if (item.isPlain()) {
				stored = this.plain.store(item);
			}
			else {
				awaitEarlier(item);
			}
		}
		return (stored != null) ? stored : this.writes.store(item);
	}

	@Override
	public List<Enqueued> enqueueAll(List<WorkRequest> requests) {
		Assert.notNull(requests, "'requests' must not be null");
		if (requests.isEmpty()) {
			return List.of();
		}
		Observed observed = observe(requests).open();
		try {
			List<StoredItem> stored = storeAll(requests.stream().map((request) -> item(request, observed)).toList());
			observed.outcome(Outcome.ENQUEUED);
			return stored.stream().map(StoredItem::enqueued).toList();
		}
		catch (RuntimeException | Error ex) {
			observed.failed(ex);
			throw ex;
		}
		finally {
			observed.stop();
		}
	}

	private List<StoredItem> storeAll(List<NewItem> items) {
		if (!this.writes.isInTransaction()) {
			items.stream().filter((item) -> !item.isPlain()).forEach(this::awaitEarlier);
		}
		return this.writes.storeAll(items);
	}

	@Override
	public CompletableFuture<Enqueued> enqueueAsync(WorkRequest request) {
		Assert.notNull(request, "'request' must not be null");
		if (this.writes.isInTransaction()) {
			this.writes.requireWritable(request.queue());
			try {
				return CompletableFuture.completedFuture(enqueue(request));
			}
			catch (DataAccessException ex) {
				return CompletableFuture.failedFuture(ex);
			}
		}
		Observed observed = observe(request);
		try {
			return enqueueAsync(item(request, observed), observed);
		}
		catch (RuntimeException | Error ex) {
			observed.failed(ex);
			observed.stop();
			throw ex;
		}
	}

	private CompletableFuture<Enqueued> enqueueAsync(NewItem item, Observed observed) {
		CompletableFuture<Enqueued> future = new CompletableFuture<>();
		PendingEnqueue pending = new PendingEnqueue(item, future);
		pending.observe(observed);
		if (!((item.isPlain()) ? this.plain.offer(pending) : this.separate.offer(pending))) {
			throw new TaskRejectedException(
					("Work was not enqueued: %d requests wait to be stored already (durable-notify.work.enqueue-buffer), "
							+ "or the application context has closed. Wait for earlier ones")
						.formatted(this.buffer));
		}
		return future;
	}

	@Override
	public void enqueueOnCommit(WorkRequest request) {
		if (!this.writes.isTransactionOpen()) {
			enqueue(request);
			return;
		}
		Observed observed = observe(request);
		try {
			NewItem item = item(request, observed);
			this.writes.joinTransaction();
			this.onCommit.current().add(item);
			observed.outcome(Outcome.ON_COMMIT);
		}
		catch (RuntimeException | Error ex) {
			observed.failed(ex);
			throw ex;
		}
		finally {
			observed.stop();
		}
	}

	@Override
	public CancelOutcome cancel(String queue, String key) {
		prepare(queue, key);
		return this.writes.cancel(queue, key);
	}

	@Override
	public boolean reschedule(String queue, String key, Instant dueAt) {
		Assert.notNull(dueAt, "'dueAt' must not be null");
		prepare(queue, key);
		return this.writes.reschedule(queue, key, dueAt);
	}

	private void prepare(String queue, String key) {
		Texts.requireName("Queue", queue, WorkRequest.MAX_QUEUE_LENGTH);
		Texts.require("Key", key, WorkRequest.MAX_KEY_LENGTH);
		this.writes.requireWritable(queue);
		if (!this.writes.isInTransaction()) {
			this.separate.awaitEarlier(queue, key, false);
		}
	}

	private Observed observe(WorkRequest request) {
		Assert.notNull(request, "'request' must not be null");
		return this.observations.enqueue(request.queue(),
				(request.key() != null) ? request.key() : request.orderingKey(), 1);
	}

	private Observed observe(List<WorkRequest> requests) {
		requests.forEach((request) -> Assert.notNull(request, "'request' must not be null"));
		if (requests.size() == 1) {
			return observe(requests.get(0));
		}
		String queue = requests.get(0).queue();
		boolean several = requests.stream().anyMatch((request) -> !request.queue().equals(queue));
		return this.observations.enqueue((several) ? null : queue, null, requests.size());
	}

	/**
	 * The caller's headers win over those of the trace.
	 */
	private NewItem item(WorkRequest request, Observed observed) {
		String headers = Headers.write(observed.headers(), request.headers());
		this.payloads.requireSize("Headers", request, (headers != null) ? headers.length() : 0);
		NewItem item = new NewItem(request.queue(), request.key(), request.isReplacing(), request.orderingKey(),
				request.dueAt(), request.dueIn(), headers, this.payloads.encode(request));
		this.writes.requireWritable(item.queue());
		return item;
	}

	/**
	 * What was enqueued before without waiting, by this caller perhaps, comes first.
	 */
	private void awaitEarlier(NewItem item) {
		this.separate.awaitEarlier(item.queue(), item.lockedKey(), item.orderingKey() != null);
	}

	/**
	 * Return how many items without keys wait to be stored.
	 */
	int waiting() {
		return this.plain.size();
	}

	@Override
	public void close() {
		this.plain.close();
		this.separate.close();
	}

}
