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

import io.durablenotify.instance.LeaseMeasures;
import io.durablenotify.listener.ListenerMeasures;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.log.FetchMeasures;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.ReaderState;
import io.durablenotify.loop.PeriodicMeasures;
import io.durablenotify.outbox.OutboxMeasures;
import io.durablenotify.stream.append.AppendMeasures;
import io.durablenotify.wakeup.WakeupMeasures;
import io.durablenotify.work.QueueMeasures;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tags;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The meters of durable-notify. {@code docs/metrics.md} is written from them.
 */
public enum DurableNotifyMeters {

	LISTENER_STATUS("listener.status", Kind.GAUGE, "1 for the present status of the listener, 0 for the others",
			MeterTag.of("status", Status.class)),

	LISTENER_PROVEN("listener.proven", Kind.GAUGE,
			"1 if a notification of another connection was received since the listener has connected, else 0"),

	LISTENER_STATUS_AGE("listener.status.age", Kind.TIME_GAUGE, "The time since the listener's status has changed"),

	LISTENER_RECONNECTS("listener.reconnects", Kind.COUNTER, "Connections that were made again after one was lost"),

	LISTENER_ATTEMPTS("listener.attempts", Kind.COUNTER, "Attempts to connect and listen",
			MeterTag.of("outcome", ListenerMeasures.Attempt.class)),

	LISTENER_PROBES("listener.probes", Kind.COUNTER,
			"Probes of the listener. One counts as heard too where another notification has come first",
			MeterTag.of("outcome", ProbeOutcome.class)),

	LISTENER_PROBE("listener.probe", Kind.TIMER,
			"From sending a probe of this instance to its arrival: what a notification takes now"),

	LISTENER_NOTIFICATIONS("listener.notifications", Kind.COUNTER,
			"Notifications that were received, on the application's own channels as user",
			MeterTag.of("channel", ListenerMeasures.Channel.class)),

	WAKEUPS_NOTIFY("wakeups.notify", Kind.TIMER, "Statements that notify other instances",
			MeterTag.of("outcome", WakeupMeasures.Sending.class)),

	WAKEUPS_BATCH("wakeups.batch", Kind.SUMMARY, "Writes that one notification announces"),

	WAKEUPS_PAUSE("wakeups.pause", Kind.TIME_GAUGE,
			"How long a wake-up waits at most until it is sent; 0 while none is sent"),

	WAKEUPS_RECEIVED("wakeups.received", Kind.COUNTER, "Wake-ups that were received", Common.WAKEUP_TOPIC,
			MeterTag.of("source", "local", "remote")),

	WAKEUPS_RESYNCS("wakeups.resyncs", Kind.COUNTER,
			"Requests to fetch everything, since wake-ups may have been missed. "
					+ "connected: the listener has begun to listen; received: another instance has asked for it; "
					+ "overflow, failed: this instance has asked the others for it",
			MeterTag.of("cause", WakeupMeasures.ResyncCause.class)),

	INSTANCES("instances", Kind.GAUGE, "Other instances that have sent a wake-up in the last minute"),

	POLL_INTERVAL("poll.interval", Kind.TIME_GAUGE, "The poll's interval in force; 0 if there is no poll"),

	POLL_ROUNDS("poll.rounds", Kind.COUNTER, "Polls of a feature; of work, claims that only the poll has led to",
			Common.TOPICS),

	POLL_FOUND("poll.found", Kind.COUNTER,
			"Streams, runs, changes and items that the poll has found, and no notification has announced until the next poll "
					+ "(of an item, for a quarter of a second longer than wakeup.max-gap). While the listener listens, notifications "
					+ "are lost",
			Common.TOPICS),

	READERS("readers", Kind.GAUGE,
			"Live readers. full: the handler is slower than what comes; waiting: the stream or run does not exist",
			Common.LOGS, Common.FAMILY, MeterTag.of("state", ReaderState.Status.class)),

	READERS_LAG("readers.lag", Kind.GAUGE, "The greatest number of entries that a reader's handler has still to take",
			Common.LOGS, Common.FAMILY),

	READERS_ENDED("readers.ended", Kind.COUNTER,
			"Readers that have ended, by reason. Runs are neither completed nor failed", Common.LOGS,
			MeterTag.of("reason", LogMeasures.Ending.class)),

	FETCH("fetch", Kind.TIMER, "Statements that read entries, with the wait for a connection", Common.READ,
			MeterTag.of("outcome", FetchMeasures.Result.class)),

	FETCH_ENTRIES("fetch.entries", Kind.SUMMARY, "Entries that one statement brings", Common.READ),

	FETCH_TARGETS("fetch.targets", Kind.SUMMARY, "Streams or runs, each at a position, that one statement reads",
			Common.LOGS),

