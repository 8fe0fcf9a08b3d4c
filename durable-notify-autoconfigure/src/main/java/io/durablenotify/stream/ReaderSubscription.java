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

import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.Subscription;
import io.durablenotify.stream.StreamStore.Head;
import org.jspecify.annotations.Nullable;

/**
 * One live reader: what it has received, what its consumer is still to take, and how it
 * ends.
 */
final class ReaderSubscription implements Subscription {

	private final ReaderTarget target;

	private final LiveReaders readers;

	private final LookState look = new LookState();

	/**
	 * Set once, before the reader is registered.
	 */
	private ChunkConsumer consumer = () -> {
	};

	/**
	 * The stream that this reader is bound to, or 0 while it waits for one. Set once.
	 */
	private volatile long streamId;

	/**
	 * The index of the next chunk to fetch. Written by whoever looks, like the two that
	 * follow.
	 */
	private volatile long next;

	/**
	 * The index behind the last chunk that was received, or 0.
	 */
	private volatile long received;

	/**
	 * The time by which the stream is known again.
	 */
	private @Nullable Instant createdAt;

	/**
	 * The mean size of the chunks that were found last, or a guess before.
	 */
	private volatile int chunkSize = 8 * 1024;

	/**
	 * Guards what follows.
	 */
	private final Object lock = new Object();

	private final ChunkBuffer buffer;

	private @Nullable End end;

	/**
	 * Nothing may be taken any more.
	 */
	private boolean closed;

	/**
	 * What was buffered is dropped, and must not be given to anybody. Read without the
	 * lock.
	 */
	private volatile boolean cut;

	/**
	 * Completed when the stop was told.
	 */
	private @Nullable CompletableFuture<Void> stopped;

	/**
	 * How the reading ends when the buffer is empty.
	 *
	 * @param error the error, or {@code null} for a complete end
	 */
	record End(@Nullable Throwable error) {
	}

	ReaderSubscription(ReaderTarget target, long next, LiveReaders readers, long bufferBytes) {
		this.target = target;
		this.next = next;
		this.readers = readers;
		this.buffer = new ChunkBuffer(target.bufferSize(), bufferBytes);
	}

	void connect(ChunkConsumer consumer) {
		this.consumer = consumer;
	}

	String stream() {
		return this.target.stream();
	}

	/**
	 * Return how many chunks it holds at most: its share of a turn, too.
	 */
	int bufferSize() {
		return this.target.bufferSize();
	}

	long streamId() {
		return this.streamId;
	}

	void bind(long streamId) {
		this.streamId = streamId;
	}

	long next() {
		return this.next;
	}

	long received() {
		return this.received;
	}

	/**
	 * Return what chunks of this stream are likely to have, in bytes.
	 */
	int chunkSize() {
		return this.chunkSize;
	}

	LookState look() {
		return this.look;
	}

	/**
	 * Return whether a fetch is worth its while.
	 */
	boolean hasRoom() {
		synchronized (this.lock) {
			return this.buffer.hasRoom();
		}
	}

	/**
	 * Take what a look found, as far as there is room. Called by the fetching thread.
	 * @return whether there is more
	 */
	boolean accept(@Nullable Head head, List<Chunk> chunks) {
		if (head == null) {
			end(new StreamDeletedException(this.target));
			return false;
		}
		if (!isSame(head)) {
			end(new StreamTruncatedException(this.target, this.next, "another stream is in its place"));
			return false;
		}
		if (head.nextIndex() < this.received) {
			end(new StreamTruncatedException(this.target, this.next, "the stream ends at " + head.nextIndex()));
			return false;
		}
		if (!chunks.isEmpty()) {
			this.chunkSize = (int) chunks.stream().mapToInt((chunk) -> chunk.data().length).average().orElse(0);
		}
		int successive = successive(chunks);
		int offered = offer(chunks.subList(0, successive));
		if (offered > 0) {
			this.next += offered;
			this.received = this.next;
			this.consumer.signal();
		}
		if (offered == successive && successive < chunks.size()) {
			end(new StreamTruncatedException(this.target, this.next, chunks.get(successive).index() + " was found"));
			return false;
		}
		boolean more = this.next < head.nextIndex();
		if (!more && head.state() != StreamState.OPEN) {
			end((head.state() == StreamState.COMPLETED) ? null
					: new StreamFailedException(this.target, String.valueOf(head.endReason())));
		}
		return more;
	}

	/**
	 * Take a chunk that was committed just now, if it is the next one. Called by whoever
	 * has begun a look for that.
	 * @return whether it was taken
	 */
	boolean acceptNext(Chunk chunk) {
		if (this.createdAt == null || chunk.index() != this.next || offer(List.of(chunk)) == 0) {
			return false;
		}
		this.next = chunk.index() + 1;
		this.received = this.next;
		this.consumer.signal();
		return true;
	}

