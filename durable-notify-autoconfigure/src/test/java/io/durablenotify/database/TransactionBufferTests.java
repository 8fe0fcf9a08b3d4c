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

package io.durablenotify.database;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.DefaultTransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link TransactionBuffer}.
 */
class TransactionBufferTests {

	private final DataSourceTransactionManager manager = new DataSourceTransactionManager(
			new DriverManagerDataSource("jdbc:h2:mem:buffer"));

	private final TransactionTemplate transaction = new TransactionTemplate(this.manager);

	private final TransactionTemplate inner = new TransactionTemplate(this.manager,
			new DefaultTransactionDefinition(TransactionDefinition.PROPAGATION_REQUIRES_NEW));

	private final List<String> calls = new ArrayList<>();

	private final TransactionBuffer<Entries> buffer = new TransactionBuffer<>(this, Entries::new);

	@AfterEach
	void nothingIsLeftBound() {
		assertThat(TransactionSynchronizationManager.getResourceMap()).isEmpty();
	}

	@Test
	void aTransactionHasOneContentUntilItCommits() {
		this.transaction.executeWithoutResult((status) -> {
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void afterCommit() {
					TransactionBufferTests.this.calls.add("another's afterCommit");
				}

			});
			add("a");
			add("b");
			assertThat(TransactionBuffer.contents(Entries.class)).containsExactly(this.buffer.current());
			assertThat(TransactionBuffer.contents(Other.class)).isEmpty();
		});
		this.transaction.executeWithoutResult((status) -> add("c"));
		assertThat(this.calls).containsExactly("beforeCommit [a, b]", "beforeCompletion [a, b]", "afterCommit [a, b]",
				"another's afterCommit", "committed [a, b]", "beforeCommit [c]", "beforeCompletion [c]",
				"afterCommit [c]", "committed [c]");
	}

	@Test
	void buffersWithTheSameKeyShareTheContent() {
		TransactionBuffer<Entries> same = new TransactionBuffer<>(this, Entries::new);
		TransactionBuffer<Entries> other = new TransactionBuffer<>("other", Entries::new);
		this.transaction.executeWithoutResult((status) -> {
			assertThat(same.current()).isSameAs(this.buffer.current()).isNotSameAs(other.current());
			assertThat(TransactionBuffer.contents(Entries.class)).containsExactly(this.buffer.current(),
					other.current());
		});
	}

	/**
	 * Which would be quadratic.
	 */
	@Test
	void noContentLooksThroughThoseBefore() {
		AtomicInteger sorted = new AtomicInteger();
		this.transaction.executeWithoutResult((status) -> {
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public int getOrder() {
					return sorted.getAndIncrement();
				}

			});
			for (int i = 0; i < 100; i++) {
				new TransactionBuffer<>(i, Entries::new).current();
			}
			assertThat(sorted).hasValueLessThan(10);
		});
	}

	@Test
	void aTransactionThatRollsBackIsNotCommitted() {
		this.transaction.executeWithoutResult((status) -> {
			add("a");
			status.setRollbackOnly();
		});
		assertThat(this.calls).containsExactly("beforeCompletion [a]", "rolled back [a]");
	}

	@Test
	void anInnerTransactionHasItsOwn() {
		this.transaction.executeWithoutResult((outer) -> {
			add("a");
			this.inner.executeWithoutResult((status) -> add("b"));
			add("c");
		});
		assertThat(this.calls).contains("committed [b]", "committed [a, c]");
	}

	@Test
	void aRollbackToASavepointTakesWhatCameAfterIt() {
		this.transaction.executeWithoutResult((status) -> {
			Object atFirst = status.createSavepoint();
			add("a");
			Object first = status.createSavepoint();
			add("b");
			Object second = status.createSavepoint();
			add("c");
			rollBack(status, second, "a", "b");
			rollBack(status, first, "a");
			add("d");
			rollBack(status, first, "a");
			Object third = status.createSavepoint();
			this.buffer.current().entries.clear();
			rollBack(status, third);
			add("e");
			rollBack(status, atFirst);
			add("f");
		});
		assertThat(this.calls).endsWith("committed [f]");
	}

	private void rollBack(TransactionStatus status, Object savepoint, String... left) {
		status.rollbackToSavepoint(savepoint);
		assertThat(this.buffer.current().entries).containsExactly(left);
	}

	@Test
	void thereIsNoneWithoutATransaction() {
		assertThat(TransactionBuffer.isAvailable()).isFalse();
		assertThatIllegalStateException().isThrownBy(this.buffer::current);
		this.transaction.executeWithoutResult((status) -> {
			assertThat(TransactionBuffer.isAvailable()).isTrue();
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void afterCompletion(int completed) {
					TransactionBufferTests.this.calls.add("available " + TransactionBuffer.isAvailable());
				}

			});
		});
		assertThat(this.calls).containsExactly("available false");
	}

	@Test
	void whatIsCreatedInAnAfterCommitCallbackGetsTheEnd() {
		this.transaction.executeWithoutResult(
				(status) -> TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

					@Override
					public void afterCommit() {
						add("late");
					}

				}));
		assertThat(this.calls).containsExactly("committed [late]");
	}

	private void add(String entry) {
		this.buffer.current().entries.add(entry);
	}

	private final class Entries implements TransactionBuffer.Content {

		private final List<String> entries = new ArrayList<>();

		@Override
		public int size() {
			return this.entries.size();
		}

		@Override
		public void truncate(int size) {
			this.entries.subList(size, this.entries.size()).clear();
		}

		@Override
		public void beforeCommit() {
			call("beforeCommit");
		}

		@Override
		public void beforeCompletion() {
			call("beforeCompletion");
		}

		@Override
		public void afterCommit() {
			call("afterCommit");
		}

		@Override
		public void afterCompletion(int status) {
			call((status == TransactionSynchronization.STATUS_COMMITTED) ? "committed" : "rolled back");
		}

		private void call(String name) {
			TransactionBufferTests.this.calls.add(name + " " + this.entries);
		}

	}

	private interface Other extends TransactionBuffer.Content {

	}

}
