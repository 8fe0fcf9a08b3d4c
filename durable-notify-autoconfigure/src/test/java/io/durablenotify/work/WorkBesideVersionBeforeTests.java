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
package io.durablenotify.work;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.support.BeanDefinitionRegistry;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Work while instances of the version before, which does not know it, run on the same
 * database. They take over from instances whose leases are over, and remove their rows,
 * but leave their claims.
 */
class WorkBesideVersionBeforeTests extends AbstractWorkSqlTests {

	/**
	 * What the version before executes when the lease of an instance is over.
	 */
	private static final List<String> TAKE_OVER = List.of("""
			UPDATE durable_notify.instances SET gone_at = clock_timestamp()
			WHERE instance_id IN (SELECT instance_id FROM durable_notify.instances
				WHERE lease_until < clock_timestamp() AND gone_at IS NULL AND instance_id = ?
				FOR NO KEY UPDATE SKIP LOCKED)
			""", """
			SELECT instance_id FROM durable_notify.instances WHERE instance_id = ? FOR UPDATE SKIP LOCKED
			""", """
			DELETE FROM durable_notify.instances WHERE instance_id = ?
			""");

	private final List<String> handled = new CopyOnWriteArrayList<>();

	/**
	 * Runs when a test wants it to.
	 */
	@BeforeEach
	void stopJanitor() {
		janitor().stop();
	}

	private static WorkJanitor janitor() {
		return instance.context().getBean("durableNotifyWorkJanitor", WorkJanitor.class);
	}

	private static void endLease(WorkTables lost) {
		lost.jdbc()
			.update("UPDATE durable_notify.instances SET lease_until = clock_timestamp() - interval '1 s' "
					+ "WHERE instance_id = ?", lost.instanceId());
	}

	private void takeOverAsBefore(WorkTables lost) {
		endLease(lost);
		this.other.begin();
		for (String sql : TAKE_OVER) {
			this.other.jdbc().execute(sql.replace("?", String.valueOf(lost.instanceId())));
		}
		this.other.commit();
	}

