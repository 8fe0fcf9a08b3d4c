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

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The {@link StreamAppender}, on top of the writer.
 */
final class DefaultStreamAppender implements StreamAppender {

	private final StreamWriter writer;

	private final String stream;

	/**
	 * Guards what follows. Held while the database is asked, hence no monitor, which
	 * would pin a virtual thread.
	 */
	private final Lock lock = new ReentrantLock();

	private @Nullable Throwable failure;

	private boolean ended;

	DefaultStreamAppender(StreamWriter writer, String stream) {
		this.writer = writer;
		this.stream = stream;
	}

	@Override
	public long append(CharSequence text) {
		return append(() -> this.writer.append(this.stream, text));
	}

	@Override
	public long append(byte[] data) {
		return append(() -> this.writer.append(this.stream, data));
	}

	private long append(LongSupplier append) {
		return locked(() -> {
			requireWhole();
			Assert.state(!this.ended, () -> "The appender of stream '" + this.stream + "' was ended");
			return recorded(append);
		});
	}

	@Override
	public void complete() {
		locked(() -> {
			requireWhole();
			return recorded(() -> {
				this.writer.complete(this.stream);
				this.ended = true;
				return 0;
			});
		});
	}

	private long recorded(LongSupplier action) {
		try {
			return action.getAsLong();
		}
		catch (RuntimeException | Error ex) {
			this.failure = ex;
			throw ex;
		}
	}

	private void requireWhole() {
		if (this.failure != null) {
			throw new IllegalStateException(
					"An earlier call for stream '%s' failed; what follows could leave a hole".formatted(this.stream),
					this.failure);
		}
	}

	@Override
	public void fail(String reason) {
		locked(() -> {
			this.writer.fail(this.stream, reason);
			this.ended = true;
			return 0;
		});
	}

	@Override
	public void close() {
		locked(() -> {
			if (!this.ended) {
				fail((this.failure == null) ? "abandoned: closed without complete()" : "abandoned: the writer failed");
			}
			return 0;
		});
	}

	private long locked(LongSupplier action) {
		this.lock.lock();
		try {
			return action.getAsLong();
		}
		finally {
			this.lock.unlock();
		}
	}

}
