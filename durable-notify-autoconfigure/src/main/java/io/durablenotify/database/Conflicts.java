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

import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

import org.jspecify.annotations.Nullable;

/**
 * Repeats what failed because of another transaction at the same time. That happens by a
 * deadlock, and at REPEATABLE READ and SERIALIZABLE, which a pool or a role can set for
 * all transactions.
 */
public final class Conflicts {

	private static final int MAX_ATTEMPTS = 20;

	private Conflicts() {
	}

	/**
	 * Another transaction that comes at once again would win each time.
	 */
	private static void giveWay(int attempt) {
		long longest = Duration.ofMillis(attempt).toNanos();
		LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(longest));
	}

	/**
	 * Return work that is repeated outside the caller's transaction after a serialization
	 * failure or a deadlock, up to 20 times.
	 * @param <T> the result's type
	 * @param work statements that are one transaction
	 * @return the work, which fails in the caller's transaction as before
	 */
	public static <T extends @Nullable Object> SessionWork<T> repeat(SessionWork<T> work) {
		return repeat(work, SqlErrors::isSerializationFailure);
	}

	/**
	 * Return work that is repeated outside the caller's transaction after some failures,
	 * up to 20 times.
	 * @param <T> the result's type
	 * @param work statements that are one transaction
	 * @param conflicts the failures after which nothing is stored, and a repetition can
	 * succeed
	 * @return the work, which fails in the caller's transaction as before
	 */
	public static <T extends @Nullable Object> SessionWork<T> repeat(SessionWork<T> work,
			Predicate<SQLException> conflicts) {
		return (connection, joined) -> {
			for (int attempt = 1;; attempt++) {
				try {
					return work.run(connection, joined);
				}
				catch (SQLException ex) {
					if (joined || attempt == MAX_ATTEMPTS || !conflicts.test(ex)) {
						throw ex;
					}
					giveWay(attempt);
				}
			}
		};
	}

}
