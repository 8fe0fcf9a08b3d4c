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

import java.util.List;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;

/**
 * A peer and durable-notify on the same work.
 */
abstract class WorkPeerFigure implements Figure {

	/**
	 * So that both sides take about as long.
	 */
	private static final int OURS_FOR_ONE_OF_THEIRS = 10;

	private final String title;

	WorkPeerFigure(String title) {
		this.title = title;
	}

	@Override
	public int row() {
		return Peers.ROW;
	}

	@Override
	public String title() {
		return this.title;
	}

	/**
	 * Start the peer.
	 */
	abstract WorkPeer start(Database database) throws Exception;

	@Override
	public List<Line> measure(Run run) throws Exception {
		int handled = run.size().pick(10_000, 4_000, 50);
		int enqueued = run.size().pick(4_000, 2_000, 50);
		try (Database theirDatabase = run.createDatabase();
				Database ourDatabase = run.createDatabase();
				WorkPeer theirs = start(theirDatabase);
				WorkPeer ours = new DurableWorkPeer(ourDatabase)) {
			Rounds<Double, Double> handling = Rounds.alternate(run, () -> theirs.handle(handled),
					() -> ours.handle(handled * OURS_FOR_ONE_OF_THEIRS));
			Rounds<Double, Double> enqueueing = Rounds.alternate(run, () -> theirs.enqueue(enqueued),
					() -> ours.enqueue(enqueued));
			return List.of(
					handling.line("work whose handlers do nothing", "items/s", Double::doubleValue, Double::doubleValue,
							Target.atLeast(3)),
					enqueueing.line("enqueue, 1 thread", "items/s", Double::doubleValue, Double::doubleValue, null));
		}
	}

}
