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

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.stream.ConsumerPositionSql.Stored;
import io.durablenotify.stream.ConsumerSql.Claimed;
import io.durablenotify.stream.ConsumerSql.Held;
import org.jspecify.annotations.Nullable;

/**
 * Claims consumers without an owner for this instance. Also notices what others have done
 * to those that it owns, and finds their new streams, each with one statement for all of
 * them. Used by one thread, except for {@link #isSearchDue()}.
 */
final class ConsumerClaims {

	/**
	 * How often the lease is asked for while it is not held, and streams are added to a
	 * consumer that is locked.
	 */
	private static final Duration RETRY = Duration.ofMillis(100);

	/**
	 * Searches for new streams with each poll take at most a twentieth of the time.
	 */
	private static final int REST_PER_SEARCH = 20;

	/**
	 * After each chunk that a stream can have. The sum of a few has to be a bigint.
	 */
	private static final long AFTER_ALL = 1L << 60;

	private static final Duration CLEAN_INTERVAL = Duration.ofMinutes(1);

	private final ApplicationDatabase database;

	private final ConsumerSql sql;

	private final ConsumerPositionSql positions;

	private final Instances instances;

	private final Duration leaseDuration;

	private @Nullable Lease lease;

	private volatile long restUntil = System.nanoTime();

	private long cleanAt = System.nanoTime();

	/**
	 * Whether this run has left streams out whose consumer a transaction has locked.
	 */
	private boolean locked;

	ConsumerClaims(ApplicationDatabase database, ConsumerSql sql, ConsumerPositionSql positions, Instances instances,
			Duration leaseDuration) {
		this.database = database;
		this.sql = sql;
		this.positions = positions;
		this.instances = instances;
		this.leaseDuration = leaseDuration;
	}

	/**
	 * Claim consumers, drop lost ones, and add new streams.
	 * @param check whether to ask what others have done
	 */
	Next run(Collection<ConsumerRun> runs, boolean check) {
		this.locked = false;
		boolean awaitsLease = claimOrAwaitLease(byId(runs.stream().filter(ConsumerRun::isToBeClaimed).toList()));
		if (check) {
			findLost(byId(runs.stream().filter(ConsumerRun::isOwned).toList()));
		}
		runs.forEach(this::addCreated);
		boolean more = findNewStreams(byId(runs.stream().filter(ConsumerRun::takeNewStreamsWanted).toList()));
		if (check) {
			clean(byId(runs.stream().filter(ConsumerRun::isOwned).toList()));
		}
		return ((awaitsLease || this.locked) && !more) ? Next.after(RETRY) : Next.againIf(more);
	}

	/**
	 * With distinct ids: a subscription that was cancelled may be followed by another.
	 */
	private static Map<Long, ConsumerRun> byId(Collection<ConsumerRun> runs) {
		return runs.stream().collect(Collectors.toMap(ConsumerRun::id, Function.identity(), (first, second) -> second));
	}

	private <T> T execute(String task, SessionWork<T> work) {
		return this.database.executeSeparately(task, ApplicationDatabase.SOCKET_TIMEOUT, Conflicts.repeat(work));
	}

	private Lease lease() {
		Lease lease = this.lease;
		if (lease == null || lease.isLost()) {
			lease = this.instances.lease(this.leaseDuration);
			this.lease = lease;
		}
		return lease;
	}

	/**
	 * Return whether consumers are left that can be claimed once the lease is held.
	 */
	private boolean claimOrAwaitLease(Map<Long, ConsumerRun> runs) {
		if (runs.isEmpty()) {
			return false;
		}
		Lease lease = lease();
		if (!lease.isHeld()) {
			return true;
		}
		claim(runs, lease);
		return false;
	}

	/**
	 * What was claimed and is not known here, since what follows the claim has failed, is
	 * claimed again.
	 */
	private void claim(Map<Long, ConsumerRun> runs, Lease lease) {
		Map<Long, String> names = new LinkedHashMap<>();
		runs.forEach((id, run) -> names.put(id, run.spec().name()));
		List<Claimed> claims = execute("claim consumers of streams",
				(connection, joined) -> this.sql.claim(connection, lease.instanceId(), names));
		claims.stream().filter((claim) -> !claim.exists()).forEach((claim) -> run(runs, claim).removed());
		List<Claimed> claimed = claims.stream().filter((claim) -> claim.token() > 0).toList();
		if (claimed.isEmpty()) {
			return;
		}
		Map<Long, List<Stored>> stored = execute("read the positions of consumers of streams", (connection,
				joined) -> this.positions.load(connection, claimed.stream().map(Claimed::consumerId).toList()));
		for (Claimed claim : claimed) {
			ConsumerRun run = run(runs, claim);
			Held held = new Held(claim.consumerId(), claim.token());
			List<Stored> positions = stored.getOrDefault(claim.consumerId(), List.of());
			try {
				run.own(new ConsumerOwner(held, lease), selected(run.spec(), held, positions));
			}
			catch (ConsumerLostException ex) {
				// The others are claimed all the same, and this one again later
				this.locked = true;
			}
		}
	}

