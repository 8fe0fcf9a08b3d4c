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
import io.durablenotify.channel.ChannelDelivery;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerState;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.instance.LeaseMeasures;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderState;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.Schema;
import io.durablenotify.stream.ConsumerDelivery;
import io.durablenotify.stream.ConsumersState;
import io.durablenotify.stream.append.AppendBacklog;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.WakeupMode;
import io.durablenotify.wakeup.WakeupProperties;
import io.durablenotify.wakeup.WakeupState;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.QueueListenerState;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkHealth;
import io.durablenotify.work.WorkMeasures;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.core.env.Environment;

/**
 * The state of this instance. Does not ask the database, which may be what is out of
 * order.
 */
final class OverviewReport {

	/**
	 * The largest number of other instances that are shown.
	 */
	private static final int MAX_OTHERS = 100;

	private final Access access;

	private final @Nullable String name;

	private final DatabaseProduct product;

	private final Schema schema;

	private final ApplicationDatabase database;

	private final NotificationListener listener;

	private final ServerWatch server;

	private final Poll poll;

	private final WakeupMode mode;

	private final Wakeups wakeups;

	private final List<LogSubscriptions<?>> logs;

	private final AppendPipeline appends;

	private final ConsumerDelivery consumers;

	private final ChangeDelivery changes;

	private final WorkHandling handling;

	private final WorkHealth health;

	private final WorkMeasures workMeasures;

	private final DurableChannels channels;

	private final LeaseMeasures leases;

	/**
	 * Create a new instance.
	 * @param access what operators may do
	 * @param beans the beans of durable-notify
	 */
	OverviewReport(Access access, BeanFactory beans) {
		this.access = access;
		this.name = beans.getBean(Environment.class).getProperty("spring.application.name");
		this.product = beans.getBean(DatabaseProduct.class);
		this.schema = beans.getBean(Schema.class);
		this.database = beans.getBean(ApplicationDatabase.class);
		this.listener = beans.getBean(NotificationListener.class);
		this.server = beans.getBean(ServerWatch.class);
		this.poll = beans.getBean(Poll.class);
		this.mode = beans.getBean(WakeupProperties.class).mode();
		this.wakeups = beans.getBean(Wakeups.class);
		this.logs = EndpointConfiguration.logs(beans);
		this.appends = beans.getBean(AppendPipeline.class);
		this.consumers = beans.getBean(ConsumerDelivery.class);
		this.changes = beans.getBean(ChangeDelivery.class);
		this.handling = beans.getBean(WorkHandling.class);
		this.health = beans.getBean(WorkHealth.class);
		this.workMeasures = beans.getBean(WorkMeasures.class);
		this.channels = beans.getBean(DurableChannels.class);
		this.leases = beans.getBean(LeaseMeasures.class);
	}

