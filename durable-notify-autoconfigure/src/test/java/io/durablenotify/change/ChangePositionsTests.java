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

package io.durablenotify.change;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.LongStream;

import io.durablenotify.change.ChangeGap.Reason;
import io.durablenotify.change.ChangePage.Place;
import io.durablenotify.change.ChangePositions.Found;
import io.durablenotify.change.ChangePositions.Gap;
import io.durablenotify.change.ChangePositions.Remembered;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ChangePositions}.
 */
class ChangePositionsTests {

	private static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");

	private static final ServerRun SERVER = new ServerRun(1, "00000001", "monday/", "log");

	private static final ServerRun CRASHED = new ServerRun(1, "00000001", "tuesday/7", "log");

	private static final Predicate<String> ALL = (subscription) -> true;

	private Instant now = CREATED;

	private final ChangePositions<String> positions = new ChangePositions<>(() -> this.now);

	@Test
	void subscriptionsAtOnePositionShareARead() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		assertThat(this.positions.addAtLatest("b")).isTrue();
		assertReads(Map.of(at(SERVER, "5:10:"), List.of("a", "b")));
		assertThat(read("5:20:", 12)).isFalse();
		assertReads(Map.of(at(SERVER, "5:20:"), List.of("a", "b")));
	}

	@Test
	void aSlowOneKeepsItsPositionAndSharesTheReadAgainOnceItHasCaughtUp() {
		this.positions.add("slow", current(SERVER, "5:10:", 8));
		this.positions.addAtLatest("fast");
		Predicate<String> hasRoom = "fast"::equals;
		assertThat(this.positions.reads(hasRoom)).isEqualTo(Map.of(at(SERVER, "5:10:"), List.of("fast")));
		this.now = this.now.plusSeconds(7);
		this.positions.advance(at(SERVER, "5:10:"), page("5:20:", 12), List.of("fast"));
		assertReads(Map.of(at(SERVER, "5:10:"), List.of("slow"), at(SERVER, "5:20:"), List.of("fast")));
		assertThat(this.positions.state(hasRoom))
			.isEqualTo(new ChangeDeliveryState(2, 1, Duration.ofSeconds(7), null, null));
		this.positions.advance(at(SERVER, "5:20:"), page("5:30:", 22), List.of("fast"));
		this.positions.advance(at(SERVER, "5:10:"), page("5:30:", 12, 22), List.of("slow"));
		assertReads(Map.of(at(SERVER, "5:30:"), List.of("slow", "fast")));
		assertThat(this.positions.state(ALL)).isEqualTo(new ChangeDeliveryState(2, 0, Duration.ZERO, null, null));
	}

	@Test
	void aPositionIsAsOldAsItsFirstPage() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		this.now = this.now.plusSeconds(7);
		this.positions.advance(at(SERVER, "5:10:"), cut("5:30:", 12, 20), List.of("a"));
		assertThat(this.positions.age("a")).isEqualTo(Duration.ofSeconds(7));
	}

	@Test
	void aReadThatWasCutGoesOnToItsTargetAndThenOnceMoreToThePresent() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		ChangePosition within = new ChangePosition(SERVER, "5:10:", "5:20:", 12, 12);
		assertThat(this.positions.advance(at(SERVER, "5:10:"), cut("5:20:", 12), List.of("a"))).isTrue();
		assertReads(Map.of(within, List.of("a")));
		assertThat(this.positions.advance(within, page("5:20:", 13), List.of("a"))).isTrue();
		assertReads(Map.of(at(SERVER, "5:20:"), List.of("a")));
	}

	@Test
	void oneThatWasRemovedDoesNotComeBack() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		assertThat(this.positions.remove("a")).isTrue();
		assertThat(this.positions.remove("a")).isFalse();
		this.positions.advance(at(SERVER, "5:10:"), page("5:20:"), List.of("a"));
		assertThat(this.positions.subscriptions()).isEmpty();
	}

	@Test
	void aNewOneBeginsWhereOthersHaveReadToNotWhereASlowOneIs() {
		this.positions.add("slow", current(SERVER, "5:10:", 8));
		this.positions.addAtLatest("fast");
		this.positions.advance(at(SERVER, "5:10:"), page("5:20:", 12), List.of("fast"));
		assertThat(this.positions.addAtLatest("new")).isTrue();
		assertReads(Map.of(at(SERVER, "5:10:"), List.of("slow"), at(SERVER, "5:20:"), List.of("fast", "new")));
	}

	@ParameterizedTest
	@CsvSource({ "PT0S, true", "PT1M, true", "PT1M0.001S, false", "-PT1M, true", "-PT1M0.001S, false" })
	void aNewOneBeginsThereOnlyIfThatIsRecentWithAnyClock(Duration later, boolean recent) {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		this.now = this.now.plus(later);
		assertThat(this.positions.addAtLatest("new")).isEqualTo(recent);
		assertThat(this.positions.subscriptions().contains("new")).isEqualTo(recent);
	}

	@Test
	void theFirstOneBeginsAtThePresent() {
		assertThat(this.positions.addAtLatest("a")).isFalse();
		this.positions.add("a", current(SERVER, "5:10:", 8));
		this.positions.remove("a");
		assertThat(this.positions.addAtLatest("b")).isFalse();
	}

	@Test
	void thePositionOfATransactionIsItsOwn() {
		this.positions.add("a", new CurrentPosition(at(SERVER, "5:10:"), watermark(8), false));
		assertThat(this.positions.addAtLatest("b")).isFalse();
		this.positions.add("b", current(SERVER, "5:12:", 8));
		assertReads(Map.of(at(SERVER, "5:10:"), List.of("a"), at(SERVER, "5:12:"), List.of("b")));
	}

	@Test
	void aReadHasToProveWhatIsKnownOfItsRunOfTheServer() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		assertThat(this.positions.watermark(SERVER)).isEqualTo(watermark(8));
		read("5:20:", 12, 15);
		assertThat(this.positions.watermark(SERVER)).isEqualTo(watermark(15));
		assertThat(this.positions.watermark(CRASHED)).isSameAs(Watermark.UNKNOWN);
		this.positions.add("b", current(CRASHED, "5:10:", 17));
		assertThat(this.positions.watermark(SERVER)).isEqualTo(watermark(15));
		assertThat(this.positions.watermark(CRASHED)).isSameAs(Watermark.UNKNOWN);
	}

	@Test
	void theChangesThatWereReadLastAreRemembered() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		read("5:2000:", LongStream.rangeClosed(11, 1_000).toArray());
		assertThat(remembered()).hasSize(990).startsWith(identity(11));
		read("5:3000:", LongStream.rangeClosed(2_001, 2_500).toArray());
		assertThat(remembered()).hasSize(ChangePositions.REMEMBERED)
			.startsWith(identity(501))
			.endsWith(identity(2_500));
		assertThat(this.positions.remembered().watermark()).isEqualTo(watermark(2_500));
	}

	private List<ChangeIdentity> remembered() {
		Remembered remembered = this.positions.remembered();
		return remembered.lastRead();
	}

	@Test
	void aRestartThatHasLostNothingCutsThePositionsBackToWhatIsDurable() {
		this.positions.add("full", current(SERVER, "5:10:", 8));
		this.positions.addAtLatest("a");
		this.positions.advance(at(SERVER, "5:10:"), page("15:30:17,25", 20), List.of("a"));
		assertThat(validate(current(CRASHED, "5:22:", 20), true, true)).isNull();
		assertReads(Map.of(at(CRASHED, "5:10:"), List.of("full"), at(CRASHED, "15:21:17"), List.of("a")));
		assertThat(this.positions.watermark(CRASHED)).isEqualTo(watermark(20));
		assertThat(this.positions.state(ALL)).isEqualTo(new ChangeDeliveryState(2, 0, Duration.ZERO, null, null));
	}

	@Test
	void aRestartBetweenTwoPagesCutsTheTargetBackToo() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		this.positions.advance(at(SERVER, "5:10:"), cut("5:30:", 12, 20), List.of("a"));
		assertThat(validate(current(CRASHED, "5:22:", 20), true, true)).isNull();
		assertReads(Map.of(new ChangePosition(CRASHED, "5:10:", "5:21:", 20, 20), List.of("a")));
	}

	@Test
	void afterARestartThatHasLostTheLastChangeAllAreAtThePresentWithAGap() {
		this.positions.add("full", current(SERVER, "5:10:", 8));
		this.positions.addAtLatest("a");
		this.positions.advance(at(SERVER, "5:10:"), page("5:20:", 12), List.of("a"));
		this.now = this.now.plusSeconds(5);
		assertThat(validate(current(CRASHED, "5:11:", 8), false, false))
			.isEqualTo(new Gap<>(Reason.FAILOVER, List.of("full", "a")));
		assertReads(Map.of(at(CRASHED, "5:11:"), List.of("full", "a")));
		assertThat(this.positions.state(ALL))
			.isEqualTo(new ChangeDeliveryState(2, 0, Duration.ZERO, Reason.FAILOVER, this.now));
	}

	@Test
	void aRestartThatHasLostAnEarlierChangeIsAGapAndNothingIsReadTwice() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		read("5:20:", 11, 12);
		assertThat(validate(current(CRASHED, "5:14:", 12), true, false))
			.isEqualTo(new Gap<>(Reason.FAILOVER, List.of("a")));
		assertReads(Map.of(at(CRASHED, "5:13:"), List.of("a")));
	}

	@Test
	void afterAFailoverThereIsAGapAlsoIfNothingWasLost() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		ServerRun standby = new ServerRun(1, "00000002", "tuesday/7", "log");
		assertThat(validate(current(standby, "5:12:", 8), true, true))
			.isEqualTo(new Gap<>(Reason.FAILOVER, List.of("a")));
		assertReads(Map.of(at(standby, "5:9:"), List.of("a")));
	}

	@Test
	void inAnotherClusterAllAreAtThePresentWithAGap() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		ServerRun other = new ServerRun(2, "00000001", "monday/", "log of other");
		assertThat(validate(current(other, "400:400:", 300), true, true))
			.isEqualTo(new Gap<>(Reason.OTHER_CLUSTER, List.of("a")));
		assertReads(Map.of(at(other, "400:400:"), List.of("a")));
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aServerThatWasShutDownAndHasForgottenNumbersWasRestoredFromABackup(boolean shutDown) {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		read("5:30:");
		ServerRun restored = new ServerRun(1, "00000001", (shutDown) ? "tuesday/" : "tuesday/7", "log");
		assertThat(validate(current(restored, "5:12:", 8), true, true))
			.isEqualTo((shutDown) ? new Gap<>(Reason.FAILOVER, List.of("a")) : null);
	}

	@Test
	void rowsThatAreGoneWithoutARestartAreAGapAndThePositionsGoOn() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		read("5:20:", 12);
		Found found = new Found(current(SERVER, "5:22:", 8), false, false);
		assertThat(this.positions.validate(SERVER, false, found)).isEqualTo(new Gap<>(Reason.FAILOVER, List.of("a")));
		assertReads(Map.of(at(SERVER, "5:13:"), List.of("a")));
		ServerRun relogged = new ServerRun(1, "00000001", "monday/", "new log");
		assertThat(validate(current(relogged, "5:25:", 8), true, true))
			.isEqualTo(new Gap<>(Reason.FAILOVER, List.of("a")));
		assertReads(Map.of(at(relogged, "5:9:"), List.of("a")));
	}

	@Test
	void onlyThePositionsOfTheRunThatIsOverAreValidated() {
		this.positions.add("before", current(SERVER, "5:10:", 8));
		this.positions.add("after", current(CRASHED, "5:40:", 8));
		assertThat(validate(current(CRASHED, "5:41:", 8), true, true)).isNull();
		assertReads(Map.of(at(CRASHED, "5:9:"), List.of("before"), at(CRASHED, "5:40:"), List.of("after")));
	}

	@Test
	void serversThatAnswerAlternatelyAreNotFollowed() {
		this.positions.add("a", current(SERVER, "5:10:", 8));
		assertThatIllegalStateException().isThrownBy(() -> validate(current(SERVER, "5:11:", 8), true, true));
		assertReads(Map.of(at(SERVER, "5:10:"), List.of("a")));
	}

	@Test
	void oneThatHasNotReadForLongerThanTheRetentionIsAtThePresentWithAGap() {
		this.positions.add("slow", current(SERVER, "5:10:", 8));
		this.positions.addAtLatest("fast");
		this.positions.advance(at(SERVER, "5:10:"), page("5:20:", 12), List.of("fast"));
		assertThat(this.positions.expire(SERVER, List.of("slow"), current(SERVER, "5:40:", 12)))
			.isEqualTo(new Gap<>(Reason.EXPIRED, List.of("slow")));
		assertReads(Map.of(at(SERVER, "5:40:"), List.of("slow"), at(SERVER, "5:20:"), List.of("fast")));
		assertThat(this.positions.state(ALL).lastGap()).isEqualTo(Reason.EXPIRED);
		assertThat(this.positions.addAtLatest("new")).isTrue();
		assertReads(Map.of(at(SERVER, "5:40:"), List.of("slow", "new"), at(SERVER, "5:20:"), List.of("fast")));
	}

	@Test
	void whileAnotherRunAnswersNothingExpires() {
		this.positions.add("slow", current(SERVER, "5:10:", 8));
		assertThat(this.positions.expire(SERVER, List.of("slow"), current(CRASHED, "5:40:", 12))).isNull();
		assertReads(Map.of(at(SERVER, "5:10:"), List.of("slow")));
	}

	private void assertReads(Map<ChangePosition, List<String>> expected) {
		assertThat(this.positions.reads(ALL)).isEqualTo(expected);
	}

	/**
	 * Read for all, who are at one position.
	 */
	private boolean read(String target, long... xacts) {
		Map.Entry<ChangePosition, List<String>> read = this.positions.reads(ALL).entrySet().iterator().next();
		return this.positions.advance(read.getKey(), page(target, xacts), read.getValue());
	}

	private @Nullable Gap<String> validate(CurrentPosition current, boolean hasLast, boolean hasAllRead) {
		return this.positions.validate(SERVER, true, new Found(current, hasLast, hasAllRead));
	}

	private static ChangePosition at(ServerRun server, String snapshot) {
		return ChangePosition.at(server, snapshot);
	}

	private static CurrentPosition current(ServerRun server, String snapshot, long last) {
		return new CurrentPosition(at(server, snapshot), watermark(last), true);
	}

	private static Watermark watermark(long last) {
		return new Watermark(identity(last), 0);
	}

	private static ChangeIdentity identity(long xact) {
		return new ChangeIdentity(xact, xact, CREATED);
	}

	private static ChangePage page(String target, long... xacts) {
		return page(target, null, xacts);
	}

	/**
	 * A page that was cut after its last change.
	 */
	private static ChangePage cut(String target, long... xacts) {
		long last = xacts[xacts.length - 1];
		return page(target, new Place(last, last), xacts);
	}

	private static ChangePage page(String target, @Nullable Place end, long... xacts) {
		List<ChangeRow> rows = new ArrayList<>();
		Arrays.stream(xacts)
			.forEach((xact) -> rows.add(new ChangeRow(xact, new Change("topic", "key", null, false, xact, CREATED))));
		Watermark watermark = (rows.isEmpty()) ? new Watermark(null, 0) : watermark(xacts[xacts.length - 1]);
		return new ChangePage(SERVER.startedAt(), SERVER.log(), target, watermark, false, false, rows, end);
	}

}
