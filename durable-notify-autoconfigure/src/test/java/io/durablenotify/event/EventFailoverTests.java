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

package io.durablenotify.event;

import java.util.List;

import io.durablenotify.log.LogFailoverContract;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;

/**
 * Tests for followers of runs that have lost events which they have received.
 */
class EventFailoverTests extends LogFailoverContract {

	EventFailoverTests() {
		super(RunTruncatedException.class);
	}

	@Override
	protected void append(Instance instance, String run, String text) {
		instance.events().append(NewEvent.of(run, "type").payload(text));
	}

	@Override
	protected Reader read(Instance instance, String run, int first) {
		Follower follower = new Follower();
		instance.events().follow(run, first, follower);
		return follower;
	}

	@Override
	protected int count(TestDatabase database, String run) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.workflow_events WHERE run_id = ?", Integer.class, run);
	}

	@Override
	protected String otherTenth() {
		return "expected sequence 11, but the event before it is another one";
	}

	private static final class Follower extends RecordingEventHandler implements Reader {

		@Override
		public List<Long> places() {
			return events().stream().map((event) -> event.sequence() - 1).toList();
		}

		@Override
		public Throwable awaitError() {
			return super.awaitError();
		}

		@Override
		public int ends() {
			return super.ends();
		}

	}

}
