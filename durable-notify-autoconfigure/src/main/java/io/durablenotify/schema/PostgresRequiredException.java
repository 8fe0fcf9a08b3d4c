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

package io.durablenotify.schema;

/**
 * Thrown when a bean is needed that requires PostgreSQL, and the DataSource leads to
 * another database.
 */
public final class PostgresRequiredException extends RuntimeException {

	private final DatabaseProduct product;

	/**
	 * Create a new instance.
	 * @param product what the DataSource leads to
	 */
	public PostgresRequiredException(DatabaseProduct product) {
		super(message("durable-notify's tables", product, "need"));
		this.product = product;
	}

	/**
	 * Return the message for one bean.
	 * @param bean what was asked for
	 * @return the message
	 */
	public String getMessage(String bean) {
		return message(bean, this.product, "needs");
	}

	private static String message(String who, DatabaseProduct product, String need) {
		return "%s %s PostgreSQL; the DataSource is %s. ChangeNotifier works there within one JVM.".formatted(who, need,
				product.description());
	}

}
