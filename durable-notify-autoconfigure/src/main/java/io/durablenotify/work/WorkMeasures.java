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

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.stream.Stream;

import io.durablenotify.measure.Names;
import io.durablenotify.measure.QueueFeature;
import io.durablenotify.measure.Tally;
import io.durablenotify.wakeup.PollFindings;
import io.durablenotify.work.QueueMeasures.Cause;

/**
 * What is timed and counted of work, by an application context and its children.
 *
 * @param queues by a queue's label
 * @param poll what the poll has found
 * @param late how long an item has been due at least that had no wake-up if the poll has
 * found it
 * @param handling those that handle items now
 */
public record WorkMeasures(Names<QueueMeasures> queues, PollFindings poll, Duration late, Set<WorkHandling> handling) {

	/**
	 * How many labels there are at most.
	 */
	private static final int MAX_LABELS = 100;

	/**
	 * Of items that are due just now, the wake-up may be under way, or have gone to
	 * another instance.
	 */
	private static final Duration UNDER_WAY = Duration.ofMillis(250);

	/**
	 * Create measures that begin at 0, and are there for each feature and all other
	 * queues.
	 * @param wakeupGap for how long an instance may hold wake-ups back
	 */
	static WorkMeasures create(Duration wakeupGap) {
		Names<QueueMeasures> queues = new Names<>(MAX_LABELS, QueueMeasures::new);
		queues.of(Names.OTHER);
		Stream.of(QueueFeature.values()).map(QueueFeature::label).forEach(queues::of);
		return new WorkMeasures(queues, new PollFindings(), wakeupGap.plus(UNDER_WAY), new CopyOnWriteArraySet<>());
	}

	/**
	 * Return the states of the queues that have a listener.
	 */
	List<QueueListenerState> listeners() {
		Map<String, QueueListenerState> states = new TreeMap<>();
		this.handling.forEach((context) -> context.listeners()
			.forEach((state) -> states.merge(state.queue(), state, QueueListenerState::plus)));
		return List.copyOf(states.values());
	}

	/**
	 * Return a queue's label: its name, or that of the feature that has made it.
	 * @param queue the queue's name
	 * @return the label
	 */
	public String label(String queue) {
		QueueFeature feature = QueueFeature.of(queue);
		return (feature != null) ? feature.label() : queue;
	}

	/**
	 * Return the label of a queue that may be handled elsewhere.
	 * @param queue the queue's name
	 * @return the label, {@value Names#OTHER} for a queue that has none here
	 */
	public String knownLabel(String queue) {
		String label = label(queue);
		return (this.queues.has(label)) ? label : Names.OTHER;
	}

	/**
	 * A claim has brought items. One that only the poll has found, some time after it was
	 * due, has had no wake-up.
	 */
	void claimed(QueueMeasures queue, List<ClaimedItem> items, boolean polled) {
		queue.claimed().record(items.size());
		queue.found().of((polled) ? Cause.POLL : Cause.WAKEUP).add(items.size());
		if (polled) {
			this.poll.rounds().increment();
			long lateMicros = DatabaseMicros.of(this.late);
			this.poll.found().add(items.stream().filter((item) -> item.waitedMicros() > lateMicros).count());
		}
	}

	/**
	 * Return what counts the items that this instance enqueues.
	 * @param queue the queue's name, handled here or not
	 */
	Tally enqueued(String queue) {
		return this.queues.of(knownLabel(queue)).enqueued();
	}

	/**
	 * Return the measures of a queue that is handled here.
	 */
	QueueMeasures of(String queue) {
		return this.queues.of(label(queue));
	}

}
