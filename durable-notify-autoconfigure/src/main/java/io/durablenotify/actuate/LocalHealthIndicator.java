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

package io.durablenotify.actuate;

import io.durablenotify.schema.DatabaseProduct;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;

/**
 * {@link HealthIndicator} where the database is not PostgreSQL. Nothing can be down, and
 * the details name the database.
 */
final class LocalHealthIndicator extends AbstractHealthIndicator {

	private final DatabaseProduct product;

	LocalHealthIndicator(DatabaseProduct product) {
		this.product = product;
	}

	@Override
	protected void doHealthCheck(Health.Builder builder) {
		builder.up().withDetail("database", this.product.description()).withDetail("delivery", "within this JVM");
	}

}