	/**
	 * Whoever wrote a chunk may call the stream by another name than this reader's
	 * caller.
	 */
	private Chunk named(Chunk chunk) {
		String name = this.target.name();
		return (chunk.stream().equals(name)) ? chunk : new Chunk(name, chunk.index(), chunk.data(), chunk.createdAt());
	}

	/**
	 * Ids are given away again after a failover to a server that was behind.
	 */
	private boolean isSame(Head head) {
		if (this.createdAt == null) {
			this.createdAt = head.createdAt();
		}
		return head.stream().equals(stream()) && head.createdAt().equals(this.createdAt);
	}

	/**
	 * Return how many chunks there are from the next one on without a hole.
	 */
	private int successive(List<Chunk> chunks) {
		int count = 0;
		while (count < chunks.size() && chunks.get(count).index() == this.next + count) {
			count++;
		}
		return count;
	}

	/**
	 * Return how many of them fitted.
	 */
	private int offer(List<Chunk> chunks) {
		synchronized (this.lock) {
			int offered = 0;
			while (!this.cut && offered < chunks.size() && this.buffer.offer(named(chunks.get(offered)))) {
				offered++;
			}
			return offered;
		}
	}

	/**
	 * End the reading once the buffer is empty.
	 */
	void end(@Nullable Throwable error) {
		synchronized (this.lock) {
			if (this.end != null || this.closed) {
				return;
			}
			this.end = new End(error);
		}
		this.readers.ending(this);
		this.consumer.signal();
	}

	/**
	 * End the reading now, whatever is buffered.
	 */
	void abort(Throwable error) {
		synchronized (this.lock) {
			if (this.closed) {
				return;
			}
			cut();
			this.end = new End(error);
		}
		this.readers.ending(this);
		this.consumer.signal();
	}

	/**
	 * End the reading now, because the context closes.
	 * @return completed when that was told
	 */
	CompletableFuture<Void> stop() {
		CompletableFuture<Void> stopped = new CompletableFuture<>();
		synchronized (this.lock) {
			if (this.closed) {
				return CompletableFuture.completedFuture(null);
			}
			this.stopped = stopped;
		}
		abort(new ReaderStoppedException(this.target));
		return stopped;
	}

	/**
	 * Return the next chunks to take: none if there are none for now, or any more.
	 */
	List<Chunk> peek(int max) {
		synchronized (this.lock) {
			return this.buffer.peek(max);
		}
	}

	/**
	 * The next chunks were taken.
	 */
	void taken(int count) {
		boolean hasRoom;
		synchronized (this.lock) {
			if (this.cut) {
				return;
			}
			this.buffer.remove(count);
			hasRoom = this.buffer.hasRoom();
		}
		if (hasRoom) {
			this.readers.roomMade(this);
		}
	}

	/**
	 * Return whether what was peeked at must not be taken.
	 */
	boolean isCut() {
		return this.cut;
	}

	private void cut() {
		this.cut = true;
		this.buffer.clear();
	}

	/**
	 * Take the end, behind the last chunk.
	 * @return the end, once, or {@code null} if there is none (yet)
	 */
	@Nullable End takeEnd() {
		End end;
		synchronized (this.lock) {
			if (this.closed || this.end == null || !this.buffer.isEmpty()) {
				return null;
			}
			this.closed = true;
			end = this.end;
		}
		this.readers.remove(this);
		return end;
	}

	/**
	 * Whoever took a chunk failed with it.
	 * @return how the reading ends, or {@code null} if that is over already
	 */
	@Nullable End failed(Throwable failure) {
		End end = new End(failure);
		synchronized (this.lock) {
			if (this.closed) {
				return null;
			}
			this.closed = true;
			cut();
			if (this.stopped != null && this.end != null) {
				// Interrupted because the context closes, most likely
				end = this.end;
			}
		}
		this.readers.remove(this);
		return end;
	}

	/**
	 * The end was told, or nobody is left to be told.
	 */
	void told() {
		CompletableFuture<Void> stopped;
		synchronized (this.lock) {
			stopped = this.stopped;
		}
		if (stopped != null) {
			stopped.complete(null);
		}
	}

	@Override
	public void cancel() {
		synchronized (this.lock) {
			this.closed = true;
			cut();
		}
		this.readers.remove(this);
		told();
	}

	@Override
	public boolean isActive() {
		synchronized (this.lock) {
			return !this.closed;
		}
	}

	/**
	 * Return how many chunks wait to be taken.
	 */
	int buffered() {
		synchronized (this.lock) {
			return this.buffer.size();
		}
	}

	/**
	 * Return whether looks at the stream are still of use.
	 */
	boolean isReading() {
		synchronized (this.lock) {
			return !this.closed && this.end == null;
		}
	}

	@Override
	public String toString() {
		synchronized (this.lock) {
			return "reader of '%s' (id %d) at %d, look %s, buffered %d, %s".formatted(stream(), this.streamId,
					this.next, this.look, buffered(),
					(this.closed) ? "closed" : (this.end != null) ? "ending" : "reading");
		}
	}

}
