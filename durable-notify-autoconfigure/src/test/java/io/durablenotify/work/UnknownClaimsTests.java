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

import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.instance.Lease;
import io.durablenotify.wakeup.Wakeups;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

/**
 * Tests for {@link UnknownClaims}.
 */
@ExtendWith(OutputCaptureExtension.class)
class UnknownClaimsTests extends AbstractWorkSqlTests {

	private final Lease lease = mock(Lease.class);

	private UnknownClaims unknown;

	@BeforeEach
	void create() {
		when(this.lease.instanceId()).thenReturn(this.work.instanceId());
		when(this.lease.isHeld()).thenReturn(true);
		this.unknown = new UnknownClaims(instance.bean(ApplicationDatabase.class), this.work.claims(),
				this.work.settle(), instance.bean(Wakeups.class));
	}

	private List<Claimed> claimTwice(String queue) {
		int id = this.work.queue(queue);
		this.work.insert(queue, "first");
		Claimed first = this.work.awaitClaim(id, 1);
		this.work.insert(queue, "second", "third");
		return List.of(first, this.work.awaitClaim(id, 2));
	}

	private boolean giveBack() {
		return this.unknown.giveBack(this.lease, (claim) -> true);
	}

	@Test
	void aClaimThatIsLockedHoldsUpNoOther() {
		List<Claimed> claims = claimTwice("locked");
		for (int locked : List.of(0, 1)) {
			this.other.begin();
			this.other.jdbc()
				.queryForList("SELECT claim_id FROM durable_notify.work_claims WHERE claim_id = ? FOR UPDATE",
						claims.get(locked).claim().claimId());
			assertThatException().isThrownBy(this::giveBack)
				.satisfies((ex) -> assertThat(SqlErrors.isLockTimeout(ex)).isTrue());
			this.other.rollback();
			assertThat(this.work.claimedIds(claims.get(locked))).isNotEmpty();
			assertThat(this.work.claimedIds(claims.get(1 - locked))).isEmpty();
			assertThat(giveBack()).isTrue();
			assertThat(this.work.claimedIds(claims.get(locked))).isEmpty();
			claims = (locked == 0) ? claimTwice("locked-2") : claims;
		}
	}

	@Test
	void anItemThatCannotBeChangedHoldsUpNoOtherAndIsLogged(CapturedOutput output) {
		List<Claimed> claims = claimTwice("refused");
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
				CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.work_items FOR EACH ROW
					WHEN (NEW.payload IN ('first', 'second')) EXECUTE FUNCTION refuse();
				""");
		assertThat(giveBack()).isTrue();
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		for (Claimed claimed : claims) {
			long refused = claimed.items().get(0).itemId();
			assertThat(this.work.claimedIds(claimed)).containsExactly(refused);
			assertThat(output).contains("Item %d of work cannot be given back: refused".formatted(refused));
		}
		assertThat(this.work.isReturned(claims.get(1).items().get(1).itemId())).isTrue();
	}

	@Test
	void aClaimWhoseCommitIsRefusedHoldsUpNoOther(CapturedOutput output) {
		List<Claimed> claims = claimTwice("refused-commit");
		this.work.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
				CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON durable_notify.work_items DEFERRABLE INITIALLY DEFERRED
					FOR EACH ROW WHEN (NEW.payload = 'first') EXECUTE FUNCTION refuse();
				""");
		assertThat(giveBack()).isTrue();
		this.work.jdbc().execute("DROP FUNCTION refuse() CASCADE");
		assertThat(output).contains("The database refuses to give back items of a claim");
		assertThat(this.work.claimedIds(claims.get(0))).isNotEmpty();
		assertThat(this.work.claimedIds(claims.get(1))).isEmpty();
	}

	@Test
	void aClaimThatIsKnownIsKept() {
		List<Claimed> claims = claimTwice("known");
		assertThat(this.unknown.giveBack(this.lease, claims.get(1).claim()::equals)).isTrue();
		assertThat(this.work.claimedIds(claims.get(0))).isNotEmpty();
		assertThat(this.work.claimedIds(claims.get(1))).isEmpty();
	}

	@Test
	void withoutALeaseNothingIsGivenBack() {
		Claimed claimed = claimTwice("without").get(0);
		when(this.lease.isHeld()).thenReturn(false);
		assertThat(giveBack()).as("it may be held again").isFalse();
		when(this.lease.isLost()).thenReturn(true);
		assertThat(giveBack()).isTrue();
		assertThat(this.unknown.giveBack(null, (claim) -> true)).isTrue();
		assertThat(this.work.claimedIds(claimed)).isNotEmpty();
	}

}
