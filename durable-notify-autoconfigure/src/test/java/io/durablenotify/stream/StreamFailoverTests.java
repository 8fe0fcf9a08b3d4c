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

import io.durablenotify.Subscription;
import io.durablenotify.log.LogFailoverContract;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for live readers and cursors of streams that have lost chunks which they have
 * received.
 */
class StreamFailoverTests extends LogFailoverContract {

	StreamFailoverTests() {
		super(StreamTruncatedException.class);
	}

	@Override
	protected void append(Instance instance, String stream, String text) {
		instance.writer().append(stream, text);
	}

	@Override
	protected Reader read(Instance instance, String stream, int first) {
		StreamHandler handler = new StreamHandler();
		instance.reader().subscribe(stream, StreamPosition.at(first), handler);
		return handler;
	}

	@Override
	protected Runnable openOthers(Instance instance) {
		StreamCursor cursor = instance.reader().cursor("same", StreamPosition.start());
		for (int i = 0; i < 10; i++) {
			assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
		}
		RecordingHandler fromEnd = new RecordingHandler();
		Subscription ofEnd = instance.reader().subscribe("longer", StreamPosition.end(), fromEnd);
		Eventually.await(() -> ReaderStates.isIdle(ofEnd), ofEnd::toString);
		return () -> {
			assertThat(fromEnd.awaitError()).isInstanceOf(StreamTruncatedException.class);
			assertThat(fromEnd.chunks()).isEmpty();
			assertThatExceptionOfType(StreamTruncatedException.class).isThrownBy(() -> cursor.poll(Eventually.TIMEOUT));
		};
	}

	@Override
	protected int count(TestDatabase database, String stream) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.stream_chunks JOIN durable_notify.streams "
					+ "USING (stream_id) WHERE name = ?", Integer.class, stream);
	}

	@Override
	protected String otherTenth() {
		return "expected index 10, but the chunk before it is another one";
	}

	private static final class StreamHandler extends RecordingHandler implements Reader {

		@Override
		public List<Long> places() {
			return indexes();
		}

	}

}
