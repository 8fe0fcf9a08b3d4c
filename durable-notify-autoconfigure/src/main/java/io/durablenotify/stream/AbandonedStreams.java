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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.stream.AppenderStore.Open;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;

/**
 * Fails the streams of appenders, as long as they are those of this instance: at once, or
 * as soon as that is possible.
 */
final class AbandonedStreams {

	/**
	 * How long a claim whose answer was lost may still be under way.
	 */
	private static final Duration LOST_CLAIM_TIMEOUT = Duration.ofMinutes(1);

	private final ApplicationDatabase database;

	private final AppenderStore store;

	private final PublishingWrites writes;

	private final Set<OpenAppender> open;

	/**
	 * The appenders whose streams have to be failed, with the reasons.
	 */
	private final Map<OpenAppender, String> abandoned = new ConcurrentHashMap<>();

	/**
	 * By the names of the streams, claims whose answers were lost.
	 */
	private final Map<String, LostClaim> unknown = new ConcurrentHashMap<>();

	/**
	 * Create a new instance.
	 * @param open the appenders of this instance that have not ended their streams
	 */
	AbandonedStreams(ApplicationDatabase database, AppenderStore store, PublishingWrites writes,
			Set<OpenAppender> open) {
		this.database = database;
		this.store = store;
		this.writes = writes;
		this.open = open;
	}

	/**
	 * Have the stream of an appender failed.
	 */
	void add(OpenAppender appender, String reason) {
		this.abandoned.put(appender, reason);
	}

	/**
	 * Have a stream failed if the claim of it, whose answer was lost, was stored.
	 */
	void addClaimed(String name, long instanceId) {
		this.unknown.put(name, new LostClaim(instanceId, System.nanoTime()));
	}

	/**
	 * A stream has an appender again.
	 */
	void claimed(String name) {
		this.unknown.remove(name);
	}

	/**
	 * Return the appenders whose streams are still to be failed.
	 */
	Set<OpenAppender> appenders() {
		return this.abandoned.keySet();
	}

	/**
	 * Fail the streams, as far as that is possible now.
	 * @return whether none is left
	 */
	boolean failAll() {
		failAbandoned();
		failUnknown();
		return this.abandoned.isEmpty() && this.unknown.isEmpty();
	}

	private void failAbandoned() {
		Map<OpenAppender, String> abandoned = Map.copyOf(this.abandoned);
		if (abandoned.isEmpty()) {
			return;
		}
		Map<Long, Open> held = findHeld(abandoned.keySet());
		// Checked after the versions were read: an appender opened since then has changed
		// them
		abandoned.keySet()
			.stream()
			.filter((appender) -> !held.containsKey(appender.streamId()) || isOpenedAgain(appender))
			.forEach(this.abandoned::remove);
		Set.copyOf(abandoned.values()).forEach((reason) -> {
			List<OpenAppender> appenders = this.abandoned.keySet()
				.stream()
				.filter((appender) -> reason.equals(abandoned.get(appender)) && !isBeingOpened(appender.name()))
				.toList();
			Set<Long> failed = fail(appenders, held, reason).keySet();
			appenders.stream()
				.filter((appender) -> failed.contains(appender.streamId()))
				.forEach(this.abandoned::remove);
		});
	}

	/**
	 * Return whether another appender of this instance has the stream and will end it,
	 * unless its close has failed too.
	 */
	private boolean isOpenedAgain(OpenAppender appender) {
		return this.open.stream()
			.anyMatch((other) -> other != appender && Objects.equals(other.streamId(), appender.streamId())
					&& !this.abandoned.containsKey(other));
	}

	private boolean isBeingOpened(String name) {
		return this.open.stream().anyMatch((appender) -> appender.streamId() == null && appender.name().equals(name));
	}

	private void failUnknown() {
		this.unknown.forEach((name, claim) -> {
			if (failUnknown(name, claim)) {
				this.unknown.remove(name, claim);
			}
		});
	}

	/**
	 * Return whether the lost claim needs no further attempt. It may be waiting for a
	 * lock, and be stored later.
	 */
	private boolean failUnknown(String name, LostClaim claim) {
		boolean over = claim.isOver();
		Optional<String> version = this.database.executeSeparately("find a stream", ApplicationDatabase.SOCKET_TIMEOUT,
				Conflicts.repeat((connection, joined) -> this.store.findHeld(connection, claim.instanceId(), name)));
		if (version.isEmpty()) {
			return over;
		}
		// Checked after the version was read: an appender opened since then has changed
		// it
		return this.open.stream().noneMatch((appender) -> appender.name().equals(name)) && !fail(
				(session) -> this.store.failHeld(session, claim.instanceId(), name, version.get(), OpenAppender.FAILED))
			.isEmpty();
	}

	/**
	 * Fail the streams of appenders.
	 * @param held what {@link #findHeld} has returned
	 */
	Map<Long, Instant> fail(Collection<OpenAppender> appenders, Map<Long, Open> held, String reason) {
		Map<Long, Open> streams = new HashMap<>(held);
		streams.keySet().retainAll(OpenAppender.ids(appenders));
		return (streams.isEmpty()) ? Map.of() : fail((session) -> this.store.fail(session, streams, reason));
	}

	private Map<Long, Instant> fail(Fail fail) {
		return this.database.executeSeparately("fail streams", ApplicationDatabase.SOCKET_TIMEOUT, (connection,
				joined) -> this.writes.run(TailedStream.TOPIC, connection, joined, (session, inTransaction) -> {
					Map<Long, Instant> failed = fail.run(session);
					return new Written<>(failed, failed.keySet().stream().map(Wakeup::ended).toList());
				}));
	}

	/**
	 * Return the streams of appenders that are open, without those that another instance
	 * writes by now.
	 */
	Map<Long, Open> findHeld(Collection<OpenAppender> appenders) {
		Map<Long, Open> held = findOpen(appenders);
		held.keySet()
			.retainAll(OpenAppender.ids(appenders.stream().filter((appender) -> isHeld(appender, held)).toList()));
		return held;
	}

	private static boolean isHeld(OpenAppender appender, Map<Long, Open> open) {
		Open stream = open.get(appender.streamId());
		return stream != null && (stream.writerId() == null || stream.writerId().equals(appender.instanceId()));
	}

	Map<Long, Open> findOpen(Collection<OpenAppender> appenders) {
		return this.database.executeSeparately("find open streams", ApplicationDatabase.SOCKET_TIMEOUT,
				Conflicts.repeat((connection, joined) -> this.store.findOpen(connection, OpenAppender.ids(appenders))));
	}

	/**
	 * A claim whose answer was lost.
	 *
	 * @param lostAt when, by {@link System#nanoTime()}
	 */
	private record LostClaim(long instanceId, long lostAt) {

		boolean isOver() {
			return System.nanoTime() - this.lostAt > LOST_CLAIM_TIMEOUT.toNanos();
		}

	}

	/**
	 * A statement that fails streams.
	 */
	@FunctionalInterface
	private interface Fail {

		Map<Long, Instant> run(Connection connection) throws SQLException;

	}

}
