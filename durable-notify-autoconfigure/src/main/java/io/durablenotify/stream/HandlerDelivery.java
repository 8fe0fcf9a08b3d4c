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

import java.util.List;
import java.util.concurrent.Executor;

import io.durablenotify.delivery.SerialTask;
import io.durablenotify.stream.ReaderSubscription.End;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Calls a handler with what its reader has buffered, one call after the other, for as
 * many chunks as are asked for; the end needs no asking. One share a turn, so that a hot
 * stream leaves threads to others.
 */
final class HandlerDelivery implements ChunkConsumer {

	private static final Log logger = LogFactory.getLog(StreamReader.class);

	/**
	 * So many are taken from the buffer, and given back to it as room, together.
	 */
	private static final int CHUNKS_AT_ONCE = 32;

	private final ReaderSubscription reader;

	private final ChunkHandler handler;

	private final Demand demand;

	private final SerialTask task;

	HandlerDelivery(ReaderSubscription reader, ChunkHandler handler, Demand demand, Executor executor) {
		this.reader = reader;
		this.handler = handler;
		this.demand = demand;
		this.task = new SerialTask(executor, this::deliver);
	}

	ReaderSubscription reader() {
		return this.reader;
	}

	@Override
	public void signal() {
		this.task.signal();
	}

	private void deliver() {
		int delivered = 0;
		while (delivered < this.reader.bufferSize()) {
			List<Chunk> chunks = this.reader.peek(CHUNKS_AT_ONCE);
			if (chunks.isEmpty()) {
				End end = this.reader.takeEnd();
				if (end != null) {
					tell(end);
				}
				return;
			}
			int handled = handle(chunks);
			// A chunk counts as buffered until its handler has returned
			this.reader.taken(handled);
			if (handled < chunks.size() && !this.reader.isCut()) {
				return;
			}
			delivered += handled;
		}
		this.task.signal();
	}

	/**
	 * Call the handler, until nothing more is asked for or the reading is over.
	 * @return how many chunks it has taken
	 */
	private int handle(List<Chunk> chunks) {
		for (int i = 0; i < chunks.size(); i++) {
			if (this.reader.isCut() || !this.demand.take()) {
				return i;
			}
			try {
				this.handler.onChunk(chunks.get(i));
			}
			catch (Throwable ex) {
				failed(chunks.get(i), ex);
				return i;
			}
		}
		return chunks.size();
	}

	private void failed(Chunk chunk, Throwable failure) {
		End end = this.reader.failed(failure);
		if (end == null) {
			return;
		}
		if (end.error() == failure) {
			logger.error("Handler failed with chunk %d of stream '%s'; its subscription ends".formatted(chunk.index(),
					this.reader.stream()), failure);
		}
		tell(end);
	}

	private void tell(End end) {
		try {
			if (end.error() != null) {
				this.handler.onError(end.error());
			}
			else {
				this.handler.onComplete();
			}
		}
		catch (Throwable ex) {
			logger.error("Handler of stream '%s' failed in its last callback".formatted(this.reader.stream()), ex);
		}
		this.reader.told();
	}

}
