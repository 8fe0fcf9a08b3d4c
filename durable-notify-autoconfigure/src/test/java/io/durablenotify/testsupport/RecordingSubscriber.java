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

package io.durablenotify.testsupport;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;

import io.durablenotify.stream.Chunk;

/**
 * Keeps what a subscriber has received.
 */
public class RecordingSubscriber extends RecordingHandler implements Flow.Subscriber<Chunk> {

	private final CompletableFuture<Flow.Subscription> subscription = new CompletableFuture<>();

	@Override
	public void onSubscribe(Flow.Subscription subscription) {
		this.subscription.complete(subscription);
	}

	@Override
	public void onNext(Chunk chunk) {
		try {
			onChunk(chunk);
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	public boolean isSubscribed() {
		return this.subscription.isDone();
	}

	public Flow.Subscription subscription() {
		return this.subscription.join();
	}

	public RecordingSubscriber request(long count) {
		this.subscription.join().request(count);
		return this;
	}

	public void cancel() {
		this.subscription.join().cancel();
	}

}
