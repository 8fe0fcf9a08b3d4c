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

import io.durablenotify.loop.FailureLog;
import io.durablenotify.work.HeldItem.Completion;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Returned.Kind;
import io.durablenotify.work.Settlement.Fail;
import io.durablenotify.work.Settlement.Postpone;
import io.durablenotify.work.Settlement.TakeBack;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Counts and logs what has become of attempts.
 */
final class SettlementOutcomes {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	private final WorkMeasures measures;

	SettlementOutcomes(WorkMeasures measures) {
		this.measures = measures;
	}

	void count(HeldClaim claim, Finish finish) {
		this.measures.of(claim.queue().name()).finished().of(finish).increment();
	}

	/**
	 * The database has answered to a settlement.
	 */
	void report(SettlementEntry entry, Returned returned) {
		Settlement settlement = entry.settlement();
		HeldItem item = settlement.item();
		if (item == null || settlement instanceof TakeBack) {
			return;
		}
		boolean lost = returned.kind() == Kind.LOST;
		boolean stored = lost && entry.isStoredAlready(item);
		Finish finish = (stored) ? intended(settlement, item) : finish(settlement, returned.kind());
		count(settlement.claim(), finish);
		if (settlement instanceof Fail fail && fail.dead()) {
			logLast(fail, finish);
		}
		if (lost && !stored && !item.cancelRequested()) {
			logger.warn(refused(item));
		}
	}

	/**
	 * A settlement is not written, since the lease is lost.
	 */
	void leaseLost(Settlement settlement) {
		HeldItem item = settlement.item();
		if (item != null && !(settlement instanceof TakeBack)) {
			count(settlement.claim(), Finish.LOST);
			if (item.isLost()) {
				logger.warn(refused(item));
			}
			else {
				logger.debug(refused(item));
			}
		}
		logTrace(settlement);
	}

	private static String refused(HeldItem item) {
		return ("The outcome of %s was not stored: it was cancelled, or another instance has taken it over and handles it "
				+ "again")
			.formatted(item);
	}

	private static Finish finish(Settlement settlement, Kind kind) {
		return switch (kind) {
			case LOST -> Finish.LOST;
			case DEAD -> Finish.DEAD;
			case DONE -> Finish.DONE;
			case AGAIN -> (settlement instanceof Fail) ? Finish.RETRIED
					: (settlement instanceof Postpone) ? Finish.POSTPONED : Finish.DONE;
		};
	}

	/**
	 * Return what becomes of an attempt whose outcome is stored.
	 */
	private static Finish intended(Settlement settlement, HeldItem item) {
		if (item.completion() == Completion.UNKNOWN) {
			return item.finish();
		}
		return finish(settlement, (settlement instanceof Fail fail && fail.dead()) ? Kind.DEAD : Kind.AGAIN);
	}

	/**
	 * Log what has become of an item whose last attempt has failed.
	 */
	private static void logLast(Fail fail, Finish finish) {
		if (finish != Finish.DEAD && finish != Finish.RETRIED) {
			if (finish == Finish.LOST) {
				logTrace(fail);
			}
			return;
		}
		String line = ((finish == Finish.DEAD) ? "The %s is dead after attempt %d: %s"
				: "The %s has failed in attempt %d, its last, but is tried again, since another request for its key came "
						+ "in the meantime: %s")
			.formatted(fail.item(), fail.item().attempt(), fail.error());
		if (fail.trace() != null) {
			FailureLog.log(logger::warn, line, fail.trace());
		}
		else {
			logger.warn(line);
		}
	}

	/**
	 * Log the stack trace of a last attempt whose outcome is not stored.
	 */
	static void logTrace(Settlement settlement) {
		if (settlement instanceof Fail fail && fail.trace() != null) {
			FailureLog.log(logger::warn, WorkInvoker.attempt(fail.item()), fail.trace());
		}
	}

}
