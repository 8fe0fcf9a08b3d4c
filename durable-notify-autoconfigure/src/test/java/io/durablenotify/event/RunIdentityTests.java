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

import java.util.Collections;
import java.util.Optional;
import java.util.concurrent.Flow;

import io.durablenotify.log.LogIdentityContract;
import io.durablenotify.testsupport.Instance;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link EventLog#publisher}, beside its {@link RunPublisherVerificationTests
 * verification}, and for what it knows a run by.
 */
class RunIdentityTests extends LogIdentityContract<StoredEvent> {

	RunIdentityTests() {
		super(RunTruncatedException.class, RunTruncatedException.class);
	}

	@Override
	protected void append(Instance instance, String run, int count) {
		instance.events().appendAll(run, Collections.nCopies(count, NewEvent.of(run, "type")));
	}

	@Override
	protected void delete(Instance instance, String run) {
		assertThat(instance.events().delete(run)).isTrue();
	}

	@Override
	protected Optional<String> identity(Instance instance, String run) {
		return instance.events().info(run).map(RunInfo::identity);
	}

	@Override
	protected Flow.Publisher<StoredEvent> publisher(Instance instance, String run, int first,
			@Nullable String identity) {
		return (identity != null) ? instance.events().publisher(run, first, identity)
				: instance.events().publisher(run, first);
	}

	@Override
	protected long place(StoredEvent event) {
		return event.sequence() - 1;
	}

	@Override
	protected long number(int place) {
		return place + 1;
	}

	@Override
	protected String recreate() {
		return "UPDATE durable_notify.workflow_runs SET created_at = created_at + interval '1 microsecond' WHERE run_id = ?";
	}

	@Test
	void aRunIsDescribedAsTheTransactionSeesIt() {
		EventLog log = instance().events();
		String identity = append("described", 2);
		instance().transaction().executeWithoutResult((status) -> {
			log.append(NewEvent.of("described", "last"));
			RunInfo info = log.info("described").orElseThrow();
			StoredEvent last = log.read("described", 2, 1).events().get(0);
			assertThat(info)
				.isEqualTo(new RunInfo("described", info.createdAt(), 3, "last", last.createdAt(), identity));
			status.setRollbackOnly();
		});
		assertThat(log.info("described")).get().extracting(RunInfo::lastSequence).isEqualTo(2L);
		assertThat(log.runs(RunQuery.all().prefix("described"))).containsExactly(log.info("described").orElseThrow());
	}

	@Test
	void whatCannotBeFollowedIsRefused() {
		EventLog log = instance().events();
		assertThatIllegalArgumentException().isThrownBy(() -> log.info(""));
		assertThatIllegalArgumentException().isThrownBy(() -> log.publisher("", 0));
		for (long sequence : new long[] { -1, Long.MAX_VALUE }) {
			assertThatIllegalArgumentException().isThrownBy(() -> log.publisher("refused", sequence))
				.withMessageContaining(String.valueOf(sequence));
			assertThatIllegalArgumentException()
				.isThrownBy(() -> log.follow("refused", sequence, new RecordingEventHandler()))
				.withMessageContaining(String.valueOf(sequence));
		}
	}

}
