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

package io.durablenotify.workflow;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadFactory;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;

import org.springframework.aop.support.AopUtils;
import org.springframework.context.SmartLifecycle;
import org.springframework.util.Assert;

/**
 * Registers the handlers of resumptions and timers while the application context runs.
 */
final class WorkflowHandlers implements SmartLifecycle {

	private static final String ACTION = "Declare one handler for each workflow name and each timer name, with names "
			+ "without white space, and correct what the description says.";

	private final WorkListeners listeners;

	private final Supplier<List<ResumptionHandler>> resumptionHandlers;

	private final Supplier<List<TimerHandler>> timerHandlers;

	private final ThreadFactory threads;

	/**
	 * Guarded by this.
	 */
	private final List<Subscription> subscriptions = new ArrayList<>();

	private volatile boolean running;

	WorkflowHandlers(WorkListeners listeners, Supplier<List<ResumptionHandler>> resumptionHandlers,
			Supplier<List<TimerHandler>> timerHandlers) {
		this(listeners, resumptionHandlers, timerHandlers, new DaemonThreadFactory("durable-notify-workflow-stop"));
	}

	WorkflowHandlers(WorkListeners listeners, Supplier<List<ResumptionHandler>> resumptionHandlers,
			Supplier<List<TimerHandler>> timerHandlers, ThreadFactory threads) {
		this.threads = threads;
		this.listeners = listeners;
		this.resumptionHandlers = resumptionHandlers;
		this.timerHandlers = timerHandlers;
	}

	/**
	 * Register the handlers.
	 * @throws WorkflowHandlerException if two handlers have the same name, a name is not
	 * valid, its queue has another listener, or there is no transaction manager of our
	 * DataSource for one that is transactional
	 */
	@Override
	public synchronized void start() {
		if (this.running) {
			return;
		}
		try {
			handlers().forEach(this::register);
		}
		catch (IllegalStateException | IllegalArgumentException ex) {
			cancel();
			throw new WorkflowHandlerException("A handler of workflows or timers cannot be used: " + ex.getMessage(),
					ACTION, ex);
		}
		catch (RuntimeException ex) {
			cancel();
			throw ex;
		}
		this.running = true;
	}

	private void register(String queue, Handler handler) {
		Subscription subscription = this.listeners.register(spec(queue, handler.transactional), handler.handler);
		// A mock returns none
		if (subscription != null) {
			this.subscriptions.add(subscription);
		}
	}

	private Map<String, Handler> handlers() {
		Map<String, Handler> handlers = new LinkedHashMap<>();
		for (ResumptionHandler handler : this.resumptionHandlers.get()) {
			WorkHandler resuming = (item) -> {
				handler.resume(WorkflowJson.resumption(item));
				return WorkOutcome.done();
			};
			Set<String> names = handler.workflowNames();
			Assert.state(!names.isEmpty(), () -> "workflowNames() of %s must return at least one name"
				.formatted(AopUtils.getTargetClass(handler).getName()));
			names.forEach((name) -> add(handlers, "Workflow '%s'".formatted(name),
					queue(handler, "workflowNames()", () -> WorkflowQueues.resume(name)),
					new Handler(handler, resuming, handler.transactional())));
		}
		for (TimerHandler handler : this.timerHandlers.get()) {
			WorkHandler expiring = (item) -> {
				handler.onTimer(WorkflowJson.timer(item));
				return WorkOutcome.done();
			};
			add(handlers, "Timer name '%s'".formatted(handler.name()),
					queue(handler, "name()", () -> WorkflowQueues.timer(handler.name())),
					new Handler(handler, expiring, handler.transactional()));
		}
		return handlers;
	}

	private static String queue(Object handler, String method, Supplier<String> queue) {
		try {
			return queue.get();
		}
		catch (IllegalArgumentException ex) {
			throw new IllegalArgumentException(
					"%s (%s of %s)".formatted(ex.getMessage(), method, AopUtils.getTargetClass(handler).getName()), ex);
		}
	}

	private static void add(Map<String, Handler> handlers, String what, String queue, Handler handler) {
		Handler other = handlers.putIfAbsent(queue, handler);
		if (other != null) {
			throw new IllegalStateException("%s must have one handler, but has %s and %s".formatted(what,
					AopUtils.getTargetClass(other.bean).getName(), AopUtils.getTargetClass(handler.bean).getName()));
		}
	}

	private static WorkListenerSpec spec(String queue, boolean transactional) {
		WorkListenerSpec spec = WorkListenerSpec.of(queue);
		return (transactional) ? spec.inTransaction() : spec;
	}

	/**
	 * Cancel all at once: each may wait some seconds for the database.
	 */
	private void cancel() {
		try {
			CompletableFuture
				.allOf(this.subscriptions.stream()
					.map((subscription) -> CompletableFuture.runAsync(subscription::cancel, this::execute))
					.toArray(CompletableFuture<?>[]::new))
				.join();
		}
		finally {
			this.subscriptions.clear();
		}
	}

	private void execute(Runnable task) {
		try {
			this.threads.newThread(task).start();
		}
		catch (OutOfMemoryError ex) {
			// The system is out of threads
			task.run();
		}
	}

	@Override
	public synchronized void stop() {
		try {
			cancel();
		}
		finally {
			this.running = false;
		}
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	/**
	 * A handler of a queue.
	 */
	private record Handler(Object bean, WorkHandler handler, boolean transactional) {
	}

}
