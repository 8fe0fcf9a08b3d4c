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

package io.durablenotify.loop;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.PeriodicMeasures.Run;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryAware;
import org.springframework.beans.factory.HierarchicalBeanFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Runs a task at an interval while the application context runs, and again immediately
 * while it has more to do. After a run that left more it rests for as long as that took,
 * so that it never works for more than half of the time.
 */
public abstract class PeriodicTask implements SmartLifecycle, BeanFactoryAware, AutoCloseable {

	private final String threadName;

	private final Duration interval;

	private final FailureLog failures;

	private PeriodicMeasures measures;

	/**
	 * There while the task is started.
	 */
	private @Nullable BackgroundLoop loop;

	/**
	 * Create a new instance. Starts nothing.
	 * @param topic the feature that has the task
	 * @param threadName the name of the thread that runs the task
	 * @param interval the longest time between two runs
	 * @param failures logs runs that fail, which are repeated
	 */
	protected PeriodicTask(String topic, String threadName, Duration interval, FailureLog failures) {
		this.threadName = threadName;
		this.interval = interval;
		this.failures = failures;
		this.measures = new PeriodicMeasures(topic);
	}

	/**
	 * In a child context, a task counts into that of its parent, which has the meters.
	 */
	@Override
	public void setBeanFactory(BeanFactory beanFactory) {
		BeanFactory parent = (beanFactory instanceof HierarchicalBeanFactory child) ? child.getParentBeanFactory()
				: null;
		if (parent != null) {
			parent.getBeanProvider(PeriodicTask.class)
				.stream()
				.map(PeriodicTask::measures)
				.filter((measures) -> measures.topic().equals(this.measures.topic()))
				.findFirst()
				.ifPresent((measures) -> this.measures = measures);
		}
	}

	/**
	 * Run the task, on its thread.
	 * @return whether there is more to do at once
	 */
	protected abstract boolean run();

	/**
	 * A run has removed something.
	 * @param count how much
	 */
	protected void removed(long count) {
		this.measures.removed().add(count);
	}

	/**
	 * Return what is timed and counted of the task.
	 * @return the measures
	 */
	public PeriodicMeasures measures() {
		return this.measures;
	}

	private Next step() {
		long start = System.nanoTime();
		Run outcome = Run.FAILED;
		boolean more;
		try {
			more = run();
			outcome = Run.DONE;
		}
		finally {
			this.measures.runs().of(outcome).record(System.nanoTime() - start);
		}
		return Next.after((more) ? Duration.ofNanos(System.nanoTime() - start) : jittered());
	}

	/**
	 * Only ever shorter: the interval is what users were promised.
	 */
	private Duration jittered() {
		return Duration.ofMillis((long) (this.interval.toMillis() * ThreadLocalRandom.current().nextDouble(0.5, 1)));
	}

	/**
	 * Run the task soon, regardless of the interval, if it is started.
	 */
	public synchronized void wake() {
		if (this.loop != null) {
			this.loop.signal();
		}
	}

	/**
	 * Start. Instances that start together run the task for the first time at different
	 * times.
	 */
	@Override
	public synchronized void start() {
		if (this.loop == null) {
			this.loop = new BackgroundLoop(this.threadName, this.failures, this::step);
			this.loop.signalAfter(jittered());
		}
	}

	/**
	 * Stop, and interrupt a run. May be started again.
	 */
	@Override
	public synchronized void stop() {
		if (this.loop != null) {
			this.loop.close();
			this.loop = null;
		}
	}

	@Override
	public synchronized boolean isRunning() {
		return this.loop != null;
	}

	@Override
	public void close() {
		stop();
	}

}
