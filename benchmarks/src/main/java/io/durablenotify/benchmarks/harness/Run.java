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

package io.durablenotify.benchmarks.harness;

/**
 * What a figure is given.
 *
 * @param options what the run is asked to do
 * @param server the server
 * @param rounds how many rounds count
 * @param withFloor whether floors are measured
 */
public record Run(Options options, PostgresServer server, int rounds, boolean withFloor) {

	public Run(Options options, PostgresServer server) {
		this(options, server, options.rounds(), true);
	}

	/**
	 * Return the same with one round, in which our side only is measured.
	 */
	Run onceWithoutFloor() {
		return new Run(this.options, this.server, 1, false);
	}

	public Size size() {
		return this.options.size();
	}

	/**
	 * Create a database with the schema of durable-notify and a raw table beside it.
	 */
	public Database createDatabase() {
		return this.server.createDatabase();
	}

}
