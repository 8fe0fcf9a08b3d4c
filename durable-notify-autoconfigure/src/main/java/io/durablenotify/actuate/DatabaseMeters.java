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

/**
 * The meters of the database.
 *
 * @param sampler asks the database
 */
record DatabaseMeters(DatabaseSampler sampler) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.timeGauge(DurableNotifyMeters.DATABASE_SAMPLE_AGE, this.sampler, DatabaseSampler::age);
		registrar.gauge(DurableNotifyMeters.DATABASE_NOTIFICATION_QUEUE, this.sampler,
				(sampler) -> sampler.last().notificationQueue());
		registrar.timeGauge(DurableNotifyMeters.DATABASE_OLDEST_TRANSACTION, this.sampler,
				(sampler) -> sampler.last().oldestTransaction());
		registrar.timeGauge(DurableNotifyMeters.DATABASE_CLOCK_DIFFERENCE, this.sampler,
				(sampler) -> sampler.last().clockDifference());
		registrar.gauge(DurableNotifyMeters.CLEANUP_BACKLOG, this.sampler,
				(sampler) -> sampler.last().deletedStreams());
		for (String table : DurableNotifyMeters.DATABASE_TABLE_SIZE.tags().get(0).values()) {
			registrar.gauge(DurableNotifyMeters.DATABASE_TABLE_SIZE, this.sampler,
					(sampler) -> sampler.last().table(table).bytes(), table);
			registrar.gauge(DurableNotifyMeters.DATABASE_TABLE_DEAD, this.sampler,
					(sampler) -> sampler.last().table(table).dead(), table);
		}
	}

}