	DELIVERED("delivered", Kind.COUNTER,
			"Entries that readers have received for their handlers. handover: of streams only, from an append of the same instance, without a fetch",
			Common.READ, Common.FAMILY, MeterTag.of("source", "fetch", "handover")),

	DELIVERY_AGE("delivery.age", Kind.TIMER,
			"The age of an entry when a reader that has had all before gives it to its handler, of the first in a row. It "
					+ "contains the difference of the clocks. Named consumers give none",
			Common.LOGS),

	HANDLER("handler", Kind.TIMER,
			"Calls of handlers of chunks, events and changes, and of onGap and onEnd of named consumers. After calls that take "
					+ "less than 1 µs, up to 128 in a row are one recording of their whole time: durablenotify.delivered counts "
					+ "entries",
			Common.READ, Common.FAMILY, MeterTag.of("outcome", HandlerMeasures.Result.class)),

	HANDLER_RUNNING("handler.running", Kind.TIME_GAUGE,
			"For how long the longest call of a handler with a chunk, an event or a change has run that has not returned; 0 "
					+ "while none runs",
			Common.READ, Common.FAMILY),

	CONSUMERS("consumers", Kind.GAUGE,
			"Named consumers with a subscription in this instance. waiting: another instance is the owner, or none",
			MeterTag.of("state", "owned", "waiting")),

	CONSUMERS_LAG("consumers.lag", Kind.GAUGE,
			"The greatest number of chunks of a stream that a consumer which this instance owns has still to handle. A gap "
					+ "or an end that is still to be handled counts as 1 at least"),

	CONSUMERS_LAG_AGE("consumers.lag.age", Kind.TIME_GAUGE,
			"The longest time for which a consumer owned here has made no progress in a stream with unhandled chunks; "
					+ "measured when read"),

	CHANGES_SUBSCRIPTIONS("changes.subscriptions", Kind.GAUGE, "Subscriptions to changes"),

	CHANGES_BEHIND("changes.behind", Kind.GAUGE, "Subscriptions to changes whose handlers lag, so that reading waits"),

	CHANGES_POSITION_AGE("changes.position.age", Kind.TIME_GAUGE,
			"How old the oldest position is; near durable-notify.changes.retention changes are missed"),

	CHANGES_GAPS("changes.gaps", Kind.COUNTER, "Gaps: changes may have been missed",
			MeterTag.of("reason", ChangeMeters.REASONS.stream().map(MeterTag::value).toArray(String[]::new))),

	APPEND("append", Kind.TIMER,
			"From the call of an append to its outcome; of an asynchronous one, to its future's end", Common.LOGS,
			MeterTag.of("outcome", "stored", "duplicate", "ended", "conflict", "locked", "unknown", "refused",
					"failed")),

	APPEND_STATEMENT("append.statement", Kind.TIMER, "Statements that store chunks or events, also those that fail",
			Common.LOGS, MeterTag.of("mode", AppendMeasures.Mode.class)),

	APPEND_BATCH("append.batch", Kind.SUMMARY, "Chunks that one statement stores"),

	APPEND_QUEUED("append.queued", Kind.GAUGE, "bytes", "What waits to be written outside of transactions"),

	APPEND_QUEUED_LIMIT("append.queued.limit", Kind.GAUGE, "bytes",
			"The size of that buffer (durable-notify.streams.append-buffer)"),

	APPEND_CONTENDED("append.contended", Kind.GAUGE,
			"Streams whose appends wait for another transaction that has locked them"),

	LEASES_RENEWALS("leases.renewals", Kind.COUNTER, "Renewals of this instance's leases",
			MeterTag.of("outcome", LeaseMeasures.Renewal.class)),

	LEASES_RENEWAL_AGE("leases.renewal.age", Kind.TIME_GAUGE,
			"The time since the last renewal that has succeeded; near the lease's length others take over"),

	LEASES_LOST("leases.lost", Kind.COUNTER, "Leases of this instance that were lost: another instance has taken over"),

	LEASES_TAKEN_OVER("leases.taken.over", Kind.COUNTER,
			"Streams, items and consumers that this instance has taken over from others",
			MeterTag.of("topic", "streams", "stream-consumer", "work")),

	SSE_CLIENTS("sse.clients", Kind.GAUGE,
			"Clients of server-sent events. waiting: they take nothing for now; given_up: their connections end",
			MeterTag.of("state", "open", "waiting", "given_up")),

	SSE_GIVEN_UP("sse.given.up", Kind.COUNTER,
			"Clients that were given up: they have taken nothing for durable-notify.sse.write-timeout"),