	/**
	 * Return the positions in streams of the consumer. To the database, the stream that
	 * is named like a family's prefix is one of the family's too: it is stored as one
	 * that the consumer has had, so that it neither lags nor holds up a trim.
	 */
	private List<Stored> selected(ConsumerSpec spec, Held held, List<Stored> positions) {
		List<Stored> selected = new ArrayList<>();
		for (Stored position : positions) {
			if (spec.selects(position.stream())) {
				selected.add(position);
			}
			else if (!execute("pass over a stream", (connection, joined) -> this.positions.passOver(connection, held,
					position.streamId(), AFTER_ALL))) {
				// Claimed again, with that stream, once nothing has locked it
				throw new ConsumerLostException(spec.name());
			}
		}
		return selected;
	}

	private static ConsumerRun run(Map<Long, ConsumerRun> runs, Claimed claim) {
		ConsumerRun run = runs.get(claim.consumerId());
		if (run == null) {
			throw new IllegalStateException("Consumer %d was not asked for".formatted(claim.consumerId()));
		}
		return run;
	}

	private void findLost(Map<Long, ConsumerRun> owned) {
		Map<Held, ConsumerRun> held = new HashMap<>();
		owned.values().forEach((run) -> {
			Held current = run.held();
			if (current != null) {
				held.put(current, run);
			}
		});
		if (!held.isEmpty()) {
			List<Held> asked = List.copyOf(held.keySet());
			execute("check consumers of streams", (connection, joined) -> this.sql.findLost(connection, asked))
				.forEach((lost) -> {
					ConsumerRun run = held.get(lost);
					if (run != null) {
						run.lost(lost);
					}
				});
		}
	}

	private void clean(Map<Long, ConsumerRun> owned) {
		long start = System.nanoTime();
		if (!owned.isEmpty() && start - this.cleanAt >= 0) {
			execute("remove positions of consumers of streams",
					(connection, joined) -> this.positions.clean(connection, owned.keySet()));
			long end = System.nanoTime();
			this.cleanAt = end + Math.max(CLEAN_INTERVAL.toNanos(), (end - start) * REST_PER_SEARCH);
		}
	}

	/**
	 * Return whether the last search was long enough ago, for its length.
	 */
	boolean isSearchDue() {
		return System.nanoTime() - this.restUntil >= 0;
	}

	/**
	 * Find the streams in which consumers have no position.
	 * @return whether there may be more
	 */
	private boolean findNewStreams(Map<Long, ConsumerRun> runs) {
		if (runs.isEmpty()) {
			return false;
		}
		boolean more = false;
		boolean done = false;
		try {
			long start = System.nanoTime();
			Map<Long, List<String>> found = execute("find new streams of consumers",
					(connection, joined) -> this.positions.findNew(connection, runs.keySet()));
			long end = System.nanoTime();
			this.restUntil = end + (end - start) * REST_PER_SEARCH;
			for (Map.Entry<Long, ConsumerRun> entry : runs.entrySet()) {
				more |= add(entry.getValue(), found.getOrDefault(entry.getKey(), List.of()));
			}
			done = true;
		}
		finally {
			if (!done) {
				runs.values().forEach(ConsumerRun::wantNewStreams);
			}
		}
		return more;
	}

	private void addCreated(ConsumerRun run) {
		List<String> created = run.takeCreated();
		if (!created.isEmpty()) {
			add(run, created);
		}
	}

	/**
	 * If the answer is lost, positions may be stored that no search finds. So the
	 * consumer is claimed again, with all of its positions.
	 */
	private boolean add(ConsumerRun run, List<String> streams) {
		Held held = run.held();
		if (held == null || streams.isEmpty()) {
			return false;
		}
		Optional<List<Stored>> added;
		try {
			added = execute("add streams of a consumer",
					(connection, joined) -> this.positions.add(connection, held, streams))
				.map((positions) -> selected(run.spec(), held, positions));
		}
		catch (Throwable ex) {
			run.lost(held);
			throw ex;
		}
		if (added.isEmpty()) {
			addLater(run, streams);
			return false;
		}
		run.add(held, added.get());
		boolean more = !added.get().isEmpty() && streams.size() >= ConsumerPositionSql.STREAMS_AT_ONCE;
		if (more) {
			run.wantNewStreams();
		}
		return more;
	}

	/**
	 * A transaction has locked the consumer, as by its removal, or it is another
	 * instance's.
	 */
	private void addLater(ConsumerRun run, List<String> streams) {
		streams.forEach(run::streamCreated);
		this.locked = true;
		findLost(Map.of(run.id(), run));
	}

}
