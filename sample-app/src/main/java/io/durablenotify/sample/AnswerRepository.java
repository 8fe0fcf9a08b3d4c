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

package io.durablenotify.sample;

import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/**
 * The application's own table, which the application's own Flyway migrates.
 */
@Repository
class AnswerRepository {

	private final JdbcClient jdbc;

	AnswerRepository(JdbcClient jdbc) {
		this.jdbc = jdbc;
	}

	void insert(Answer answer) {
		this.jdbc.sql("insert into answers (id, title, created_at) values (?, ?, ?)")
			.params(answer.id(), answer.title(), answer.createdAt().atOffset(ZoneOffset.UTC))
			.update();
	}

	boolean exists(UUID id) {
		return this.jdbc.sql("select exists (select from answers where id = ?)")
			.param(id)
			.query(Boolean.class)
			.single();
	}

	List<Answer> findLatest(int limit) {
		return this.jdbc.sql("select id, title, created_at from answers order by created_at desc, id limit ?")
			.param(limit)
			.query(Answer.class)
			.list();
	}

}
