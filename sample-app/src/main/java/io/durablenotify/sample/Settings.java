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

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * The settings of the application: rows of a table, which each instance keeps in memory.
 * A change is published in the transaction that makes it, and has all instances drop what
 * they keep.
 */
@Service
class Settings {

	static final String TOPIC = "settings";

	static final String PAUSE = "pause";

	private final JdbcClient jdbc;

	private final TransactionTemplate transaction;

	private final TransactionTemplate newTransaction;

	private final ChangeNotifier changes;

	private final Map<String, String> defaults;

	private final Map<String, String> kept = new ConcurrentHashMap<>();

	Settings(JdbcClient jdbc, PlatformTransactionManager transactionManager, ChangeNotifier changes,
			SampleProperties properties) {
		this.jdbc = jdbc;
		this.transaction = new TransactionTemplate(transactionManager);
		this.newTransaction = new TransactionTemplate(transactionManager);
		this.newTransaction.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
		this.changes = changes;
		this.defaults = Map.of(PAUSE, String.valueOf(properties.pause().toMillis()));
	}

	/**
	 * Return the pause after each word of an answer.
	 */
	Duration pause() {
		return Duration.ofMillis(Long.parseLong(get(PAUSE)));
	}

	boolean has(String name) {
		return this.defaults.containsKey(name);
	}

	String get(String name) {
		// The listener waits here for a value that is being read at this moment. With a
		// separate get and put, an old value could be kept forever. So could one that
		// is read in a transaction that has begun before the change.
		return this.kept.computeIfAbsent(name, (key) -> this.newTransaction.execute((status) -> read(key)));
	}

	private String read(String name) {
		return this.jdbc.sql("select value from settings where name = ?")
			.param(name)
			.query(String.class)
			.optional()
			.orElseGet(() -> this.defaults.get(name));
	}

	void set(String name, String value) {
		this.transaction.executeWithoutResult((status) -> {
			this.jdbc.sql(
					"insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value")
				.params(name, value)
				.update();
			this.changes.publish(TOPIC, name);
		});
		// The listener below is called in a moment. The caller sees its value now.
		this.kept.remove(name);
	}

	/**
	 * A setting was changed, in this instance or another one.
	 */
	@ChangeListener(topics = TOPIC)
	void drop(Change change) {
		this.kept.remove(change.key());
	}

	/**
	 * Changes may have been missed, and it is unknown which.
	 */
	@ChangeListener(topics = TOPIC)
	void dropAll(ChangeGap gap) {
		this.kept.clear();
	}

}