	CLEANUP("cleanup", Kind.TIMER, "Runs of the tasks that clean up, and of the one that plans recurring work",
			Common.TASKS, MeterTag.of("outcome", PeriodicMeasures.Run.class)),

	CLEANUP_REMOVED("cleanup.removed", Kind.COUNTER,
			"Streams, runs, changes, items, messages and sent events that were deleted since their time was over",
			Common.TASKS),

	CLEANUP_BACKLOG("cleanup.backlog", Kind.GAUGE,
			"Deleted streams whose chunks are to be removed, counted to 10,000; asked of the database"),

	WORK_ITEMS("work.items", Kind.GAUGE,
			"Stored items, over all instances, each state counted to 10,000 for a queue; an ordering key counts as one. pending "
					+ "is all that wait, due or not. Queues without a listener in this instance are other",
			Common.QUEUE, MeterTag.of("state", "pending", "due", "running", "dead")),

	WORK_OLDEST_DUE("work.oldest.due", Kind.TIME_GAUGE,
			"How long the oldest due item has waited to be claimed; messages to an address do not count; asked of the database",
			Common.QUEUE),

	WORK_OLDEST("work.oldest", Kind.TIME_GAUGE,
			"How long ago the oldest stored item was requested, due or not; asked of the database", Common.QUEUE),

	WORK_ENQUEUED("work.enqueued", Kind.COUNTER,
			"New items that this instance has stored, those of a transaction after its commit. Requests that were coalesced "
					+ "and requeued items do not count. Queues without a listener in this instance are other",
			Common.QUEUE),

	WORK_WAIT("work.wait", Kind.TIMER,
			"From the time at which an item, or its ordering key, was due to the call of its handler", Common.QUEUE),

	WORK_HANDLER("work.handler", Kind.TIMER, "Calls of handlers of work", Common.QUEUE,
			MeterTag.of("outcome", QueueMeasures.Result.class)),

	WORK_HANDLER_RUNNING("work.handler.running", Kind.TIME_GAUGE,
			"For how long the longest attempt in this instance has run since the call of its handler; 0 while none runs",
			Common.QUEUE),

	WORK_FINISHED("work.finished", Kind.COUNTER,
			"Attempts whose outcome the database has. lost: the item was cancelled, or another instance has taken it over",
			Common.QUEUE, MeterTag.of("outcome", QueueMeasures.Finish.class)),

	WORK_CLAIM("work.claim", Kind.TIMER,
			"Statements that claim items, also those that fail; they show first that dead rows are in the way",
			Common.QUEUE),

	WORK_CLAIMED("work.claimed", Kind.SUMMARY, "Items and ordering keys that one claim brings", Common.QUEUE),

	WORK_FOUND("work.found", Kind.COUNTER, "Claimed items and ordering keys, by what has led to the claim",
			Common.QUEUE, MeterTag.of("by", QueueMeasures.Cause.class)),

	WORK_UNHANDLED("work.unhandled", Kind.GAUGE,
			"Queues with items that have been due for a minute, and that no instance handles; up to 100, checked every minute"),

	WORK_SEARCHES_SLOW("work.searches.slow", Kind.GAUGE,
			"Queues in which claims search for more than a second, since deleted rows are in the way; checked every minute"),

	CHANNELS_RECEIVERS("channels.receivers", Kind.GAUGE,
			"Calls of receive and receiveAsync that wait for messages of their addresses"),

	CHANNELS_RECEIVED("channels.received", Kind.COUNTER,
			"Messages of addresses that receive and receiveAsync have removed; not those that a handler of a channel has handled"),

	OUTBOX_SENDER("outbox.sender", Kind.TIMER,
			"Calls of senders. refused: the receiver, or its client, does not take the event for good", Common.SENDER,
			MeterTag.of("outcome", OutboxMeasures.Result.class)),

	OUTBOX_CIRCUIT("outbox.circuit", Kind.GAUGE,
			"1 for the present state of a sender, 0 for the other. open: it fails, and its events are tried one at a time; "
					+ "asked of the database",
			Common.SENDER, MeterTag.of("state", "closed", "open")),

	DATABASE_SAMPLE_AGE("database.sample.age", Kind.TIME_GAUGE,
			"How long ago the database has answered what meters ask of it; before its first answer, how long ago meters were read first"),

	DATABASE_NOTIFICATION_QUEUE("database.notification.queue", Kind.GAUGE, "ratio",
			"How much of the server's queue of notifications is used, from 0 to 1; when it is full no notification can be sent"),

	DATABASE_OLDEST_TRANSACTION("database.oldest.transaction", Kind.TIME_GAUGE,
			"How long ago the oldest open transaction in this database has begun; without pg_read_all_stats, of the same role"),

