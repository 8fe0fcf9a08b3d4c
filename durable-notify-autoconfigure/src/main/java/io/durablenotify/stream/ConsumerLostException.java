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

import org.springframework.dao.ConcurrencyFailureException;

/**
 * Thrown when an instance stores the position of a consumer that it does not own any
 * more. Another instance has taken it over, or it was removed. The transaction must roll
 * back.
 */
@SuppressWarnings("serial")
public final class ConsumerLostException extends ConcurrencyFailureException {

	ConsumerLostException(String consumer) {
		super(("Consumer '%s' is not this instance's any more: another one has taken it over, or it was removed. The "
				+ "position is not stored, and the transaction must roll back")
			.formatted(consumer));
	}

}
