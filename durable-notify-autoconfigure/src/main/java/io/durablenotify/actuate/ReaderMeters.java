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

import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import io.durablenotify.log.FetchMeasures;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.LogMeasures.Ending;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderState;
import io.durablenotify.wakeup.PollFindings;
import org.jspecify.annotations.Nullable;

/**
 * The meters of the readers of streams, or of those of runs.
 */
final class ReaderMeters implements MeterSource {

	/**
	 * A scrape reads many gauges of the same readers.
	 */
	private static final long CACHE_NANOS = TimeUnit.SECONDS.toNanos(1);

	/**
	 * What ends, and what an append hands over to the readers of its instance.
	 */
	private static final String STREAMS = "streams";

	private static final Set<Ending> ENDINGS_OF_STREAMS = Set.of(Ending.COMPLETED, Ending.FAILED);

	private final String topic;

	private final LogMeasures measures;

	private final Supplier<List<ReaderState>> readers;

	private volatile @Nullable Snapshot snapshot;

	ReaderMeters(LogSubscriptions<?> readers) {
		this.topic = readers.topic();
		this.measures = readers.measures();
		this.readers = readers::states;
	}

	@Override
	public void register(MeterRegistrar registrar) {
		register(registrar, this.topic, this.measures.fetch(), this.measures.poll());
		registrar.summary(DurableNotifyMeters.FETCH_TARGETS, this.measures.targets(), this.topic);
		registrar.timer(DurableNotifyMeters.DELIVERY_AGE, this.measures.age(), this.topic);
		boolean streams = this.topic.equals(STREAMS);
		this.measures.ended().forEach((ending, ended) -> {
			if (streams || !ENDINGS_OF_STREAMS.contains(ending)) {
				registrar.counter(DurableNotifyMeters.READERS_ENDED, ended, this.topic, MeterTag.value(ending));
			}
		});
		this.measures.families().forEach((family, handlers) -> {
			register(registrar, this.topic, family, handlers);
			if (streams) {
				registrar.counter(DurableNotifyMeters.DELIVERED, handlers.handedOver(), this.topic, family, "handover");
			}
			for (ReaderState.Status status : ReaderState.Status.values()) {
				registrar.gauge(DurableNotifyMeters.READERS, this, (meters) -> meters.count(family, status), this.topic,
						family, MeterTag.value(status));
			}
			registrar.gauge(DurableNotifyMeters.READERS_LAG, this, (meters) -> meters.lag(family), this.topic, family);
			registrar.timeGauge(DurableNotifyMeters.HANDLER_RUNNING, this, (meters) -> meters.running(family),
					this.topic, family);
		});
	}

	static void register(MeterRegistrar registrar, String topic, FetchMeasures fetch, PollFindings poll) {
		registrar.timers(DurableNotifyMeters.FETCH, fetch.statements(), topic);
		registrar.summary(DurableNotifyMeters.FETCH_ENTRIES, fetch.entries(), topic);
		register(registrar, topic, poll);
	}

	static void register(MeterRegistrar registrar, String topic, PollFindings poll) {
		registrar.counter(DurableNotifyMeters.POLL_ROUNDS, poll.rounds(), topic);
		registrar.counter(DurableNotifyMeters.POLL_FOUND, poll.found(), topic);
	}

	static void register(MeterRegistrar registrar, String topic, String family, HandlerMeasures handlers) {
		registrar.timers(DurableNotifyMeters.HANDLER, handlers.calls(), topic, family);
		registrar.counter(DurableNotifyMeters.DELIVERED, handlers.fetched(), topic, family, "fetch");
	}

	private double count(String family, ReaderState.Status status) {
		return states().stream().filter((reader) -> isOf(reader, family) && reader.status() == status).count();
	}

	private double lag(String family) {
		return states().stream().filter((reader) -> isOf(reader, family)).mapToLong(ReaderState::lag).max().orElse(0);
	}

	private double running(String family) {
		return MeterSource
			.longest(states().stream().filter((reader) -> isOf(reader, family)).map(ReaderState::running));
	}

	private static boolean isOf(ReaderState reader, String family) {
		return Objects.requireNonNullElse(reader.family(), LogMeasures.NO_FAMILY).equals(family);
	}

	private List<ReaderState> states() {
		Snapshot snapshot = this.snapshot;
		long now = System.nanoTime();
		if (snapshot == null || now - snapshot.takenAt() > CACHE_NANOS) {
			snapshot = new Snapshot(now, this.readers.get());
			this.snapshot = snapshot;
		}
		return snapshot.states();
	}

	/**
	 * The states of the readers at a time.
	 */
	private record Snapshot(long takenAt, List<ReaderState> states) {
	}

}