	DATABASE_CLOCK_DIFFERENCE("database.clock.difference", Kind.TIME_GAUGE,
			"By how much the database's clock is ahead of this instance's; negative where it is late"),

	DATABASE_TABLE_SIZE("database.table.size", Kind.GAUGE, "bytes",
			"The size of a table with its indexes, asked every five minutes", Common.TABLE),

	DATABASE_TABLE_DEAD("database.table.dead", Kind.GAUGE,
			"Dead rows of a table as the server estimates them, asked every five minutes", Common.TABLE);

	/**
	 * What the names of all meters begin with.
	 */
	static final String PREFIX = "durablenotify.";

	private final String name;

	private final Kind kind;

	private final @Nullable String unit;

	private final String description;

	private final List<MeterTag> tags;

	DurableNotifyMeters(String name, Kind kind, String description, MeterTag... tags) {
		this(name, kind, null, description, tags);
	}

	DurableNotifyMeters(String name, Kind kind, @Nullable String unit, String description, MeterTag... tags) {
		this.name = PREFIX + name;
		this.kind = kind;
		this.unit = unit;
		this.description = description;
		this.tags = List.of(tags);
	}

	/**
	 * Return the name, such as {@code durablenotify.listener.status}.
	 * @return the name
	 */
	public String meterName() {
		return this.name;
	}

	/**
	 * Return the kind.
	 * @return the kind
	 */
	public Kind kind() {
		return this.kind;
	}

	/**
	 * Return the base unit, {@code null} for durations, whose unit the registry chooses,
	 * and for plain numbers.
	 * @return the unit
	 */
	public @Nullable String unit() {
		return this.unit;
	}

	/**
	 * Return the description.
	 * @return the description
	 */
	public String description() {
		return this.description;
	}

	/**
	 * Return the tags, all of which each of its series has.
	 * @return the tags
	 */
	public List<MeterTag> tags() {
		return this.tags;
	}

	/**
	 * Return tags with all of this meter's keys.
	 * @param values a value for each
	 */
	Tags tags(String... values) {
		Assert.isTrue(values.length == this.tags.size(),
				() -> "%s has the tags %s".formatted(this.name, this.tags.stream().map(MeterTag::key).toList()));
		Tags tags = Tags.empty();
		for (int i = 0; i < values.length; i++) {
			tags = tags.and(this.tags.get(i).key(), values[i]);
		}
		return tags;
	}

	/**
	 * The kinds of meters.
	 */
	public enum Kind {

		/**
		 * A number that only grows.
		 */
		COUNTER("counter", Meter.Type.COUNTER),

		/**
		 * A present number.
		 */
		GAUGE("gauge", Meter.Type.GAUGE),

		/**
		 * A present duration.
		 */
		TIME_GAUGE("gauge of time", Meter.Type.GAUGE),

		/**
		 * Durations of operations.
		 */
		TIMER("timer", Meter.Type.TIMER),

		/**
		 * Sizes.
		 */
		SUMMARY("summary", Meter.Type.DISTRIBUTION_SUMMARY);

		private final String text;

		private final Meter.Type type;

		Kind(String text, Meter.Type type) {
			this.text = text;
			this.type = type;
		}

		/**
		 * Return its name in documents.
		 * @return the name
		 */
		public String text() {
			return this.text;
		}

		/**
		 * Return its type for Micrometer.
		 * @return the type
		 */
		public Meter.Type type() {
			return this.type;
		}

	}

	/**
	 * Tags of several meters.
	 */
	private static final class Common {

		private static final MeterTag LOGS = MeterTag.of("topic", "streams", "events");

		private static final MeterTag READ = MeterTag.of("topic", "streams", "events", "changes");

		private static final MeterTag TOPICS = MeterTag.of("topic", "streams", "events", "changes", "work");

		private static final MeterTag FAMILY = MeterTag.named("family", "a configured family, or `none`");

		private static final MeterTag QUEUE = MeterTag.named("queue", "see above");

		private static final MeterTag SENDER = MeterTag.named("sender", "a sender of this application");

		private static final MeterTag TABLE = MeterTag.of("table", "change_lifetime", "change_log", "change_snapshots",
				"changes", "deleted_streams", "instances", "outbox_sent", "stream_chunks", "stream_consumer_positions",
				"stream_consumers", "streams", "work_claims", "work_dead", "work_finished", "work_items",
				"work_lane_items", "work_probes", "work_queues", "workflow_events", "workflow_runs");

		private static final MeterTag TASKS = MeterTag.of("topic", "streams", "events", "changes", "work", "recurring",
				"channels", "outbox");

		private static final MeterTag WAKEUP_TOPIC = MeterTag.of("topic", "streams", "stream-consumer", "events",
				"changes", "work", "work-cancel", "work-move", "channel", "instances");

	}

}
