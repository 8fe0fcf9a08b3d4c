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

package io.durablenotify.benchmarks.peer;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamPosition;

import org.springframework.integration.jdbc.channel.PostgresSubscribableChannel;
import org.springframework.messaging.Message;
import org.springframework.messaging.support.GenericMessage;

/**
 * How often a subscriber tries to connect while there is no server, and how much it logs.
 * Afterwards it has to receive again.
 */
final class OutageFigure implements Figure {

	private static final int ATTEMPTS = 20;

	@Override
	public int row() {
		return Peers.ROW;
	}

	@Override
	public String title() {
		return "Spring Integration, `PostgresSubscribableChannel`: a subscriber without a server";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		Duration outage = run.size().time(10_000);
		try (Database database = run.createDatabase()) {
			Seen theirs = theirs(run, database, outage);
			Seen ours = ours(run, database, outage);
			return List.of(line("connections tried in %d s".formatted(outage.toSeconds()), "", theirs.attempts(),
					ours.attempts()), line("log", "bytes", theirs.logBytes(), ours.logBytes()));
		}
	}

	private static Line line(String what, String unit, double theirs, double ours) {
		return new Line(what, unit, theirs, ours, null, null, null, "");
	}

	private static Seen theirs(Run run, Database database, Duration outage) throws Exception {
		try (Relay relay = new Relay(run.server().port());
				LogVolume log = new LogVolume();
				SpringIntegrationPeer peer = new SpringIntegrationPeer(database, through(relay, database))) {
			BlockingQueue<Message<?>> received = new LinkedBlockingQueue<>();
			PostgresSubscribableChannel channel = peer.newChannel();
			channel.subscribe(received::add);
			channel.send(new GenericMessage<>(Payload.chunk()));
			Check.that(received.poll(30, TimeUnit.SECONDS) != null, "Nothing was received before");
			Seen seen = observe(relay, log, outage);
			untilDone(() -> channel.send(new GenericMessage<>(Payload.chunk())));
			Check.that(received.poll(60, TimeUnit.SECONDS) != null, "Nothing was received afterwards");
			return seen;
		}
	}

	private static Seen ours(Run run, Database database, Duration outage) throws Exception {
		try (Relay relay = new Relay(run.server().port());
				Instance instance = Instance.start(through(relay, database));
				LogVolume log = new LogVolume()) {
			BlockingQueue<Chunk> received = new LinkedBlockingQueue<>();
			instance.reader().subscribe("outage", StreamPosition.start(), received::add);
			instance.writer().append("outage", Payload.chunk());
			Check.that(received.poll(30, TimeUnit.SECONDS) != null, "Nothing was received before");
			Seen seen = observe(relay, log, outage);
			untilDone(() -> instance.writer().append("outage", Payload.chunk()));
			Check.that(received.poll(60, TimeUnit.SECONDS) != null, "Nothing was received afterwards");
			return seen;
		}
	}

	/**
	 * Pools hand out connections that died a moment ago.
	 */
	private static void untilDone(Runnable send) {
		for (int attempt = 1;; attempt++) {
			try {
				send.run();
				return;
			}
			catch (RuntimeException ex) {
				if (attempt == ATTEMPTS) {
					throw ex;
				}
			}
		}
	}

	private static String through(Relay relay, Database database) {
		return database.url().replaceFirst("//[^/]+/", "//127.0.0.1:%d/".formatted(relay.port()));
	}

	private static Seen observe(Relay relay, LogVolume log, Duration outage) throws InterruptedException {
		long before = log.bytes();
		relay.cut();
		Thread.sleep(outage.toMillis());
		Seen seen = new Seen(relay.rejected(), log.bytes() - before);
		relay.restore();
		return seen;
	}

	/**
	 * What was seen of it.
	 */
	private record Seen(int attempts, long logBytes) {
	}

}
