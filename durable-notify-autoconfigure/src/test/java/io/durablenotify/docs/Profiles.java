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

package io.durablenotify.docs;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.docs.CacheRecipeTests.Profile;
import io.durablenotify.docs.CacheRecipeTests.ProfileRepository;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;

// tag::class[]
@Service
class Profiles {

	private final ProfileRepository repository;

	private final ChangeNotifier changes;

	private final JdbcClient jdbc;

	private final TransactionTemplate newTransaction;

	private final Map<String, Profile> cache = new ConcurrentHashMap<>();

	Profiles(ProfileRepository repository, ChangeNotifier changes, JdbcClient jdbc,
			PlatformTransactionManager transactionManager) {
		this.repository = repository;
		this.changes = changes;
		this.jdbc = jdbc;
		this.newTransaction = new TransactionTemplate(transactionManager);
		this.newTransaction.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
	}

	Profile find(String id) {
		return this.cache.computeIfAbsent(id, (key) -> this.newTransaction.execute((status) -> read(key)));
	}

	private Profile read(String id) {
		return this.jdbc.sql("SELECT id, name FROM profiles WHERE id = ?").param(id).query(Profile.class).single();
	}

	// tag::changes[]
	@Transactional
	void save(Profile profile) {
		this.repository.save(profile);
		this.changes.publish("profiles", profile.id());
	}

	@ChangeListener(topics = "profiles")
	void on(Change change) {
		this.cache.remove(change.key());
	}

	@ChangeListener(topics = "profiles")
	void on(ChangeGap gap) { // changes may have been missed
		this.cache.clear();
	}
	// end::changes[]

}
// end::class[]
