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

package io.durablenotify.log;

/**
 * A reader whose handler gets what a test asks for: a slow one that costs no thread.
 *
 * @param <E> the entries' type
 */
public final class OnDemandReader<E> {

	private final HandlerDelivery<E> delivery;

	private OnDemandReader(HandlerDelivery<E> delivery) {
		this.delivery = delivery;
	}

	public static <E> OnDemandReader<E> open(LogSubscriptions<E> readers, TailedLog<E> log, Start from,
			EntryHandler<E> handler) {
		return new OnDemandReader<>(readers.openFor(log, from, (reader) -> readers.deliveryOnDemand(reader, handler)));
	}

	public LogSubscription<E> reader() {
		return this.delivery.reader();
	}

	public void request(long count) {
		this.delivery.request(count);
		this.delivery.signal();
	}

	public void requestAll() {
		request(Long.MAX_VALUE);
	}

}
