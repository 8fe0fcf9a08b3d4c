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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Spread;
import io.durablenotify.event.AppendResult;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;

/**
 * Row 16. Each engine is a separate application; all of them try to create the same steps
 * of one run.
 */
public final class RacingEngines implements Figure {

	private static final int ENGINES = 8;

	private int runs;

	@Override
	public int row() {
		return 16;
	}

	@Override
	public String title() {
		return "8 engines that race for the same events of one run";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int steps = run.size().pick(1_000, 400, 40);
		List<Instance> engines = new ArrayList<>();
		ExecutorService executor = Executors.newFixedThreadPool(ENGINES);
		try (Database database = run.createDatabase()) {
			for (int i = 0; i < ENGINES; i++) {
				engines.add(Instance.start(database, "spring.datasource.hikari.maximum-pool-size=2"));
			}
			race(engines, executor, steps);
			List<Double> perSecond = new ArrayList<>();
			for (int round = 0; round < run.rounds(); round++) {
				perSecond.add(race(engines, executor, steps));
			}
			double median = Spread.of(perSecond).median();
			return List.of(Line.reported("attempts", "/s", median, "one of 8 is stored, 7 learn which one it is"),
					Line.reported("events", "/s", median / ENGINES, "none twice"));
		}
		finally {
			executor.shutdownNow();
			engines.forEach(Instance::close);
		}
	}

	private double race(List<Instance> engines, ExecutorService executor, int steps) throws Exception {
		String runId = "race-" + ++this.runs;
		CyclicBarrier barrier = new CyclicBarrier(ENGINES);
		List<Future<List<AppendResult>>> racing = new ArrayList<>();
		long start = System.nanoTime();
		for (Instance engine : engines) {
			EventLog events = engine.bean(EventLog.class);
			Callable<List<AppendResult>> task = () -> {
				List<AppendResult> results = new ArrayList<>();
				barrier.await();
				for (int i = 0; i < steps; i++) {
					results.add(events.append(NewEvent.of(runId, "step_created").correlationId("step-" + i)));
				}
				return results;
			};
			racing.add(executor.submit(task));
		}
		List<List<AppendResult>> results = new ArrayList<>();
		for (Future<List<AppendResult>> each : racing) {
			results.add(each.get());
		}
		long took = System.nanoTime() - start;
		check(results, steps);
		return ENGINES * steps * 1e9 / took;
	}

	private static void check(List<List<AppendResult>> results, int steps) {
		for (int i = 0; i < steps; i++) {
			int step = i;
			Check.equal("engines that stored a step", 1,
					results.stream()
						.filter((each) -> each.get(step).outcome() == AppendResult.Outcome.APPENDED)
						.count());
			Check.equal("ids of a step", 1,
					results.stream().map((each) -> each.get(step).eventId()).distinct().count());
		}
	}

}
