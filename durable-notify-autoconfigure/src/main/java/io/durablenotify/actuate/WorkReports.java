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

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.QueueListenerState;
import io.durablenotify.work.StoredWork;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkHealth;
import io.durablenotify.work.WorkPage;
import io.durablenotify.work.WorkQuery;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.OperationResponseBody;

/**
 * The queues of work and their items, and what operators may do with them.
 *
 * @param admin the queues of all instances
 * @param handling the listeners of this instance
 * @param health what is checked once a minute
 */
record WorkReports(WorkAdmin admin, WorkHandling handling, WorkHealth health) {

	Queues queues(EndpointTexts texts) {
		Map<String, QueueListenerState> here = this.handling.listeners()
			.stream()
			.collect(Collectors.toMap(QueueListenerState::queue, Function.identity()));
		Set<String> unhandled = Set.copyOf(this.health.unhandledQueues());
		Set<String> probed = Set.copyOf(this.health.probedQueues());
		Map<String, Duration> searches = this.health.slowSearches();
		return new Queues(this.admin.queues()
			.stream()
			.map((queue) -> new QueueView(texts.of(queue.name()), queue.pending(), queue.running(), queue.dead(),
					queue.oldestDue(), queue.paused(), queue.maxRunning(), unhandled.contains(queue.name()),
					probed.contains(queue.name()), searches.get(queue.name()), here(here.get(queue.name()))))
			.toList());
	}

	private static @Nullable HandlersView here(@Nullable QueueListenerState state) {
		return (state != null)
				? new HandlersView(state.concurrency(), state.running(), state.held(), state.longestRunning()) : null;
	}

	/**
	 * Return a page of the items of a queue, without their payloads.
	 * @param key the key or the ordering key of the items, or {@code null} for all
	 * @param after {@link Items#next()} of the page before, or {@code null}
	 * @return the page, or {@code null} if there is no such queue
	 */
	@Nullable Items items(String queue, boolean dead, @Nullable String key, @Nullable String after, int limit,
			EndpointTexts texts) {
		WorkPage page = this.admin.page(new WorkQuery(queue, dead, key, after, limit));
		if (page.items().isEmpty() && this.admin.queues().stream().noneMatch((info) -> info.name().equals(queue))) {
			return null;
		}
		return new Items(texts.of(queue), page.items().stream().map((item) -> view(item, texts)).toList(), page.next());
	}

	private static ItemView view(StoredWork item, EndpointTexts texts) {
		return new ItemView(item.id(), item.orderingKey() != null, item.state(), texts.of(item.key()),
				texts.of(item.orderingKey()), item.enqueuedAt(), item.at(), item.failures(),
				texts.of(item.lastError()));
	}

	void pause(String queue) {
		this.admin.pause(queue);
	}

	void resume(String queue) {
		this.admin.resume(queue);
	}

	/**
	 * Have dead items handled again.
	 * @param item the only one, or {@code null} for the first thousand
	 */
	int requeue(String queue, @Nullable Long item, boolean ordered) {
		return this.admin.requeue(query(queue, item, ordered));
	}

	/**
	 * Delete dead items.
	 * @param item the only one, or {@code null} for the first thousand
	 */
	int purge(String queue, @Nullable Long item, boolean ordered) {
		return this.admin.purge(query(queue, item, ordered));
	}

	private static DeadQuery query(String queue, @Nullable Long item, boolean ordered) {
		DeadQuery query = DeadQuery.of(queue);
		return (item != null) ? query.item(item, ordered) : query;
	}

	/**
	 * The queues of all instances.
	 */
	record Queues(List<QueueView> queues) implements OperationResponseBody {
	}

	/**
	 * A queue.
	 *
	 * @param oldestDue for how long the item that is due first has been due
	 * @param unhandled whether no instance handles it
	 * @param probed whether its handlers fail altogether, so that one item at a time is
	 * tried
	 * @param searchTook how long a claim searches, if that is long
	 * @param here its listener in this instance, if there is one
	 */
	record QueueView(@Nullable String name, long pending, long running, long dead, @Nullable Duration oldestDue,
			boolean paused, @Nullable Integer maxRunning, boolean unhandled, boolean probed,
			@Nullable Duration searchTook, @Nullable HandlersView here) {
	}

	/**
	 * A listener, as {@link QueueListenerState}.
	 */
	record HandlersView(int concurrency, int running, int held, @Nullable Duration longestRunning) {
	}

	/**
	 * Items of a queue.
	 *
	 * @param next where the next page begins, if there is one
	 */
	record Items(@Nullable String queue, List<ItemView> items, @Nullable String next) implements OperationResponseBody {
	}

	/**
	 * An item, as {@link StoredWork}.
	 *
	 * @param ordered whether it has an ordering key: with the id, that names it
	 */
	record ItemView(long id, boolean ordered, StoredWork.State state, @Nullable String key,
			@Nullable String orderingKey, Instant enqueuedAt, @Nullable Instant at, int failures,
			@Nullable String lastError) {
	}

}
