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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.mockito.Mockito;

import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.util.StringUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.mockito.Mockito.mock;

/**
 * Tests for named consumers in one instance.
 */
class StreamConsumerTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.streams.families.family.prefix=family/",
			"spring.datasource.hikari.maximum-pool-size=5" })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Fixture
	private static StreamConsumers consumers;

	private final RecordingConsumer handler = new RecordingConsumer();

	@AfterEach
	void removeConsumers() {
		consumers.list().forEach((consumer) -> consumers.remove(consumer.name()));
	}

	private static void append(String stream, int count) {
		writer.appendAll(stream, IntStream.range(0, count).mapToObj((i) -> ("" + i).getBytes()).toList());
	}

	private static List<Long> range(long from, long to) {
		return LongStream.range(from, to).boxed().toList();
	}

	private static ConsumerInfo find(String name) {
		return consumers.find(name).orElseThrow();
	}

	private static void awaitPosition(String name, long position) {
		Eventually.await(() -> find(name).position().getAsLong() == position, () -> consumers.list());
	}

	private static void awaitFree(String name) {
		Eventually.await(() -> find(name).owner() == null, () -> consumers.list());
	}

	@Test
	void chunksThatAreThereAndThatComeAreHandledInOrderAndThePositionIsStored() {
		append("order", 250);
		Subscription subscription = reader.consumer("order", "order").subscribe(this.handler);
		this.handler.awaitChunks(250);
		append("order", 50);
		this.handler.awaitChunks(300);
		assertThat(this.handler.indexes("order")).isEqualTo(range(0, 300));
		awaitPosition("order", 300);
		ConsumerInfo info = find("order");
		assertThat(info.stream()).isEqualTo("order");
		assertThat(info.prefix()).isFalse();
		assertThat(info.lag()).isZero();
		assertThat(info.owner()).startsWith("instance (");
		assertThat(info.lastActiveAt()).isAfterOrEqualTo(info.createdAt());
		reader.prefixConsumer("order", "orders").subscribe(new RecordingConsumer());
		reader.consumer("order/other", "other").subscribe(new RecordingConsumer());
		assertThat(consumers.list("order")).extracting(ConsumerInfo::name).containsExactly("order");
		assertThat(this.handler.consumed().get(0).consumer()).isEqualTo("order");
		assertThat(this.handler.consumed().get(0).fencingToken()).isPositive();
		assertThat(subscription.isActive()).isTrue();
	}

	@Test
	void aConsumerGoesOnFromItsPositionWithAHigherToken() {
		append("again", 10);
		Subscription first = reader.consumer("again", "again").subscribe(this.handler);
		this.handler.awaitChunks(10);
		first.cancel();
		assertThat(first.isActive()).isFalse();
		awaitFree("again");
		append("again", 10);
		assertThat(find("again").lag()).isEqualTo(10);
		RecordingConsumer second = new RecordingConsumer();
		reader.consumer("again", "again").from(StreamPosition.end()).subscribe(second);
		second.awaitChunks(10);
		assertThat(second.indexes("again")).isEqualTo(range(10, 20));
		assertThat(second.consumed().get(0).fencingToken())
			.isGreaterThan(this.handler.consumed().get(9).fencingToken());
	}

	@Test
	void aNewConsumerBeginsAtTheEndThatTheStreamHasWhenItSubscribes() {
		append("end", 5);
		append("ends/a", 5);
		writer.complete("ends/a");
		append("ends/b", 5);
		reader.consumer("end", "end").from(StreamPosition.end()).subscribe(this.handler);
		append("end", 1);
		this.handler.awaitChunks(1);
		assertThat(this.handler.indexes("end")).containsExactly(5L);
		RecordingConsumer prefix = new RecordingConsumer();
		reader.prefixConsumer("ends/", "ends").from(StreamPosition.end()).subscribe(prefix);
		append("ends/b", 1);
		append("ends/c", 2);
		prefix.awaitChunks(3);
		assertThat(prefix.indexes("ends/b")).containsExactly(5L);
		assertThat(prefix.indexes("ends/c")).containsExactly(0L, 1L);
		assertThat(prefix.ends()).isEmpty();
		Eventually.await(() -> find("ends").lag() == 0, () -> consumers.list());
	}

	@Test
	void aStreamThatDoesNotExistIsWaitedFor() {
		reader.consumer("later", "later").from(StreamPosition.end()).subscribe(this.handler);
		Eventually.await(() -> find("later").owner() != null, () -> consumers.list());
		append("later", 3);
		this.handler.awaitChunks(3);
		assertThat(this.handler.indexes("later")).isEqualTo(range(0, 3));
		assertThat(this.handler.gaps()).isEmpty();
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aChunkIsHandledAgainUntilThatSucceedsAndLaterOnesWait(CapturedOutput output) {
		append("failing", 20);
		append("failing-other", 20);
		AtomicInteger failures = new AtomicInteger();
		RecordingConsumer failing = new RecordingConsumer() {

			@Override
			public void onChunk(ConsumedChunk chunk) throws Exception {
				// Until the other stream, which does not wait, is there
				if (chunk.chunk().index() == 7 && chunk.chunk().stream().equals("failing")
						&& (failures.incrementAndGet() <= 3 || indexes("failing-other").size() < 20)) {
					throw new Exception("not yet");
				}
				super.onChunk(chunk);
			}

		};
		reader.prefixConsumer("failing", "failing").subscribe(failing);
		failing.awaitChunks(40);
		assertThat(failing.indexes("failing")).isEqualTo(range(0, 20));
		assertThat(failing.indexes("failing-other")).isEqualTo(range(0, 20));
		assertThat(failures).hasValueGreaterThanOrEqualTo(4);
		String failed = "Consumer 'failing' has failed with stream 'failing' at chunk 7: not yet. Retrying";
		assertThat(StringUtils.countOccurrencesOf(output.toString(), failed)).isOne();
		assertThat(output.toString().split(Pattern.quote(failed), 2)[1])
			.matches("(?s)\\R+java.lang.Exception: not yet\\R\\s+at io.durablenotify.stream.StreamConsumerTests.*");
		// Logged after the handler has returned
		String goesOn = "Consumer 'failing' goes on with stream 'failing'";
		Eventually.await(() -> output.toString().contains(goesOn), output::toString);
	}

	@Test
	void aPrefixHasStreamsThatAreThereAndThatAppearAndTheirEnds() {
		append("prefix/a", 10);
		append("prefix", 10);
		append("prefix0", 10);
		reader.prefixConsumer("prefix/", "prefix").subscribe(this.handler);
		this.handler.awaitChunks(10);
		append("prefix/b", 10);
		writer.complete("prefix/b");
		writer.fail("prefix/a", "reason");
		this.handler.awaitEnds(2);
		assertThat(this.handler.indexes("prefix/a")).isEqualTo(range(0, 10));
		assertThat(this.handler.indexes("prefix/b")).isEqualTo(range(0, 10));
		assertThat(this.handler.consumed()).hasSize(20);
		assertThat(this.handler.ends()).containsExactlyInAnyOrder("prefix/a FAILED", "prefix/b COMPLETED");
		assertThat(find("prefix").position()).isEmpty();
		Eventually.await(() -> find("prefix").lag() == 0, () -> consumers.list());
	}

	@Test
	void anEndIsReportedOnceAndAStreamThatIsCreatedAgainIsReadWithoutAGap() {
		append("ended", 3);
		writer.cancel("ended", "stopped");
		Subscription first = reader.consumer("ended", "ended").subscribe(this.handler);
		this.handler.awaitEnds(1);
		assertThat(this.handler.ends()).containsExactly("ended CANCELLED");
		first.cancel();
		awaitFree("ended");
		RecordingConsumer second = new RecordingConsumer();
		reader.consumer("ended", "ended").subscribe(second);
		writer.delete("ended");
		append("ended", 2);
		second.awaitChunks(2);
		assertThat(second.indexes("ended")).containsExactly(0L, 1L);
		assertThat(second.ends()).isEmpty();
		assertThat(second.gaps()).isEmpty();
	}

	@Test
	void aStreamThatWasDeletedIsAGapAndTheNextOneBeginsAtItsStart() {
		append("deleted", 5);
		reader.consumer("deleted", "deleted").subscribe(this.handler);
		this.handler.awaitChunks(5);
		writer.delete("deleted");
		this.handler.awaitGaps(1);
		assertThat(this.handler.gaps()).containsExactly(new ConsumerGap("deleted", "deleted", 5, 0, true));
		append("deleted", 3);
		this.handler.awaitChunks(8);
		assertThat(this.handler.indexes("deleted")).containsExactly(0L, 1L, 2L, 3L, 4L, 0L, 1L, 2L);
	}

	@Test
	void aStreamThatWasReplacedWhileNoInstanceOwnedTheConsumerIsAGap() {
		append("replaced", 5);
		Subscription first = reader.consumer("replaced", "replaced").subscribe(this.handler);
		this.handler.awaitChunks(5);
		first.cancel();
		awaitFree("replaced");
		append("replaced", 5);
		writer.delete("replaced");
		append("replaced", 7);
		RecordingConsumer second = new RecordingConsumer();
		reader.consumer("replaced", "replaced").subscribe(second);
		second.awaitChunks(7);
		assertThat(second.gaps()).containsExactly(new ConsumerGap("replaced", "replaced", 5, 0, true));
		assertThat(second.indexes("replaced")).isEqualTo(range(0, 7));
		awaitPosition("replaced", 7);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aStreamThatCameAndWentWhileTheConsumerWasAwayIsNoGap(CapturedOutput output) {
		Subscription first = reader.prefixConsumer("unseen/", "unseen").subscribe(this.handler);
		Eventually.await(() -> find("unseen").owner() != null, () -> consumers.list());
		first.cancel();
		awaitFree("unseen");
		append("unseen/gone", 1);
		writer.delete("unseen/gone");
		append("unseen/there", 1);
		reader.prefixConsumer("unseen/", "unseen").subscribe(this.handler);
		this.handler.awaitChunks(1);
		assertThat(this.handler.indexes("unseen/there")).containsExactly(0L);
		assertThat(this.handler.gaps()).isEmpty();
		assertThat(output).doesNotContain("unseen/gone");
	}

	@Test
	void aGapAndAnEndThatTheHandlerFailsWithCountAsLagAndAsFailedCalls() {
		append("lagging", 1_000);
		remove("lagging", 300, 399);
		writer.complete("lagging");
		AtomicInteger failedCalls = new AtomicInteger();
		instance.bean(OpenConsumers.class)
			.readers()
			.measures()
			.handlers(null)
			.calls()
			.forEach((result, calls) -> calls
				.recordBy((nanos) -> failedCalls.addAndGet((result == HandlerMeasures.Result.FAILED) ? 1 : 0)));
		FailingConsumer lagging = new FailingConsumer();
		reader.consumer("lagging", "lagging").subscribe(lagging);
		lagging.awaitFailedGaps();
		assertThat(lag()).as("from the gap on").isEqualTo(700);
		assertThat(failedCalls).hasPositiveValue();
		lagging.gapsPass = true;
		Eventually.await(() -> lagging.failedEnds.get() > 1, lagging::toString);
		assertThat(lagging.indexes("lagging")).hasSize(900);
		assertThat(lag()).as("the end").isOne();
		assertThat(failedCalls).hasValueGreaterThan(lagging.failedGaps.get());
	}

	@Test
	void aDeletionThatTheHandlerFailsWithCountsAsLag() {
		append("lagging-deleted", 1);
		FailingConsumer lagging = new FailingConsumer();
		Subscription first = reader.consumer("lagging-deleted", "lagging-deleted").subscribe(lagging);
		awaitPosition("lagging-deleted", 1);
		writer.delete("lagging-deleted");
		lagging.awaitFailedGaps();
		assertThat(lag()).isOne();
		first.cancel();
		awaitFree("lagging-deleted");
		FailingConsumer second = new FailingConsumer();
		reader.consumer("lagging-deleted", "lagging-deleted").subscribe(second);
		second.awaitFailedGaps();
		assertThat(lag()).isOne();
	}

	@Test
	void theAgeOfALagBeginsWithTheLag() {
		CountDownLatch begun = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		reader.consumer("aging", "aging").subscribe((chunk) -> {
			if (chunk.chunk().index() > 0) {
				begun.countDown();
				Eventually.await(goOn);
			}
		});
		append("aging", 1);
		awaitPosition("aging", 1);
		OpenConsumers consumers = instance.bean(OpenConsumers.class);
		Eventually.await(() -> consumers.state().lagAge().isZero(), consumers::state);
		long asked = System.nanoTime();
		Eventually.await(() -> System.nanoTime() - asked > 100_000_000, consumers::state);
		long appended = System.nanoTime();
		append("aging", 1);
		// Not asked for meanwhile
		Eventually.await(begun);
		assertThat(consumers.state().lagAge()).isLessThanOrEqualTo(Duration.ofNanos(System.nanoTime() - appended));
		assertThat(consumers.state().lagAge()).isPositive();
		goOn.countDown();
	}

	private static long lag() {
		return instance.bean(OpenConsumers.class).state().lag();
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	@ExtendWith(OutputCaptureExtension.class)
	void chunksThatAreMissingInTheMiddleAreAGapAfterWhichTheConsumerGoesOn(boolean transactional,
			CapturedOutput output) {
		String stream = "hole/" + transactional;
		append(stream, 1_000);
		remove(stream, 300, 399);
		remove(stream, 700, 998);
		StreamConsumer consumer = reader.consumer(stream, stream);
		Subscription subscription = ((transactional) ? consumer.inTransaction() : consumer).subscribe(this.handler);
		this.handler.awaitChunks(601);
		List<Long> left = new ArrayList<>(range(0, 300));
		left.addAll(range(400, 700));
		left.add(999L);
		assertThat(this.handler.indexes(stream)).isEqualTo(left);
		assertThat(this.handler.gaps()).containsExactly(new ConsumerGap(stream, stream, 300, 400, false),
				new ConsumerGap(stream, stream, 700, 999, false));
		awaitPosition(stream, 1_000);
		assertThat(output).contains("Consumer '%1$s' has lost chunks of stream '%1$s'".formatted(stream))
			.doesNotContain("has failed with stream '%s'".formatted(stream));
		assertThat(subscription.isActive()).isTrue();
		append(stream, 1);
		this.handler.awaitChunks(602);
		writer.complete(stream);
		this.handler.awaitEnds(1);
		assertThat(this.handler.indexes(stream)).endsWith(999L, 1_000L);
		assertThat(this.handler.gaps()).hasSize(2);
	}

	@Test
	void aHoleThatAppearsBeforeAConsumerThatWaitsIsAGap() {
		append("hole/later", 10);
		reader.prefixConsumer("hole/", "hole").subscribe(this.handler);
		this.handler.awaitChunks(10);
		database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) VALUES (?, 90, '')",
					streamId("hole/later"));
		instance.bean(Wakeups.class).send(TailedStream.TOPIC, Wakeup.moved(streamId("hole/later"), 91));
		this.handler.awaitChunks(11);
		assertThat(this.handler.gaps()).containsExactly(new ConsumerGap("hole", "hole/later", 10, 90, false));
		assertThat(this.handler.indexes("hole/later")).endsWith(9L, 90L).hasSize(11);
	}

	private static long streamId(String stream) {
		return database.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = ?", Long.class, stream);
	}

	private static void remove(String stream, long first, long last) {
		assertThat(database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE stream_id = ? AND chunk_index BETWEEN ? AND ?",
					streamId(stream), first, last))
			.isEqualTo((int) (last - first + 1));
	}

	@Test
	void eachOfSeveralStreamsThatHadANameOneAfterTheOtherIsAGapOrIsRead() throws Exception {
		append("successors", 1);
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		reader.consumer("successors", "successors").subscribe(new RecordingConsumer() {

			@Override
			public void onChunk(ConsumedChunk chunk) throws Exception {
				called.countDown();
				release.await();
				StreamConsumerTests.this.handler.onChunk(chunk);
			}

			@Override
			public void onGap(ConsumerGap gap) {
				StreamConsumerTests.this.handler.onGap(gap);
			}

		});
		called.await();
		for (int streams = 2; streams <= 3; streams++) {
			int found = streams;
			writer.delete("successors");
			append("successors", streams);
			Eventually.await(() -> count("stream = 'successors'") == found, () -> consumers.list());
		}
		release.countDown();
		this.handler.awaitGaps(2).awaitChunks(4);
		assertThat(this.handler.gaps()).containsExactly(new ConsumerGap("successors", "successors", 1, 0, true),
				new ConsumerGap("successors", "successors", 0, 0, true));
		assertThat(this.handler.indexes("successors")).containsExactly(0L, 0L, 1L, 2L);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void anInterruptThatAHandlerLeavesReachesNeitherTheNextCallNorTheCommit(boolean transactional) {
		String stream = "interrupted/" + transactional;
		append(stream, 4);
		remove(stream, 2, 2);
		writer.complete(stream);
		List<String> interrupted = new CopyOnWriteArrayList<>();
		RecordingConsumer interrupting = new RecordingConsumer() {

			@Override
			public void onChunk(ConsumedChunk chunk) throws Exception {
				interrupt("chunk " + chunk.chunk().index());
				super.onChunk(chunk);
			}

			@Override
			public void onGap(ConsumerGap gap) {
				interrupt("gap");
				super.onGap(gap);
			}

			@Override
			public void onEnd(String stream, StreamState state) {
				interrupt("end");
				super.onEnd(stream, state);
			}

			private void interrupt(String call) {
				note(call);
				if (transactional) {
					TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

						@Override
						public void beforeCommit(boolean readOnly) {
							note("commit of " + call);
						}

					});
				}
				Thread.currentThread().interrupt();
			}

			private void note(String what) {
				if (Thread.currentThread().isInterrupted()) {
					interrupted.add(what);
				}
			}

		};
		StreamConsumer consumer = reader.consumer(stream, stream);
		((transactional) ? consumer.inTransaction() : consumer).subscribe(interrupting);
		interrupting.awaitEnds(1);
		awaitPosition(stream, 4);
		assertThat(interrupted).isEmpty();
		assertThat(interrupting.gaps()).hasSize(1);
	}

	@Test
	void aFamilysConsumerKnowsItsStreamsByTheNamesOfTheFamily() {
		StreamReader family = BeanFactoryAnnotationUtils.qualifiedBeanOfType(instance.context().getBeanFactory(),
				StreamReader.class, "family");
		append("family/a", 2);
		family.consumer("a", "family-a").subscribe(this.handler);
		this.handler.awaitChunks(2);
		assertThat(this.handler.indexes("a")).containsExactly(0L, 1L);
		assertThat(find("family-a").stream()).isEqualTo("family/a");
		RecordingConsumer all = new RecordingConsumer();
		family.prefixConsumer("", "family").subscribe(all);
		writer.complete("family/a");
		all.awaitEnds(1);
		assertThat(all.indexes("a")).containsExactly(0L, 1L);
		assertThat(all.ends()).containsExactly("a COMPLETED");
	}

	@Test
	void aStreamThatIsNamedLikeAFamilysPrefixIsNoneOfTheFamilys() {
		StreamReader family = BeanFactoryAnnotationUtils.qualifiedBeanOfType(instance.context().getBeanFactory(),
				StreamReader.class, "family");
		append("family/", 3);
		append("family/b", 2);
		family.prefixConsumer("", "from-start").subscribe(this.handler);
		family.prefixConsumer("", "from-end").from(StreamPosition.end()).subscribe(new RecordingConsumer());
		append("family/", 3);
		append("family/b", 1);
		Eventually.await(() -> consumers.list().stream().allMatch((consumer) -> consumer.lag() == 0),
				() -> consumers.list());
		assertThat(database.jdbc()
			.queryForObject("SELECT durable_notify.trim_stream('family/', interval '1 hour')", Long.class))
			.isEqualTo(5);
		assertThat(this.handler.indexes("")).isEmpty();
		assertThat(this.handler.indexes("b")).containsExactly(0L, 1L, 2L);
		writer.delete("family/");
		append("family/", 1);
		Eventually.await(() -> consumers.list().stream().allMatch((consumer) -> consumer.lag() == 0),
				() -> consumers.list());
		writer.delete("family/");
	}

	@Test
	void aNameIsOfOneSelectionAndHasOneSubscriptionInAContext() {
		Subscription subscription = reader.consumer("named", "named").subscribe(this.handler);
		assertThatIllegalStateException().isThrownBy(() -> reader.consumer("named", "named").subscribe(this.handler))
			.withMessageContaining("must have one subscription in this application context");
		assertThatItIsOfAnotherSelection(() -> reader.prefixConsumer("named", "named").subscribe(this.handler));
		subscription.cancel();
		assertThatItIsOfAnotherSelection(() -> reader.prefixConsumer("named", "named").subscribe(this.handler));
		assertThat(reader.consumer("named", "named").subscribe(this.handler).isActive()).isTrue();
	}

	private static void assertThatItIsOfAnotherSelection(ThrowingCallable subscribe) {
		assertThatIllegalStateException().isThrownBy(subscribe)
			.withMessage("Consumer 'named' is one of stream 'named', and cannot be one of the streams 'named…': use "
					+ "another name, or remove it first");
	}

	@Test
	void whatCannotBeIsRefusedWithTheRule() {
		StreamConsumer consumer = reader.consumer("rules", "rules");
		assertThatIllegalArgumentException().isThrownBy(() -> consumer.from(StreamPosition.at(1)))
			.withMessageContaining("StreamPosition.start() or end()");
		assertThatIllegalArgumentException().isThrownBy(() -> consumer.batchSize(0))
			.withMessageContaining("1 to 10000");
		assertThatIllegalArgumentException().isThrownBy(() -> reader.consumer("rules", "a name"))
			.withMessageContaining("Consumer name");
		assertThatIllegalArgumentException().isThrownBy(() -> reader.prefixConsumer("", "rules"))
			.withMessageContaining("1 to 511 characters");
		assertThat(consumers.find("rules")).isEmpty();
		assertThat(consumers.remove("rules")).isFalse();
	}

	@Test
	void aRemovedConsumerIsGoneAndItsSubscriptionEnds() {
		append("removed", 1);
		Subscription subscription = reader.consumer("removed", "removed").subscribe(this.handler);
		this.handler.awaitChunks(1);
		assertThat(consumers.remove("removed")).isTrue();
		assertThat(consumers.find("removed")).isEmpty();
		Eventually.await(() -> !subscription.isActive(), subscription::toString);
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.stream_consumer_positions", Integer.class)).isZero();
		// One of the name begins again
		RecordingConsumer second = new RecordingConsumer();
		reader.consumer("removed", "removed").subscribe(second);
		second.awaitChunks(1);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aConsumerExistsFromTheCommitOfTheTransactionThatSubscribesAndNotAfterItsRollback(CapturedOutput output) {
		append("joined", 2);
		Subscription rolledBack = instance.transaction().execute((status) -> {
			status.setRollbackOnly();
			return reader.consumer("joined", "joined").subscribe(this.handler);
		});
		assertThat(rolledBack.isActive()).isFalse();
		assertThat(output)
			.contains("Consumer 'joined' was subscribed in a transaction that has rolled back. Its subscription ends");
		assertThat(consumers.find("joined")).isEmpty();
		Subscription committed = instance.transaction().execute((status) -> {
			Subscription subscription = reader.consumer("joined", "joined").subscribe(this.handler);
			assertThat(this.handler.consumed()).isEmpty();
			return subscription;
		});
		this.handler.awaitChunks(2);
		assertThat(committed.isActive()).isTrue();
	}

	@Test
	void aReadOnlyTransactionIsRefusedBeforeSql() {
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> {
			assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
				.isThrownBy(() -> reader.consumer("read-only", "read-only").subscribe(this.handler))
				.withMessage("Consumer 'read-only' cannot subscribe in a read-only transaction");
			assertThat(consumers.find("read-only")).isEmpty();
		});
		assertThat(reader.consumer("read-only", "read-only").subscribe(this.handler).isActive()).isTrue();
	}

	@Test
	void aCallbackMayCancelItsSubscriptionAndGetsNoFurtherChunk() {
		append("cancelling", 10);
		Subscription[] subscription = new Subscription[1];
		CountDownLatch subscribed = new CountDownLatch(1);
		RecordingConsumer cancelling = new RecordingConsumer() {

			@Override
			public void onChunk(ConsumedChunk chunk) throws Exception {
				super.onChunk(chunk);
				subscribed.await();
				if (chunk.chunk().index() == 3) {
					subscription[0].cancel();
				}
			}

		};
		subscription[0] = reader.consumer("cancelling", "cancelling").subscribe(cancelling);
		subscribed.countDown();
		cancelling.awaitChunks(4);
		awaitFree("cancelling");
		assertThat(cancelling.indexes("cancelling")).isEqualTo(range(0, 4));
		assertThat(find("cancelling").position()).hasValue(4);
	}

	@Test
	void aConsumerIsSubscribedAgainAfterTheHandlerOfTheCancelledSubscriptionHasReturned() throws Exception {
		append("returning", 2);
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		Subscription first = reader.consumer("returning", "returning").subscribe((chunk) -> {
			called.countDown();
			release.await();
		});
		called.await();
		first.cancel();
		reader.consumer("returning", "returning").subscribe(this.handler);
		append("free-again", 1);
		RecordingConsumer other = new RecordingConsumer();
		reader.consumer("free-again", "free-again").subscribe(other);
		other.awaitChunks(1);
		assertThat(this.handler.consumed()).isEmpty();
		release.countDown();
		this.handler.awaitChunks(1);
		assertThat(this.handler.indexes("returning")).containsExactly(1L);
	}

	/**
	 * As after a failover to a server that lagged: the chunks are there, since they were
	 * committed by others before.
	 */
	@Test
	void whatTheServerHasForgottenOfThePositionIsHandledAgain() {
		append("forgotten", 50);
		reader.consumer("forgotten", "forgotten").subscribe(this.handler);
		awaitPosition("forgotten", 50);
		database.jdbc()
			.update("UPDATE durable_notify.stream_consumer_positions SET next_index = 25 WHERE stream = 'forgotten'");
		append("forgotten", 1);
		awaitPosition("forgotten", 51);
		assertThat(this.handler.indexes("forgotten"))
			.isEqualTo(Stream.of(range(0, 51), range(25, 51)).flatMap(List::stream).toList());
		assertThat(this.handler.gaps()).isEmpty();
	}

	/**
	 * As after a failover that lost the position, and not that the consumer is owned.
	 */
	@Test
	void aStreamWhoseLostPositionIsAddedAgainIsNotReadAgainAfterItsEnd() {
		append("added", 2);
		reader.prefixConsumer("added", "added").subscribe(this.handler);
		Eventually.await(() -> count("stream = 'added' AND next_index = 2") == 1, () -> consumers.list());
		database.jdbc().update("DELETE FROM durable_notify.stream_consumer_positions WHERE stream = 'added'");
		instance.bean(Wakeups.class).send(TailedStream.TOPIC, Wakeup.moved(0, 0).created("added"));
		Eventually.await(() -> count("stream = 'added' AND next_index = 0") == 1, () -> consumers.list());
		writer.complete("added");
		Eventually.await(() -> count("stream = 'added' AND ended") == 1, () -> consumers.list());
		append("added-later", 1);
		this.handler.awaitChunks(3);
		assertThat(this.handler.indexes("added")).isEqualTo(range(0, 2));
		assertThat(this.handler.ends()).containsExactly("added COMPLETED");
	}

	private static int count(String condition) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.stream_consumer_positions WHERE " + condition,
					Integer.class);
	}

	@Test
	void aHandlerThatHasLostAnotherConsumerIsCalledAgainAfterAPause() {
		append("lost", 1);
		AtomicInteger calls = new AtomicInteger();
		reader.consumer("lost", "lost").subscribe((chunk) -> {
			if (calls.incrementAndGet() <= 3) {
				throw new ConsumerLostException("another");
			}
		});
		awaitPosition("lost", 1);
		assertThat(calls).hasValue(4);
	}

	@Test
	void aTransactionOfAHandlerKeepsNoPositionOfOthersWaiting() throws Exception {
		append("locking", 2);
		append("free", 2);
		CountDownLatch locked = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		reader.consumer("locking", "locking")
			.subscribe((chunk) -> instance.transaction().executeWithoutResult((status) -> {
				chunk.commit();
				locked.countDown();
				try {
					release.await();
				}
				catch (InterruptedException ex) {
					throw new IllegalStateException(ex);
				}
			}));
		try {
			locked.await();
			reader.consumer("free", "free").subscribe(this.handler);
			awaitPosition("free", 2);
			assertThat(find("locking").position()).hasValue(0);
		}
		finally {
			release.countDown();
		}
		awaitPosition("locking", 2);
	}

	@Test
	void aPositionThatIsLockedForAMomentIsStoredBeforeTheConsumerIsGivenUp() {
		append("locked", 1);
		Subscription subscription = reader.consumer("locked", "locked").subscribe(this.handler);
		awaitPosition("locked", 1);
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc()
				.queryForList(
						"SELECT FROM durable_notify.stream_consumer_positions WHERE stream = 'locked' FOR UPDATE");
			assertThat(Background.run(() -> append("locked", 1))).succeedsWithin(Eventually.TIMEOUT);
			this.handler.awaitChunks(2);
			Object cancelled = database.jdbc().queryForObject("SELECT clock_timestamp()", Object.class);
			subscription.cancel();
			Eventually
				.await(() -> find("locked").owner() == null || database.jdbc()
					.queryForObject("SELECT count(*) FROM pg_stat_activity "
							+ "WHERE query LIKE '%stored_index%' AND query_start > ? AND pid <> pg_backend_pid()",
							Integer.class, cancelled) > 0,
						() -> consumers.list());
		});
		awaitFree("locked");
		assertThat(find("locked").position()).hasValue(2);
	}

	@Test
	void aReaderThatKnowsNoConsumersSaysSo() {
		StreamReader other = mock(StreamReader.class, Mockito.CALLS_REAL_METHODS);
		assertThatExceptionOfType(UnsupportedOperationException.class).isThrownBy(() -> other.consumer("a", "b"));
	}

	/**
	 * Fails with gaps until these pass, and with ends.
	 */
	private static final class FailingConsumer extends RecordingConsumer {

		private final AtomicInteger failedGaps = new AtomicInteger();

		private final AtomicInteger failedEnds = new AtomicInteger();

		private volatile boolean gapsPass;

		@Override
		public void onGap(ConsumerGap gap) {
			if (!this.gapsPass) {
				throw new IllegalStateException("Gap " + this.failedGaps.incrementAndGet());
			}
		}

		@Override
		public void onEnd(String stream, StreamState state) {
			throw new IllegalStateException("End " + this.failedEnds.incrementAndGet());
		}

		private void awaitFailedGaps() {
			Eventually.await(() -> this.failedGaps.get() > 1, this::toString);
		}

	}

}
