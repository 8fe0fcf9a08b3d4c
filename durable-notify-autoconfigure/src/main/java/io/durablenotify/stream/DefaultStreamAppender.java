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

import org.springframework.util.Assert;

/**
 * The {@link StreamAppender}: a mere handle, so that one which is dropped without being
 * closed can be noticed.
 */
final class DefaultStreamAppender implements StreamAppender {

	private final OpenAppender appender;

	private final EndCallbacks callbacks;

	DefaultStreamAppender(OpenAppender appender, EndCallbacks callbacks) {
		this.appender = appender;
		this.callbacks = callbacks;
	}

	@Override
	public long append(CharSequence text) {
		return this.appender.append((writer, stream) -> writer.encode(stream, text));
	}

	@Override
	public long append(byte[] data) {
		return this.appender.append((writer, stream) -> data);
	}

	@Override
	public void complete() {
		this.appender.complete();
	}

	@Override
	public long complete(CharSequence lastChunk) {
		return this.appender.completeWith((writer, stream) -> writer.encode(stream, lastChunk));
	}

	@Override
	public long complete(byte[] lastChunk) {
		return this.appender.completeWith((writer, stream) -> lastChunk);
	}

	@Override
	public void fail(String reason) {
		this.appender.fail(reason);
	}

	@Override
	public void onEnded(Runnable callback) {
		Assert.notNull(callback, "'callback' must not be null");
		if (this.callbacks.add(callback)) {
			this.appender.watch();
		}
	}

	@Override
	public void cancel(String reason) {
		this.appender.cancel(reason);
	}

	@Override
	public void close() {
		this.appender.close();
	}

}
