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

import java.lang.ref.Cleaner;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import io.durablenotify.Subscription;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.SerialTask;
import io.durablenotify.instance.LeaseProperties;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.observation.Observations;
import io.durablenotify.stream.AppenderStore.Open;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.core.task.TaskRejectedException;

/**
 * The appenders of this instance that have not ended their streams. Ensures that each of
 * these streams ends: when the application stops, when an appender could not end it since
 * the database was out of reach, and when a handle was dropped.
 */
final class OpenAppenders implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(StreamWriter.class);

	static final String DROPPED = "abandoned: the appender was dropped without close()";

	private static final Duration RETRY = Duration.ofSeconds(1);

	/**
	 * How long stopping waits for streams that another transaction has locked.
	 */
	private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

	private static final Duration STOP_RETRY = Duration.ofMillis(50);

	private static final int MAX_NAMES = 10;

	private final AppendPipeline pipeline;

	private final Instances instances;

	private final LeaseProperties leaseProperties;

	private final Executor executor;

	private final Duration timeout;

	private final StreamProperties properties;

	private final Observations observations;

	private final Set<OpenAppender> open = ConcurrentHashMap.newKeySet();

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-appenders",
			new FailureLog(logger, "Failed to end abandoned streams", "Abandoned streams are ended again"), this::run);

	private final AbandonedStreams abandoned;

	private final AppenderEnds ends;

	private final Subscription wakeups;

	private final Subscription losses;

	/**
	 * Guards what follows.
	 */
	private final Object lifecycle = new Object();

	private @Nullable Cleaner cleaner;

	private volatile boolean closed;

	OpenAppenders(ApplicationDatabase database, AppenderStore store, PublishingWrites writes, AppendPipeline pipeline,
			Instances instances, LeaseProperties leases, Wakeups wakeups, Poll poll, Executor executor,
			StreamProperties properties, Observations observations) {
		this.properties = properties;
		this.observations = observations;
		this.pipeline = pipeline;
		this.instances = instances;
		this.leaseProperties = leases;
		this.executor = executor;
		this.timeout = properties.appendTimeout();
		this.abandoned = new AbandonedStreams(database, store, writes, this.open);
		this.ends = new AppenderEnds(this.open, (appenders) -> this.abandoned.findOpen(appenders).keySet(), poll,
				this.loop::signal);
		this.wakeups = wakeups.subscribe(TailedStream.TOPIC, this.ends);
		this.losses = instances.onLost(this::lost);
	}

	StreamAppender open(DefaultStreamWriter writer, String stream, AppenderOptions options) {
		EndCallbacks callbacks = new EndCallbacks(this::run);
		OpenAppender appender = new OpenAppender(this, writer, stream, options, callbacks,
				observe(writer.fullName(stream)));
		// Before it is asked whether there is a stop: either this sees it or that sees
		// this
		this.open.add(appender);
		try {
			if (this.closed) {
				throw new TaskRejectedException("Appender was not opened: the application context has closed");
			}
			appender.open();
			if (appender.streamId() != null) {
				this.abandoned.claimed(appender.name());
			}
			DefaultStreamAppender handle = new DefaultStreamAppender(appender, callbacks);
			cleaner().register(handle, appender::dropped);
			return handle;
		}
		catch (Throwable ex) {
			// Claimed already, if no thread could be had for the cleaner
			appender.observation().failed(ex);
			abandon(appender, OpenAppender.FAILED);
			throw ex;
		}
	}

	private AppenderObservation observe(String stream) {
		return new AppenderObservation(this.observations.write(this.properties.familyOf(stream), stream));
	}

	/**
	 * The answer to a claim was lost, and the caller has no appender. If the claim was
	 * stored, the stream has to be failed.
	 */
	void claimUnknown(String name, long instanceId) {
		this.abandoned.addClaimed(name, instanceId);
		this.loop.signal();
	}

	private Cleaner cleaner() {
		synchronized (this.lifecycle) {
			Cleaner cleaner = this.cleaner;
			if (cleaner == null) {
				cleaner = Cleaner.create(new DaemonThreadFactory("durable-notify-appender-cleaner"));
				this.cleaner = cleaner;
			}
			return cleaner;
		}
	}

	/**
	 * Return what notices that another writer has ended a stream.
	 */
	AppenderEnds ends() {
		return this.ends;
	}

	/**
	 * How long an appender waits for the lease to be renewed.
	 */
	Duration timeout() {
		return this.timeout;
	}

	@Nullable Lease lease(AppenderOptions options) {
		if (!options.isLeased()) {
			return null;
		}
		Duration duration = options.lease();
		return this.instances.lease((duration != null) ? duration : this.leaseProperties.lease());
	}

	void remove(OpenAppender appender) {
		if (this.open.remove(appender)) {
			this.ends.release(appender.streamId());
		}
		appender.observation().stop();
		this.ends.unwatch(appender);
	}

	/**
	 * Fail the stream of an appender as soon as that is possible, if it is still open.
	 */
	void abandon(OpenAppender appender, String reason) {
		appender.observation().abandon();
		if (appender.streamId() != null) {
			// Before it is removed, so that a stop finds it here or there
			this.abandoned.add(appender, reason);
		}
		remove(appender);
		this.loop.signal();
	}

	void dropped(OpenAppender appender) {
		if (!this.closed) {
			logger.warn("An appender of stream '%s' was dropped without close(); the stream fails"
				.formatted(appender.name()));
		}
		abandon(appender, DROPPED);
	}

	private void lost(Lease lease) {
		this.open.stream().filter((appender) -> appender.isHeldBy(lease)).forEach(this.ends::ended);
	}

	/**
	 * Run a callback once, on the executor that runs users' code, as soon as that takes
	 * it.
	 */
	void run(Runnable callback) {
		new SerialTask(this.executor, () -> call(callback), () -> !this.closed).signal();
	}

	private static void call(Runnable callback) {
		try {
			callback.run();
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error, "A callback for the end of a stream has failed", ex);
		}
	}

	private Next run() {
		boolean failed = this.abandoned.failAll();
		this.ends.findEnded();
		return (failed) ? Next.IDLE : Next.after(RETRY);
	}

	/**
	 * Fail the streams that are still open. Called when the application's own executors
	 * have ended their tasks, or have given up waiting for them.
	 */
	@Override
	public void close() {
		this.closed = true;
		this.ends.close();
		this.wakeups.cancel();
		this.losses.cancel();
		this.loop.close();
		Set<OpenAppender> left = new HashSet<>(this.open);
		left.addAll(this.abandoned.appenders());
		if (!left.isEmpty()) {
			stop(left);
		}
	}

	private void stop(Set<OpenAppender> left) {
		Map<Long, Instant> failed = new HashMap<>();
		Set<Long> open = Set.of();
		try {
			long deadline = System.nanoTime() + STOP_TIMEOUT.toNanos();
			do {
				List<OpenAppender> written = left.stream()
					.filter((appender) -> !this.pipeline.isAppending(appender.name()))
					.toList();
				if (written.size() < left.size()) {
					// What is being appended has a limit of its own
					deadline = System.nanoTime() + STOP_TIMEOUT.toNanos();
				}
				Map<Long, Open> held = this.abandoned.findHeld(left);
				failed.putAll(this.abandoned.fail(written, held, OpenAppender.STOPPED));
				held.keySet().removeAll(failed.keySet());
				open = held.keySet();
			}
			while (!open.isEmpty() && pause(deadline));
		}
		catch (RuntimeException ex) {
			logger.warn("Failed to end the streams that the application was writing when it stopped; other instances "
					+ "do so after its lease has run out", ex);
		}
		Set<String> names = new TreeSet<>();
		for (OpenAppender appender : left) {
			appender.observation().abandon();
			Long streamId = appender.streamId();
			Instant failedAt = (streamId != null) ? failed.get(streamId) : null;
			if (failedAt != null) {
				names.add(appender.name());
				appender.stopped(failedAt);
			}
		}
		if (!names.isEmpty() || !open.isEmpty()) {
			logger.warn("Streams that the application was writing when it stopped have failed: %d (%s%s)%s".formatted(
					names.size(), names.stream().limit(MAX_NAMES).collect(Collectors.joining(", ")),
					(names.size() > MAX_NAMES) ? ", …" : "",
					(open.isEmpty()) ? "" : "; locked by other transactions: " + open.size()));
		}
	}

	private static boolean pause(long deadline) {
		try {
			TimeUnit.MILLISECONDS.sleep(STOP_RETRY.toMillis());
			return System.nanoTime() - deadline < 0;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return false;
		}
	}

}
