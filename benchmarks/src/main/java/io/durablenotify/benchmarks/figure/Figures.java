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

package io.durablenotify.benchmarks.figure;

import java.util.List;

import io.durablenotify.benchmarks.harness.Figure;

/**
 * All figures.
 */
public final class Figures {

	private Figures() {
	}

	public static List<Figure> all() {
		return List.of(new SingleAppends(), new ConcurrentAppends(), new BulkAppends(), new LatencyBetweenProcesses(),
				new LatencyInOneProcess(), new CompletedStream(), new FirstChunk(), new IdleReaders(),
				new ManyReadersOfOne(), new CostOfWakeups(), new LargeTables(), new StandstillReader(), new Recovery(),
				new HeldSnapshot(), new EventAppends(), new RacingEngines(), new ChangePublishing(),
				new ChangeLatency(), new ChangeCatchUp(), new OneChunkToManyClients(), new IdleClients(),
				new StuckClients(), new NoOpWork(), new TransactionalWork(), new Enqueueing(), new WorkUnderSnapshot(),
				new OrderedWork(), new WorkLatency(), new TimerLateness(), new LargeWorkTables(), new WalOfWork(),
				new LeaseRenewal(), new LostProcess(), new SingleItemClaims(), new OutboxSending(),
				new CompetingMessages(), new BroadcastMessages(), new RecordingPrice(), new ColdLatency());
	}

}
