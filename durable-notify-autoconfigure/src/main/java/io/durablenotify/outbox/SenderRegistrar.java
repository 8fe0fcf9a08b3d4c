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
package io.durablenotify.outbox;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;

import org.springframework.context.SmartLifecycle;

/**
 * Registers the senders as listeners of the queues of their events.
 */
final class SenderRegistrar implements SmartLifecycle {

	/**
	 * Stops just before the listeners of work, which wait for the handlers.
	 */
	static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 2047;

	private final OutboxSenders senders;

	private final WorkListeners listeners;

	private final Function<String, WorkListenerSpec> specs;

	private final Function<String, OutboxCircuit> circuits;

	private final Dispatchers dispatchers;

	/**
	 * Those of the senders, once they are registered. Guarded by this.
	 */
	private final List<OutboxCircuit> registered = new ArrayList<>();

	private volatile boolean running;

	SenderRegistrar(OutboxSenders senders, WorkListeners listeners, Function<String, WorkListenerSpec> specs,
			Function<String, OutboxCircuit> circuits, Dispatchers dispatchers) {
		this.senders = senders;
		this.listeners = listeners;
		this.specs = specs;
		this.circuits = circuits;
		this.dispatchers = dispatchers;
	}

	/**
	 * Register the senders, at the first start: listeners of work stay registered, so
	 * that their stop waits for the handlers.
	 * @throws OutboxSetupException if two have the same name, or a name is not valid
	 */
	@Override
	public synchronized void start() {
		if (this.running) {
			return;
		}
		if (this.registered.isEmpty()) {
			this.senders.byName().forEach((name, sender) -> {
				OutboxCircuit circuit = this.circuits.apply(name);
				this.listeners.register(this.specs.apply(OutboxQueues.queue(name)),
						this.dispatchers.create(sender, circuit));
				this.registered.add(circuit);
			});
		}
		this.registered.forEach(OutboxCircuit::start);
		this.running = true;
	}

	@Override
	public synchronized void stop() {
		this.registered.forEach(OutboxCircuit::stop);
		this.running = false;
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	@Override
	public int getPhase() {
		return PHASE;
	}

	/**
	 * Creates the handler of a sender's events.
	 */
	interface Dispatchers {

		OutboxDispatcher create(OutboxSender sender, OutboxCircuit circuit);

	}

}
