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

import java.util.concurrent.CountDownLatch;

import io.durablenotify.stream.Chunk;

/**
 * Takes no chunk before it is released.
 */
public final class BlockingHandler extends RecordingHandler {

	private final CountDownLatch release = new CountDownLatch(1);

	private final Runnable onBlock;

	public BlockingHandler() {
		this(() -> {
		});
	}

	/**
	 * Create a new instance.
	 * @param onBlock called before it blocks
	 */
	public BlockingHandler(Runnable onBlock) {
		this.onBlock = onBlock;
	}

	@Override
	public void onChunk(Chunk chunk) throws Exception {
		this.onBlock.run();
		this.release.await();
		super.onChunk(chunk);
	}

	public void release() {
		this.release.countDown();
	}

}