	private static boolean exists(WorkTables holder) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.instances WHERE instance_id = ?", Integer.class,
					holder.instanceId()) == 1;
	}

	private static Instance startBefore() {
		return Instance.start(database,
				(application) -> application.initializers((context) -> context.addBeanFactoryPostProcessor(
						(beans) -> List.of("durableNotifyWorkTakeOver", "durableNotifyWorkJanitor")
							.forEach(((BeanDefinitionRegistry) beans)::removeBeanDefinition))),
				"durable-notify.streams.lease=1s");
	}

	private Subscription listen(String queue) {
		return instance.bean(WorkListeners.class).register(WorkListenerSpec.of(queue), (item) -> {
			this.handled.add(new String(item.payload(), StandardCharsets.UTF_8));
			return WorkOutcome.done();
		});
	}

	private void awaitHandled(int queue, String... payloads) {
		Eventually.await(() -> this.handled.size() >= payloads.length && claims(queue) == 0,
				() -> this.handled + this.work.dump());
		assertThat(this.handled).containsExactlyInAnyOrder(payloads);
	}

	private int claims(int queue) {
		return this.work.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.work_claims WHERE queue_id = ?", Integer.class, queue);
	}

	/**
	 * As it reads a claim: all but the items from the first row, and what has no item is
	 * none.
	 */
	@Test
	void anInstanceOfTheVersionBeforeClaims() {
		int queue = this.work.queue("before");
		this.work.insert("before", "a", "b", "c");
		List<Map<String, Object>> rows = this.work.jdbc()
			.queryForList(
					"""
							WITH q AS MATERIALIZED (SELECT queue_id, paused_at IS NOT NULL AS paused FROM durable_notify.work_queues
								WHERE queue_id = ? FOR NO KEY UPDATE)
							SELECT w.*, w.claim_id - (SELECT durable_notify.work_micros(i.due_at) FROM durable_notify.work_items i
								WHERE i.item_id = w.item_id) AS waited, (SELECT paused FROM q) AS paused
							FROM durable_notify.work_claim((SELECT queue_id FROM q), ?, 2, -9223372036854775808, 9223372036854775807) AS w
							""",
					queue, this.work.instanceId());
		Map<String, Object> first = rows.get(0);
		assertThat(first).containsEntry("granted", true)
			.containsEntry("limited", false)
			.containsEntry("more", true)
			.containsEntry("paused", false);
		assertThat((Long) first.get("frontier")).isLessThan((Long) first.get("claim_id"));
		rows.removeIf((row) -> row.get("item_id") == null);
		assertThat(rows).extracting((row) -> new String((byte[]) row.get("payload"), StandardCharsets.UTF_8))
			.containsExactly("a", "b");
		assertThat(rows).allSatisfy((row) -> assertThat((Long) row.get("waited")).isGreaterThanOrEqualTo(0));
		assertThat(this.work.jdbc()
			.queryForObject("SELECT claim_id FROM durable_notify.work_claims WHERE queue_id = ?", Long.class, queue))
			.isEqualTo(first.get("claim_id"));
	}

	@Test
	void anInstanceThatWasRemovedClaimsNothingAndCompletesUntilItsItemsAreTakenOver() {
		int queue = this.work.queue("removed");
		this.work.insert("removed", "a", "b", "c");
		this.work.put(WorkTables.ordered("removed", "key", "d"));
		Claimed claimed = this.work.claim(queue, 10);
		List<Done> items = WorkTables.done(claimed);
		takeOverAsBefore(this.work);
		assertThat(exists(this.work)).isFalse();
		this.work.insert("removed", "e");
		assertThat(this.work.claim(queue, 10).granted()).isFalse();
		assertThat(this.work.complete(items.subList(0, 1), List.of())).as("no other instance has it").hasSize(1);
		assertThat(WorkTables.texts(this.other.claim(queue, 10))).as("claimed items stay claimed").containsExactly("e");
		janitor().run();
		assertThat(this.work.complete(items.subList(1, 3), List.of())).isEmpty();
		assertThat(this.work.completeInTransaction(items.get(1))).isFalse();
		assertThat(this.work.fail(items.get(2), Duration.ZERO, false).kind()).isEqualTo(Returned.Kind.LOST);
		assertThat(this.work.releaseLane(claimed, claimed.items().get(3)).kind()).isEqualTo(Returned.Kind.LOST);
		List<String> again = new ArrayList<>();
		while (again.size() < 3) {
			Claimed alone = this.other.awaitClaim(queue, 10);
			assertThat(alone.items()).as("one of several may be guilty").hasSize(1);
			ClaimedItem item = alone.items().get(0);
			again.add((item.lane()) ? WorkTables.text(this.other.laneItems(item).get(0)) : WorkTables.text(item));
		}
		assertThat(again).containsExactlyInAnyOrder("b", "c", "d");
	}

	@Test
	void aClaimThatCommitsAfterTheRemovalIsTakenOverToo() {
		int queue = this.work.queue("late");
		this.work.insert("late", "a");
		this.work.begin();
		assertThat(this.work.claim(queue, 10).items()).hasSize(1);
		this.other.begin();
		this.other.jdbc().update("DELETE FROM durable_notify.instances WHERE instance_id = ?", this.work.instanceId());
		this.other.commit();
		this.work.commit();
		assertThat(orphans()).contains(this.work.instanceId());
		janitor().run();
		assertThat(orphans()).doesNotContain(this.work.instanceId());
		Subscription subscription = listen("late");
		awaitHandled(queue, "a");
		subscription.cancel();
	}

	private List<Long> orphans() {
		return this.other.run((connection, joined) -> this.other.takeOver().orphans(connection));
	}

	@Test
	void whatAnInstanceOfTheVersionBeforeHasLeftIsHandledAndItGoesOn() {
		int queue = this.work.queue("left");
		this.work.insert("left", "a", "b");
		this.work.put(WorkTables.ordered("left", "key", "c"));
		this.work.put(WorkTables.ordered("left", "key", "d"));
		Claimed claimed = this.work.claim(queue, 10);
		assertThat(claimed.items()).hasSize(3);
		endLease(this.work);
		try (Instance before = startBefore()) {
			Eventually.await(() -> !exists(this.work), this.work::dump);
			assertThat(claims(queue)).isOne();
			Subscription subscription = listen("left");
			janitor().run();
			awaitHandled(queue, "a", "b", "c", "d");
			subscription.cancel();
			assertThat(this.handled.indexOf("c")).isLessThan(this.handled.indexOf("d"));
			assertThat(this.work.complete(WorkTables.done(claimed).subList(0, 2), List.of())).isEmpty();
			// It goes on as before
			RecordingHandler handler = new RecordingHandler();
			instance.reader().subscribe("before", StreamPosition.start(), handler);
			before.writer().appender("before").complete("chunk".getBytes(StandardCharsets.UTF_8));
			assertThat(handler.awaitComplete().texts()).containsExactly("chunk");
			assertThat(before.jdbc().queryForObject("SELECT durable_notify.next_instance_id()", Long.class))
				.isPositive()
				.isNotEqualTo(this.work.instanceId());
		}
	}

}
