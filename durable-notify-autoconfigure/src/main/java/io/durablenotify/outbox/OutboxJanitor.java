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

import java.time.Duration;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import org.apache.commons.logging.LogFactory;

/**
 * Deletes sent events after the retention, about once a minute in every instance.
 */
final class OutboxJanitor extends PeriodicTask {

	private static final Duration INTERVAL = Duration.ofMinutes(1);

	private static final int SLICE = 1_000;

	private final SentEvents sent;

	OutboxJanitor(SentEvents sent) {
		super("outbox", "durable-notify-outbox-janitor", INTERVAL, new FailureLog(LogFactory.getLog(Outbox.class),
				"Failed to delete sent events", "Sent events are deleted again"));
		this.sent = sent;
	}

	@Override
	protected boolean run() {
		int expired = this.sent.expire(SLICE);
		removed(expired);
		return expired >= SLICE;
	}

}