	Overview report(EndpointTexts texts) {
		ChangeDeliveryState changes = this.changes.state();
		ServerState server = this.server.last();
		WakeupState wakeups = this.wakeups.state();
		return new Overview(version(), this.access, new InstanceView(wakeups.instance(), texts.of(this.name)),
				new DatabaseView(this.product.description(), this.database.getTarget(), this.schema.name().value(),
						this.schema.version(), server.notificationQueue(), server.clockDifference()),
				listener(texts), new PollView(this.poll.intervalInForce(), this.mode),
				new WakeupsView(wakeups.pause(), wakeups.others().stream().limit(MAX_OTHERS).toList()), readers(),
				this.appends.state(), this.consumers.state(),
				new ChangesView(changes.subscriptions(), changes.behind(), changes.positionAge(), changes.lastGap(),
						changes.lastGapAt(), this.changes.measures().poll().found().sum()),
				work(texts), (this.channels instanceof ChannelDelivery delivery) ? delivery.receivers() : 0,
				this.leases.leases()
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
		return new ListenerView(state.status(), state.proven(), state.since(), state.reconnects(), state.backend(),
				state.lastProbe(), state.lastProbeTook(), state.lastError(), channels, this.listener.history());
	}

	private Map<String, LogView> readers() {
		Map<String, LogView> views = new TreeMap<>();
		this.logs
			.forEach((log) -> views.put(log.topic(), LogView.of(log.states(), log.measures().poll().found().sum())));
		return views;
	}

	private WorkView work(EndpointTexts texts) {
		List<QueueListenerState> queues = this.handling.listeners();
		return new WorkView(queues.size(), queues.stream().mapToInt(QueueListenerState::running).sum(),
				queues.stream().mapToInt(QueueListenerState::held).sum(),
				this.health.unhandledQueues().stream().map(texts::of).toList(),
				this.health.probedQueues().stream().map(texts::of).toList(), this.workMeasures.poll().found().sum());
	}

	/**
	 * The overview.
	 *
	 * @param version the version of durable-notify, if its jar says so
	 * @param access what operators may do: with {@code UNRESTRICTED}, also what changes
	 * something
	 * @param wakeups the wake-ups between instances
	 * @param appends the appends that wait for the database
	 * @param consumers the named consumers of this instance
	 * @param receivers how many calls wait for messages of direct channels
	 * @param leases the leases of this instance
	 */
	record Overview(@Nullable String version, Access access, InstanceView instance, DatabaseView database,
			ListenerView listener, PollView poll, WakeupsView wakeups, Map<String, LogView> readers,
			AppendBacklog appends, ConsumersState consumers, ChangesView changes, WorkView work, int receivers,
			List<LeaseView> leases) implements OperationResponseBody {
	}

	/**
	 * This instance.
	 *
	 * @param id what the others know it by ({@link WakeupsView#others()})
	 * @param name the application's name
	 */
	record InstanceView(@Nullable String id, @Nullable String name) {
	}

	/**
	 * The database.
	 *
	 * @param migration the version of the schema, if the application has migrated it
	 * @param notificationQueue as {@link ServerState} has it, of the last two minutes
	 * @param clockDifference likewise
	 */
	record DatabaseView(String product, String address, String schema, @Nullable String migration,
			@Nullable Double notificationQueue, @Nullable Duration clockDifference) {
	}

	/**
	 * The listener, as {@link ListenerState}.
	 *
	 * @param history the last changes of its status, the latest first
	 */
	record ListenerView(ListenerState.Status status, boolean proven, Instant since, long reconnects,
			@Nullable Integer backend, ListenerState.@Nullable ProbeOutcome lastProbe, @Nullable Duration lastProbeTook,
			@Nullable String lastError, List<ChannelView> channels, List<ListenerState.StatusChange> history) {
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
	 * The wake-ups between instances, as {@link WakeupState}.
	 *
	 * @param others up to a hundred
	 */
	record WakeupsView(Duration pause, List<WakeupState.Other> others) {
	}

	/**
	 * Readers of a feature.
	 *
	 * @param lag the greatest lag
	 * @param found how many logs the poll has found that no wake-up has announced
	 */
	record LogView(int live, int behind, int full, int waiting, long lag, long found) {

		static LogView of(List<ReaderState> readers, long found) {
			return new LogView(count(readers, ReaderState.Status.LIVE), count(readers, ReaderState.Status.BEHIND),
					count(readers, ReaderState.Status.FULL), count(readers, ReaderState.Status.WAITING),
					readers.stream().mapToLong(ReaderState::lag).max().orElse(0), found);
		}

		private static int count(List<ReaderState> readers, ReaderState.Status status) {
			return (int) readers.stream().filter((reader) -> reader.status() == status).count();
		}

	}

	/**
	 * Subscriptions to changes, as {@link ChangeDeliveryState}.
	 *
	 * @param found how many changes the poll has found that no wake-up has announced
	 */
	record ChangesView(int subscriptions, int behind, Duration positionAge, ChangeGap.@Nullable Reason lastGap,
			@Nullable Instant lastGapAt, long found) {
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
	 * @param found how many items the poll has found late that no wake-up has announced
	 */
	record WorkView(int queues, int running, int held, List<@Nullable String> unhandledQueues,
			List<@Nullable String> probedQueues, long found) {
	}

	/**
	 * A lease of this instance.
	 *
	 * @param instanceId what the database knows this instance by
	 */
	record LeaseView(long instanceId, boolean held) {
	}

}
