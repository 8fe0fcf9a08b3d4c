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

package io.durablenotify.benchmarks.peer;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Sql;
import io.durablenotify.benchmarks.harness.Throughput;
import org.postgresql.jdbc.PgConnection;

import org.springframework.core.io.ClassPathResource;
import org.springframework.core.io.support.EncodedResource;
import org.springframework.integration.jdbc.channel.PostgresChannelMessageTableSubscriber;
import org.springframework.integration.jdbc.channel.PostgresSubscribableChannel;
import org.springframework.integration.jdbc.store.JdbcChannelMessageStore;
import org.springframework.integration.jdbc.store.channel.PostgresChannelMessageStoreQueryProvider;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.init.ScriptUtils;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageHandler;
import org.springframework.messaging.support.GenericMessage;
import org.springframework.context.support.StaticApplicationContext;

/**
 * Spring Integration's {@link PostgresSubscribableChannel}. A message is gone when it was
 * handled: what is read is a backlog.
 */
final class SpringIntegrationPeer implements Peer {

	private static final String NOTIFY = """
			CREATE FUNCTION int_channel_message_notify_fct() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				PERFORM pg_notify('int_channel_message_notify', NEW.region || ' ' || NEW.group_key);
				RETURN NEW;
			END $$;
			CREATE TRIGGER int_channel_message_notify_trg AFTER INSERT ON int_channel_message
				FOR EACH ROW EXECUTE PROCEDURE int_channel_message_notify_fct()
			""";

	private final StaticApplicationContext context = new StaticApplicationContext();

	/**
	 * One thread: with more of them messages come in any order.
	 */
	private final ExecutorService executor = Executors.newSingleThreadExecutor();

	private final AtomicInteger groups = new AtomicInteger();

	private final HikariDataSource dataSource;

	private final JdbcChannelMessageStore store;

	private final PostgresChannelMessageTableSubscriber subscriber;

	/**
	 * Start.
	 * @param database the database, in which tables are created
	 * @param url the way there
	 */
	SpringIntegrationPeer(Database database, String url) throws SQLException {
		createTables(database);
		this.context.refresh();
		this.dataSource = new HikariDataSource();
		this.dataSource.setJdbcUrl(url);
		this.store = new JdbcChannelMessageStore(this.dataSource);
		this.store.setChannelMessageStoreQueryProvider(new PostgresChannelMessageStoreQueryProvider());
		this.store.afterPropertiesSet();
		this.subscriber = new PostgresChannelMessageTableSubscriber(
				() -> DriverManager.getConnection(url).unwrap(PgConnection.class));
		this.subscriber.start();
	}

	private static void createTables(Database database) throws SQLException {
		try (Connection connection = database.connect()) {
			ScriptUtils.executeSqlScript(connection, new EncodedResource(
					new ClassPathResource("org/springframework/integration/jdbc/schema-postgresql.sql")));
		}
		database.execute(NOTIFY);
	}

	PostgresSubscribableChannel newChannel() {
		PostgresSubscribableChannel channel = new PostgresSubscribableChannel(this.store,
				"group-" + this.groups.incrementAndGet(), this.subscriber);
		channel.setBeanFactory(this.context);
		channel.setTransactionManager(new DataSourceTransactionManager(this.dataSource));
		channel.setDispatcherExecutor(this.executor);
		channel.afterPropertiesSet();
		return channel;
	}

	@Override
	public double append(int writers, Duration time) throws Exception {
		byte[] chunk = Payload.chunk();
		List<PostgresSubscribableChannel> channels = new ArrayList<>();
		for (int i = 0; i < writers; i++) {
			channels.add(newChannel());
		}
		Throughput.Done done = Throughput.of(writers, time.dividedBy(3), time,
				(thread) -> channels.get(thread).send(new GenericMessage<>(chunk)));
		try (Connection connection = this.dataSource.getConnection()) {
			Check.equal("messages", done.count(), Sql.number(connection, "SELECT count(*) FROM int_channel_message"));
			connection.createStatement().execute("TRUNCATE int_channel_message");
		}
		return done.perSecond();
	}

	@Override
	public Latency latency(int count, int perSecond) throws Exception {
		Arrivals arrivals = new Arrivals(count);
		PostgresSubscribableChannel channel = newChannel();
		MessageHandler handler = (message) -> arrivals.received(stamp(message));
		channel.subscribe(handler);
		new Pace(count, perSecond).run((i) -> channel.send(new GenericMessage<>(Payload.stamped(System.nanoTime()))));
		Latency latency = arrivals.await();
		channel.unsubscribe(handler);
		return latency;
	}

	private static long stamp(Message<?> message) {
		return Payload.stamp((byte[]) message.getPayload());
	}

	@Override
	public double read(int chunks) throws Exception {
		PostgresSubscribableChannel channel = newChannel();
		byte[] chunk = Payload.chunk();
		for (int i = 0; i < chunks; i++) {
			channel.send(new GenericMessage<>(chunk));
		}
		CountDownLatch missing = new CountDownLatch(chunks);
		MessageHandler handler = (message) -> missing.countDown();
		long start = System.nanoTime();
		channel.subscribe(handler);
		channel.notifyUpdate();
		Check.that(missing.await(120, TimeUnit.SECONDS), "missing: " + missing.getCount());
		double perSecond = chunks * 1e9 / (System.nanoTime() - start);
		channel.unsubscribe(handler);
		return perSecond;
	}

	/**
	 * It would try forever to get a connection of a pool that is closed.
	 */
	private void awaitDispatched() {
		this.executor.shutdown();
		try {
			Check.that(this.executor.awaitTermination(60, TimeUnit.SECONDS), "Messages are still being dispatched");
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	@Override
	public void close() {
		this.subscriber.stop();
		awaitDispatched();
		this.dataSource.close();
		this.context.close();
	}

}
