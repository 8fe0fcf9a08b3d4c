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

import org.springframework.dao.ConcurrencyFailureException;

/**
 * Thrown when an instance completes an item that it does not hold any more. Another
 * instance has taken it over, or it was cancelled. The transaction must roll back.
 */
@SuppressWarnings("serial")
public final class WorkLeaseLostException extends ConcurrencyFailureException {

	/**
	 * Create a new instance.
	 * @param message what was lost
	 */
	public WorkLeaseLostException(String message) {
		super(message);
	}

}
