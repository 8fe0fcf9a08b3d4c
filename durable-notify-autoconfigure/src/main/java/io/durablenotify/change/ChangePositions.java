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

package io.durablenotify.change;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

import io.durablenotify.change.ChangePage.Place;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The positions of all subscriptions, and the evidence that validates them after a crash.
 * <p>
 * Subscriptions at the same position share a read. One without room keeps its position,
 * and has a separate read once it has room again.
 * <p>
 * A position belongs to a run of the server. When another run answers, or when the server
 * does not confirm the watermark, the positions are {@linkplain #validate validated}:
 * they are cut back to the watermark, or moved to the current position with a gap.
 * <p>
 * Not thread-safe.
 *
 * @param <S> the subscriptions' type
 */
final class ChangePositions<S> {

	/**
	 * The largest age of a position at which a new subscription may begin.
	 */
	static final Duration RECENT = Duration.ofMinutes(1);

	/**
	 * How many changes are remembered, to detect a loss after a crash. A transaction that
	 * did not wait for the disk may be lost although one with a higher number is not.
	 * PostgreSQL writes it within a second, unless configured otherwise.
	 */
	static final int REMEMBERED = 1_000;

	private final InstantSource clock;

	private final Map<S, ChangePosition> positions = new LinkedHashMap<>();

	/**
	 * When the position of each was the current one.
	 */
	private final Map<S, Instant> currentAt = new HashMap<>();

	/**
	 * The run of the server to which the watermark and the changes read last belong.
	 */
	private @Nullable ServerRun run;

	private Watermark watermark = Watermark.UNKNOWN;

	/**
	 * The changes that were read last.
	 */
	private final Deque<ChangeIdentity> lastRead = new ArrayDeque<>();

	/**
	 * The last position that was the current one when it was read.
	 */
	private @Nullable ChangePosition latest;

	private Instant latestAt = Instant.EPOCH;

	private ChangeGap.@Nullable Reason lastGap;

	private @Nullable Instant lastGapAt;

	ChangePositions(InstantSource clock) {
		this.clock = clock;
	}

	Set<S> subscriptions() {
		return this.positions.keySet();
	}

	/**
	 * Add a subscription at the position that others have read to, unless that is too
	 * old. The new one would otherwise get changes that were committed long before it
	 * subscribed.
	 * @return whether it was added
	 */
	boolean addAtLatest(S subscription) {
		ChangePosition latest = this.latest;
		if (latest == null || this.positions.isEmpty() || !isRecent(this.latestAt)) {
			return false;
		}
		this.positions.put(subscription, latest);
		this.currentAt.put(subscription, this.latestAt);
		return true;
	}

	private boolean isRecent(Instant time) {
		return Duration.between(time, this.clock.instant()).abs().compareTo(RECENT) <= 0;
	}

	/**
	 * Add a subscription at the current position.
	 */
	void add(S subscription, CurrentPosition current) {
		if (this.positions.isEmpty()) {
			begin(current);
		}
		else {
			learn(current);
		}
		this.positions.put(subscription, current.position());
		this.currentAt.put(subscription, this.clock.instant());
	}

	/**
	 * Remove a subscription.
	 * @return whether it was there
	 */
	boolean remove(S subscription) {
		this.currentAt.remove(subscription);
		return this.positions.remove(subscription) != null;
	}

	/**
	 * Return the subscriptions to read for, by their positions.
	 */
	Map<ChangePosition, List<S>> reads(Predicate<S> hasRoom) {
		Map<ChangePosition, List<S>> reads = new LinkedHashMap<>();
		this.positions.forEach((subscription, position) -> {
			if (hasRoom.test(subscription)) {
				reads.computeIfAbsent(position, (key) -> new ArrayList<>()).add(subscription);
			}
		});
		return reads;
	}

	/**
	 * Return the watermark of a run of the server, which each read in it must confirm.
	 */
	Watermark watermark(ServerRun run) {
		return (run.equals(this.run)) ? this.watermark : Watermark.UNKNOWN;
	}

	/**
	 * Move subscriptions after a page that was read for them.
	 * @param from the position from which it was read
	 * @return whether there is more to read from their new position
	 */
	boolean advance(ChangePosition from, ChangePage page, List<S> subscriptions) {
		if (from.server().equals(this.run)) {
			this.watermark = this.watermark.and(page.watermark());
			page.rows().forEach(this::remember);
		}
		if (from.target() == null) {
			setLatest(from.after(page.target()));
		}
		Place end = page.end();
		move(subscriptions, (end != null) ? from.within(page.target(), end) : from.after(page.target()));
		// The last wake-up may be for a change that is not visible in an older target
		return end != null || from.target() != null;
	}

	private void remember(ChangeRow row) {
		this.lastRead.add(row.identity());
		if (this.lastRead.size() > REMEMBERED) {
			this.lastRead.remove();
		}
	}

	/**
	 * Move subscriptions whose next changes may have been deleted to the current
	 * position.
	 * @param server the run of the server of their positions
	 * @return the gap, or {@code null} if the current position is of another run: then
	 * the positions must be validated first
	 */
	@Nullable Gap<S> expire(ServerRun server, List<S> subscriptions, CurrentPosition current) {
		if (!current.position().server().equals(server)) {
			return null;
		}
		learn(current);
		move(subscriptions, current.position());
		return gap(ChangeGap.Reason.EXPIRED, subscriptions);
	}

	/**
	 * Return the changes that the server has lost in a crash if it lacks one of them.
	 */
	Remembered remembered() {
		return new Remembered(this.watermark, List.copyOf(this.lastRead));
	}

	/**
	 * Validate the positions of a run of the server after another run has answered, or
	 * the watermark was not confirmed.
	 * @param before the run of the positions
	 * @param answeredByOther whether another run has answered
	 * @param found the changes that the server has now
	 * @return the gap, or {@code null} if no change was missed
	 */
	@Nullable Gap<S> validate(ServerRun before, boolean answeredByOther, Found found) {
		CurrentPosition current = found.current();
		ServerRun server = current.position().server();
		Assert.state(!answeredByOther || !server.equals(before), "Several servers answer alternately");
		ChangeGap.Reason reason = reasonOfGap(before, current, answeredByOther && found.hasAllRead());
		// Without a crash no number is assigned again, also if rows were removed
		boolean kept = reason != ChangeGap.Reason.OTHER_CLUSTER && before.equals(this.run)
				&& (found.hasLast() || !server.isOtherThan(before));
		List<S> subscriptions = new ArrayList<>();
		// Also those without room: the watermark of their run is forgotten below
		for (Map.Entry<S, ChangePosition> entry : this.positions.entrySet()) {
			ChangePosition position = entry.getValue();
			if (position.server().equals(before)) {
				subscriptions.add(entry.getKey());
				if (kept) {
					entry.setValue(position.afterCrash(server, this.watermark.durable()));
				}
				else {
					entry.setValue(current.position());
					this.currentAt.put(entry.getKey(), this.clock.instant());
				}
			}
		}
		begin(current);
		return (reason != null) ? gap(reason, subscriptions) : null;
	}

	private ChangeGap.@Nullable Reason reasonOfGap(ServerRun before, CurrentPosition current, boolean intact) {
		ServerRun server = current.position().server();
		if (!server.isSameCluster(before)) {
			return ChangeGap.Reason.OTHER_CLUSTER;
		}
		if (!intact || !before.equals(this.run) || !server.isSameTimeline(before)
				|| !server.log().equals(before.log())) {
			return ChangeGap.Reason.FAILOVER;
		}
		// A server that was shut down has forgotten no number, unless it was restored
		boolean restored = server.isAfterShutdown(before) && this.positions.values()
			.stream()
			.anyMatch((position) -> before.equals(position.server())
					&& position.targetXmax() > current.position().xmax());
		return (restored) ? ChangeGap.Reason.FAILOVER : null;
	}

	private Gap<S> gap(ChangeGap.Reason reason, List<S> subscriptions) {
		this.lastGap = reason;
		this.lastGapAt = this.clock.instant();
		return new Gap<>(reason, subscriptions);
	}

	private void begin(CurrentPosition current) {
		this.run = current.position().server();
		this.watermark = current.watermark();
		this.lastRead.clear();
		this.latest = null;
		learn(current);
	}

	private void learn(CurrentPosition current) {
		if (!current.position().server().equals(this.run)) {
			return;
		}
		this.watermark = this.watermark.and(current.watermark());
		if (current.shared()) {
			setLatest(current.position());
		}
	}

	private void setLatest(ChangePosition position) {
		this.latest = position;
		this.latestAt = this.clock.instant();
	}

	private void move(List<S> subscriptions, ChangePosition position) {
		boolean current = position.target() == null;
		subscriptions.forEach((subscription) -> {
			if (this.positions.replace(subscription, position) != null && current) {
				this.currentAt.put(subscription, this.clock.instant());
			}
		});
	}

	/**
	 * Return how long ago the position of a subscription was the current one.
	 */
	Duration age(S subscription) {
		Instant now = this.clock.instant();
		Duration age = Duration.between(this.currentAt.getOrDefault(subscription, now), now);
		return (age.isNegative()) ? Duration.ZERO : age;
	}

	ChangeDeliveryState state(Predicate<S> hasRoom) {
		int full = (int) this.positions.keySet().stream().filter(hasRoom.negate()).count();
		Duration age = this.positions.keySet().stream().map(this::age).max(Duration::compareTo).orElse(Duration.ZERO);
		return new ChangeDeliveryState(this.positions.size(), full, age, this.lastGap, this.lastGapAt);
	}

	@Override
	public String toString() {
		return "%s, durable %d".formatted(this.positions, this.watermark.durable());
	}

	/**
	 * Changes that the server must still have.
	 *
	 * @param watermark the watermark, with the last change of all
	 * @param lastRead the changes that were read last
	 */
	record Remembered(Watermark watermark, List<ChangeIdentity> lastRead) {
	}

	/**
	 * The remembered changes that the server has.
	 *
	 * @param current the current position
	 * @param hasLast whether it has the last change, so that no number up to its own is
	 * assigned again
	 * @param hasAllRead whether it also has all changes that were read last
	 */
	record Found(CurrentPosition current, boolean hasLast, boolean hasAllRead) {
	}

	/**
	 * Subscriptions that may have missed changes. Their position is the current one, or
	 * one before it: after the gap they miss nothing.
	 *
	 * @param <S> the subscriptions' type
	 * @param reason the reason
	 * @param subscriptions the subscriptions
	 */
	record Gap<S>(ChangeGap.Reason reason, List<S> subscriptions) {
	}

}
