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
package io.durablenotify.stream;

import io.durablenotify.Subscription;

import org.springframework.util.Assert;

/**
 * The {@link StreamConsumer}.
 *
 * @param spec the settings
 * @param consumers where it is opened
 */
record DefaultStreamConsumer(ConsumerSpec spec, OpenConsumers consumers) implements StreamConsumer {

	@Override
	public StreamConsumer from(StreamPosition position) {
		boolean fromEnd = position.equals(StreamPosition.end());
		Assert.isTrue(fromEnd || position.equals(StreamPosition.start()),
				() -> "A consumer begins at StreamPosition.start() or end(), not at " + position);
		return with(this.spec.withFromEnd(fromEnd));
	}

	@Override
	public StreamConsumer inTransaction() {
		return with(this.spec.inTransaction());
	}

	@Override
	public StreamConsumer batchSize(int chunks) {
		Assert.isTrue(chunks >= 1 && chunks <= ConsumerSpec.LARGEST_BATCH_SIZE,
				() -> "Batch size must be 1 to %d, but is %d".formatted(ConsumerSpec.LARGEST_BATCH_SIZE, chunks));
		return with(this.spec.withBatchSize(chunks));
	}

	private StreamConsumer with(ConsumerSpec spec) {
		return new DefaultStreamConsumer(spec, this.consumers);
	}

	@Override
	public Subscription subscribe(ConsumerHandler handler) {
		Assert.notNull(handler, "'handler' must not be null");
		return this.consumers.subscribe(this.spec, handler);
	}

	@Override
	public String toString() {
		return "consumer '%s' of %s".formatted(this.spec.name(), this.spec.describeSelection());
	}

}
