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

package io.durablenotify.sample;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import org.jspecify.annotations.Nullable;

import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * Server-sent events that are fed by a subscription, until the client leaves. Whether it
 * has left is seen when something is sent, so each response ends after a while: a browser
 * that is still there reconnects.
 */
final class LiveResponse extends SseEmitter {

	private static final Duration LONGEST = Duration.ofMinutes(5);

	private static final Duration AWAY = Duration.ofMillis(500);

	private final Consumer<LiveResponse> onEnd;

	private volatile @Nullable Subscription feed;

	private volatile boolean ended;

	LiveResponse(Consumer<LiveResponse> onEnd) {
		super(LONGEST.toMillis());
		this.onEnd = onEnd;
		onTimeout(this::end);
		onCompletion(this::end);
		onError((error) -> end());
		write(() -> event().reconnectTime(AWAY.toMillis()).comment("live"));
	}

	void feedFrom(Subscription feed) {
		this.feed = feed;
		if (this.ended) {
			feed.cancel();
		}
	}

	/**
	 * Send an event, which is made when its turn has come: what is sent later was looked
	 * up later.
	 */
	synchronized void write(Supplier<SseEventBuilder> event) {
		try {
			send(event.get());
		}
		catch (IOException | IllegalStateException ex) {
			// The client left
			end();
		}
	}

	void end() {
		this.ended = true;
		Subscription feed = this.feed;
		if (feed != null) {
			feed.cancel();
		}
		this.onEnd.accept(this);
		complete();
	}

}
