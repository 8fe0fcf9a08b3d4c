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

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import dev.dbos.transact.DBOS;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.lettuce.core.LettuceVersion;
import org.jspecify.annotations.Nullable;

import org.springframework.integration.jdbc.channel.PostgresSubscribableChannel;

/**
 * All peers.
 */
public final class Peers {

	static final int ROW = 0;

	private Peers() {
	}

	/**
	 * Return a figure for each peer that there is.
	 */
	public static List<Figure> all() {
		List<Figure> figures = new ArrayList<>();
		figures.add(new PeerFigure("Spring Integration, `PostgresSubscribableChannel`") {

			@Override
			Peer start(Run run, Database database) throws Exception {
				return new SpringIntegrationPeer(database, database.url());
			}

		});
		figures.add(new OutageFigure());
		redis().ifPresent((program) -> {
			figures.add(redis(program, "everysec", null, null));
			figures.add(redis(program, "always", Target.atLeast(1), Target.atMost(1)));
		});
		figures.add(new PeerFigure("DBOS Transact, streams of workflows") {

			@Override
			Peer start(Run run, Database database) {
				return new DbosPeer(database);
			}

		});
		figures.add(new WorkPeerFigure("db-scheduler, `pollUsingLockAndFetch`") {

			@Override
			WorkPeer start(Database database) throws Exception {
				return new DbSchedulerPeer(database);
			}

		});
		figures.add(new WorkPeerFigure("JobRunr") {

			@Override
			WorkPeer start(Database database) {
				return new JobRunrPeer(database);
			}

		});
		return figures;
	}

	/**
	 * Return the versions of what is measured.
	 */
	public static String versions() throws IOException {
		Optional<Path> redis = redis();
		return "Spring Integration %s, Lettuce %s, DBOS Transact %s, %s".formatted(
				PostgresSubscribableChannel.class.getPackage().getImplementationVersion(), LettuceVersion.getVersion(),
				DBOS.version(), (redis.isPresent()) ? "Redis " + RedisServer.version(redis.get()) : "no Redis");
	}

	/**
	 * Return where Redis is, empty if it is not installed.
	 */
	public static Optional<Path> redis() {
		return RedisServer.find();
	}

	private static Figure redis(Path program, String fsync, @Nullable Target rates, @Nullable Target median) {
		return new PeerFigure("Redis Streams through Lettuce, `appendfsync %s`".formatted(fsync), rates, median) {

			@Override
			Peer start(Run run, Database database) throws Exception {
				return new RedisPeer(RedisServer.start(program, run.server().directory(), fsync));
			}

		};
	}

}
