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

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;

/**
 * Holds the queue of an instance's appends with one that the server does not finish, so
 * that those that follow share a batch.
 */
final class AppendGate implements AutoCloseable {

	private final Connection holder;

	private final CompletableFuture<Long> append;

	private AppendGate(Connection holder, CompletableFuture<Long> append) {
		this.holder = holder;
		this.append = append;
	}

	/**
	 * Add what a gate needs to a database, and further data that the server refuses:
	 * {@code bad} and {@code clash} (a unique violation elsewhere), or does not finish
	 * with: {@code hang}.
	 */
	static void install(TestDatabase database) {
		database.jdbc().execute("""
				CREATE TABLE public.unique_words (word text PRIMARY KEY);
				INSERT INTO public.unique_words VALUES ('clash');
				CREATE FUNCTION public.on_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
				DECLARE word text := convert_from(NEW.data, 'UTF8');
				BEGIN
					IF word = 'gate' THEN
						-- Not by waiting for the lock, which has its limit
						WHILE NOT pg_try_advisory_xact_lock(4711) LOOP PERFORM pg_sleep(0.005); END LOOP;
					ELSIF word = 'hang' THEN PERFORM pg_sleep(60);
					ELSIF word = 'bad' THEN RAISE EXCEPTION 'refused by a trigger';
					ELSIF word = 'clash' THEN INSERT INTO public.unique_words VALUES (word);
					END IF;
					RETURN NEW;
				END $$;
				CREATE TRIGGER on_chunk BEFORE INSERT ON durable_notify.stream_chunks FOR EACH ROW
					WHEN (NEW.data IN ('gate', 'hang', 'bad', 'clash')) EXECUTE FUNCTION public.on_chunk()
				""");
	}

	/**
	 * Hold the queue, until this is closed.
	 */
	static AppendGate hold(TestDatabase database, Instance instance) throws SQLException {
		Connection holder = DriverManager.getConnection(database.url());
		execute(holder, "SELECT pg_advisory_lock(4711)");
		AppendGate gate = new AppendGate(holder, Background.supply(() -> instance.writer().append("gate", "gate")));
		Eventually.await(() -> isHeld(database), instance::context);
		return gate;
	}

	private static boolean isHeld(TestDatabase database) {
		return database.jdbc()
			.queryForObject("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
					+ "AND datname = current_database())", Boolean.class);
	}

	private static void execute(Connection connection, String sql) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

	@Override
	public void close() throws Exception {
		execute(this.holder, "SELECT pg_advisory_unlock_all()");
		this.holder.close();
		this.append.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
	}

}
