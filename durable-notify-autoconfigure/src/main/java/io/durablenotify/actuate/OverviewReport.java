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
import java.util.TreeMap;

import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.change.ChangeDeliveryState;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.instance.Instances;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderState;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.WakeupMode;
import io.durablenotify.work.QueueListenerState;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkHealth;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;

/**
 * The state of this instance. Does not ask the database, which may be what is out of
 * order.
 *
 * @param access what operators may do
 * @param product the database product
 * @param schema the schema
 * @param database the database
 * @param listener the listener
 * @param poll the poll
 * @param mode when wake-ups are sent
 * @param logs the readers of streams and of events
 * @param changes the subscriptions to changes
 * @param handling the listeners of queues
 * @param health what is known of other instances' queues
 * @param instances the leases
 */
record OverviewReport(Access access, DatabaseProduct product, Schema schema, ApplicationDatabase database,
		NotificationListener listener, Poll poll, WakeupMode mode, List<LogSubscriptions<?>> logs,
		ChangeDelivery changes, WorkHandling handling, WorkHealth health, Instances instances) {

	Overview report(EndpointTexts texts) {
		ChangeDeliveryState changes = this.changes.state();
		return new Overview(version(), this.access,
				new DatabaseView(this.product.description(), this.database.getTarget(), this.schema.name().value(),
						this.schema.version()),
				listener(texts), new PollView(this.poll.intervalInForce(), this.mode), readers(),
				new ChangesView(changes.subscriptions(), changes.behind(), changes.positionAge(), changes.lastGap(),
						changes.lastGapAt()),
				work(texts),
				this.instances.leases()
					.stream()
					.map((lease) -> new LeaseView(lease.instanceId(), lease.isHeld()))
					.toList());
	}

	static @Nullable String version() {
		return OverviewReport.class.getPackage().getImplementationVersion();
	}

	ListenerView listener(EndpointTexts texts) {
		ListenerState state = this.listener.state();
		List<String> own = List.of(this.schema.name().channel("wakeup"), this.schema.name().channel("probe"));
		List<ChannelView> channels = this.listener.channels()
			.entrySet()
			.stream()
			.map((channel) -> new ChannelView(
					(own.contains(channel.getKey())) ? channel.getKey() : texts.of(channel.getKey()),
					channel.getValue()))
			.toList();
		return new ListenerView(state.status(), state.proven(), state.since(), state.reconnects(), state.lastProbe(),
				state.lastError(), channels, this.listener.history());
	}

	private Map<String, LogView> readers() {
		Map<String, LogView> views = new TreeMap<>();
		this.logs.forEach((log) -> views.put(log.topic(), LogView.of(log.states())));
		return views;
	}

	private WorkView work(EndpointTexts texts) {
		List<QueueListenerState> queues = this.handling.listeners();
		return new WorkView(queues.size(), queues.stream().mapToInt(QueueListenerState::running).sum(),
				queues.stream().mapToInt(QueueListenerState::held).sum(),
				this.health.unhandledQueues().stream().map(texts::of).toList(),
				this.health.probedQueues().stream().map(texts::of).toList());
	}

	/**
	 * The overview.
	 *
	 * @param version the version of durable-notify, if its jar says so
	 * @param access what operators may do: with {@code UNRESTRICTED}, also what changes
	 * something
	 * @param leases the leases of this instance
	 */
	record Overview(@Nullable String version, Access access, DatabaseView database, ListenerView listener,
			PollView poll, Map<String, LogView> readers, ChangesView changes, WorkView work,
			List<LeaseView> leases) implements OperationResponseBody {
	}

	/**
	 * The database.
	 *
	 * @param migration the version of the schema, if the application has migrated it
	 */
	record DatabaseView(String product, String address, String schema, @Nullable String migration) {
	}

	/**
	 * The listener.
	 *
	 * @param history the last changes of its status, the latest first
	 */
	record ListenerView(ListenerState.Status status, boolean proven, Instant since, long reconnects,
			ListenerState.@Nullable ProbeOutcome lastProbe, @Nullable String lastError, List<ChannelView> channels,
			List<ListenerState.StatusChange> history) {
	}

	/**
	 * A channel of PostgreSQL that is listened to.
	 */
	record ChannelView(@Nullable String name, int handlers) {
	}

	/**
	 * The poll, and when wake-ups are sent.
	 *
	 * @param interval the interval in force
	 */
	record PollView(Duration interval, WakeupMode wakeups) {
	}

	/**
	 * Readers of a feature.
	 *
	 * @param lag the greatest lag
	 */
	record LogView(int live, int behind, int full, int waiting, long lag) {

		static LogView of(List<ReaderState> readers) {
			return new LogView(count(readers, ReaderState.Status.LIVE), count(readers, ReaderState.Status.BEHIND),
					count(readers, ReaderState.Status.FULL), count(readers, ReaderState.Status.WAITING),
					readers.stream().mapToLong(ReaderState::lag).max().orElse(0));
		}

		private static int count(List<ReaderState> readers, ReaderState.Status status) {
			return (int) readers.stream().filter((reader) -> reader.status() == status).count();
		}

	}

	/**
	 * Subscriptions to changes, as {@link ChangeDeliveryState}.
	 */
	record ChangesView(int subscriptions, int behind, Duration positionAge, ChangeGap.@Nullable Reason lastGap,
			@Nullable Instant lastGapAt) {
	}

	/**
	 * Work.
	 *
	 * @param queues how many queues have a listener here
	 * @param running how many items are being handled here
	 * @param held how many are claimed here
	 * @param unhandledQueues as in the health
	 * @param probedQueues the queues whose handlers fail altogether, so that one item at
	 * a time is tried
	 */
	record WorkView(int queues, int running, int held, List<@Nullable String> unhandledQueues,
			List<@Nullable String> probedQueues) {
	}

	/**
	 * A lease of this instance.
	 *
	 * @param instanceId what the database knows this instance by
	 */
	record LeaseView(long instanceId, boolean held) {
	}

}
