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

/**
 * The outcome of cancelling an item.
 */
public enum CancelOutcome {

	/**
	 * The item is removed, and no instance had claimed it.
	 */
	CANCELLED,

	/**
	 * The item is removed after an instance had claimed it. Its handler does not begin
	 * any more, or its completion fails.
	 */
	CANCELLED_WHILE_RUNNING,

	/**
	 * There is no item with this key: it is completed, or never existed.
	 */
	NOT_FOUND

}
