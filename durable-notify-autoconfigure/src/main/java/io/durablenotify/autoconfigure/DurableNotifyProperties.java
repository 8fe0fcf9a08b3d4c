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

package io.durablenotify.autoconfigure;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import io.durablenotify.wakeup.WakeupMode;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.util.unit.DataSize;

/**
 * Configuration properties for durable-notify.
 */
@ConfigurationProperties("durable-notify")
public class DurableNotifyProperties {

	/**
	 * Whether to enable durable-notify.
	 */
	private boolean enabled = true;

	private final DataSource dataSource = new DataSource();

	private final Schema schema = new Schema();

	private final Listener listener = new Listener();

	private final Poll poll = new Poll();

	private final Wakeup wakeup = new Wakeup();

	private final Streams streams = new Streams();

	private final Changes changes = new Changes();

	private final Events events = new Events();

	private final Delivery delivery = new Delivery();

	private final Sse sse = new Sse();

	public boolean isEnabled() {
		return this.enabled;
	}

	public void setEnabled(boolean enabled) {
		this.enabled = enabled;
	}

	public DataSource getDataSource() {
		return this.dataSource;
	}

	public Schema getSchema() {
		return this.schema;
	}

	public Listener getListener() {
		return this.listener;
	}

	public Poll getPoll() {
		return this.poll;
	}

	public Wakeup getWakeup() {
		return this.wakeup;
	}

	public Streams getStreams() {
		return this.streams;
	}

	public Changes getChanges() {
		return this.changes;
	}

	public Events getEvents() {
		return this.events;
	}

	public Delivery getDelivery() {
		return this.delivery;
	}

	public Sse getSse() {
		return this.sse;
	}

	/**
	 * DataSource properties.
	 */
	public static class DataSource {

		/**
		 * Whether a DataSource that routes leads to one database only, such as a primary
		 * and its replicas, and to the primary outside of read-only transactions.
		 */
		private boolean singleDatabase;

		public boolean isSingleDatabase() {
			return this.singleDatabase;
		}

		public void setSingleDatabase(boolean singleDatabase) {
			this.singleDatabase = singleDatabase;
		}

	}

	/**
	 * Schema properties.
	 */
	public static class Schema {

		/**
		 * Name of the schema that holds the tables. Lower-case letters, digits and
		 * underscores.
		 */
		private String name = "durable_notify";

		/**
		 * Whether to create and migrate the schema on startup, before the application's
		 * own migrations. If not, it must be there after them.
		 */
		private boolean migrate = true;

		public String getName() {
			return this.name;
		}

		public void setName(String name) {
			this.name = name;
		}

		public boolean isMigrate() {
			return this.migrate;
		}

		public void setMigrate(boolean migrate) {
			this.migrate = migrate;
		}

	}

	/**
	 * Listener properties.
	 */
	public static class Listener {

		/**
		 * Whether to listen for notifications. If not, everything runs on polling alone.
		 */
		private boolean enabled = true;

		/**
		 * Whether the application fails to start if the first connection cannot be made
		 * or hears nothing.
		 */
		private boolean failFast = true;

		/**
		 * Whether to use a socket that receives notifications without the driver's delay
		 * of one millisecond. Has no effect if the connection has a socket factory.
		 */
		private boolean promptSocket = true;

		/**
		 * JDBC URL of the connection that listens, which must reach PostgreSQL directly
		 * and not through a pooler in transaction mode. Defaults to the application's
		 * own.
		 */
		private @Nullable String url;

		/**
		 * Username of the connection that listens. Requires a URL. Without one, the
		 * application's own is used.
		 */
		private @Nullable String username;

		/**
		 * Password of the connection that listens. Requires a username. Without one, the
		 * application's own is used.
		 */
		private @Nullable String password;

		/**
		 * Application name of the connection that listens, as the server shows it.
		 * Defaults to "${spring.application.name}-listener".
		 */
		private @Nullable String applicationName;

		/**
		 * Time to wait for the connection, and for each statement on it. Rounded up to
		 * whole seconds. From 100ms to 1h.
		 */
		private Duration connectTimeout = Duration.ofSeconds(10);

		private final Backoff backoff = new Backoff();

		private final Probe probe = new Probe();

		public boolean isEnabled() {
			return this.enabled;
		}

		public void setEnabled(boolean enabled) {
			this.enabled = enabled;
		}

		public boolean isFailFast() {
			return this.failFast;
		}

		public void setFailFast(boolean failFast) {
			this.failFast = failFast;
		}

		public boolean isPromptSocket() {
			return this.promptSocket;
		}

		public void setPromptSocket(boolean promptSocket) {
			this.promptSocket = promptSocket;
		}

		public @Nullable String getUrl() {
			return this.url;
		}

		public void setUrl(@Nullable String url) {
			this.url = url;
		}

		public @Nullable String getUsername() {
			return this.username;
		}

		public void setUsername(@Nullable String username) {
			this.username = username;
		}

		public @Nullable String getPassword() {
			return this.password;
		}

		public void setPassword(@Nullable String password) {
			this.password = password;
		}

		public @Nullable String getApplicationName() {
			return this.applicationName;
		}

		public void setApplicationName(@Nullable String applicationName) {
			this.applicationName = applicationName;
		}

		public Duration getConnectTimeout() {
			return this.connectTimeout;
		}

		public void setConnectTimeout(Duration connectTimeout) {
			this.connectTimeout = connectTimeout;
		}

		public Backoff getBackoff() {
			return this.backoff;
		}

		public Probe getProbe() {
			return this.probe;
		}

		/**
		 * Delays between attempts to connect.
		 */
		public static class Backoff {

			/**
			 * Delay before the first attempt to connect again. From 5ms to 1h.
			 */
			private Duration delay = Duration.ofMillis(250);

			/**
			 * Multiplier of the delay from one attempt to the next. At least 1.
			 */
			private double multiplier = 2;

			/**
			 * Maximum delay between attempts. From 20ms to 1h.
			 */
			private Duration maxDelay = Duration.ofSeconds(30);

			/**
			 * Jitter of the first delay, which grows with the delay. Up to 1h.
			 */
			private Duration jitter = Duration.ofMillis(50);

			public Duration getDelay() {
				return this.delay;
			}

			public void setDelay(Duration delay) {
				this.delay = delay;
			}

			public double getMultiplier() {
				return this.multiplier;
			}

			public void setMultiplier(double multiplier) {
				this.multiplier = multiplier;
			}

			public Duration getMaxDelay() {
				return this.maxDelay;
			}

			public void setMaxDelay(Duration maxDelay) {
				this.maxDelay = maxDelay;
			}

			public Duration getJitter() {
				return this.jitter;
			}

			public void setJitter(Duration jitter) {
				this.jitter = jitter;
			}

		}

		/**
		 * Probe properties.
		 */
		public static class Probe {

			/**
			 * Time without a notification after which it is probed whether one from
			 * another connection is heard. From 50ms to 1d.
			 */
			private Duration interval = Duration.ofSeconds(10);

			/**
			 * Time within which the notification of a probe must be heard. The server is
			 * given as many whole seconds, rounded up, to answer. From 100ms to 1h.
			 */
			private Duration timeout = Duration.ofSeconds(5);

			public Duration getInterval() {
				return this.interval;
			}

			public void setInterval(Duration interval) {
				this.interval = interval;
			}

			public Duration getTimeout() {
				return this.timeout;
			}

			public void setTimeout(Duration timeout) {
				this.timeout = timeout;
			}

		}

	}

	/**
	 * Poll properties.
	 */
	public static class Poll {

		/**
		 * Interval at which tables are looked at regardless of notifications. From 50ms
		 * to 1d. Zero to turn polling off.
		 */
		private Duration interval = Duration.ofSeconds(5);

		/**
		 * Interval at which tables are looked at while the listener is not known to hear.
		 * From 50ms to 1d. Zero to use the regular interval.
		 */
		private Duration degradedInterval = Duration.ofSeconds(1);

		public Duration getInterval() {
			return this.interval;
		}

		public void setInterval(Duration interval) {
			this.interval = interval;
		}

		public Duration getDegradedInterval() {
			return this.degradedInterval;
		}

		public void setDegradedInterval(Duration degradedInterval) {
			this.degradedInterval = degradedInterval;
		}

	}

	/**
	 * Wake-up properties.
	 */
	public static class Wakeup {

		/**
		 * When to notify other instances of what was written.
		 */
		private WakeupMode mode = WakeupMode.AFTER_COMMIT;

		/**
		 * Maximum pause between two notifications of an instance. Up to 1m.
		 */
		private Duration maxGap = Duration.ofMillis(100);

		public WakeupMode getMode() {
			return this.mode;
		}

		public void setMode(WakeupMode mode) {
			this.mode = mode;
		}

		public Duration getMaxGap() {
			return this.maxGap;
		}

		public void setMaxGap(Duration maxGap) {
			this.maxGap = maxGap;
		}

	}

	/**
	 * Stream properties.
	 */
	public static class Streams {

		/**
		 * Maximum size of a chunk. From 1B to 512MB.
		 */
		private DataSize maxChunkSize = DataSize.ofMegabytes(1);

		/**
		 * Maximum number of chunks that a live reader holds for a slow handler. Up to
		 * 1000000.
		 */
		private int bufferSize = 2048;

		/**
		 * Maximum size of the chunks that a live reader holds for a slow handler. A
		 * single larger chunk is held nevertheless. From 1KB to 512MB.
		 */
		private DataSize bufferBytes = DataSize.ofMegabytes(1);

		/**
		 * Maximum size of the chunks that wait to be written. An append that finds no
		 * room waits, one that is asynchronous is refused. From the maximum size of a
		 * chunk to 64GB.
		 */
		private DataSize appendBuffer = DataSize.ofMegabytes(64);

		/**
		 * Time that a write waits for a stream that another transaction has locked. From
		 * 10ms to 1h.
		 */
		private Duration appendTimeout = Duration.ofSeconds(10);

		/**
		 * Time without a sign of life from its writer's instance after which a stream
		 * that is written with an appender fails. From 1s to 1d.
		 */
		private Duration lease = Duration.ofSeconds(30);

		/**
		 * Time after its end at which a stream is deleted. Without it, ended streams are
		 * kept. From 1s to 36500d.
		 */
		private @Nullable Duration retention;

		/**
		 * Families of streams by name. Each has a "prefix" and, where they differ from
		 * those of all streams, a "retention", a "buffer-size" and a "max-chunk-size".
		 */
		private Map<String, Family> families = new LinkedHashMap<>();

		public DataSize getMaxChunkSize() {
			return this.maxChunkSize;
		}

		public void setMaxChunkSize(DataSize maxChunkSize) {
			this.maxChunkSize = maxChunkSize;
		}

		public int getBufferSize() {
			return this.bufferSize;
		}

		public void setBufferSize(int bufferSize) {
			this.bufferSize = bufferSize;
		}

		public DataSize getBufferBytes() {
			return this.bufferBytes;
		}

		public void setBufferBytes(DataSize bufferBytes) {
			this.bufferBytes = bufferBytes;
		}

		public DataSize getAppendBuffer() {
			return this.appendBuffer;
		}

		public void setAppendBuffer(DataSize appendBuffer) {
			this.appendBuffer = appendBuffer;
		}

		public Duration getAppendTimeout() {
			return this.appendTimeout;
		}

		public void setAppendTimeout(Duration appendTimeout) {
			this.appendTimeout = appendTimeout;
		}

		public Duration getLease() {
			return this.lease;
		}

		public void setLease(Duration lease) {
			this.lease = lease;
		}

		public @Nullable Duration getRetention() {
			return this.retention;
		}

		public void setRetention(@Nullable Duration retention) {
			this.retention = retention;
		}

		public Map<String, Family> getFamilies() {
			return this.families;
		}

		public void setFamilies(Map<String, Family> families) {
			this.families = families;
		}

		/**
		 * Properties of a family of streams.
		 */
		public static class Family {

			/**
			 * Prefix of the names of the family's streams. Required.
			 */
			private @Nullable String prefix;

			/**
			 * Time after its end at which a stream of the family is deleted. Defaults to
			 * that of all streams. From 1s to 36500d.
			 */
			private @Nullable Duration retention;

			/**
			 * Maximum number of chunks that a live reader of the family holds for a slow
			 * handler. Defaults to that of all streams. Up to 1000000.
			 */
			private @Nullable Integer bufferSize;

			/**
			 * Maximum size of a chunk that a writer of the family takes. Defaults to that
			 * of all streams. From 1B to 512MB.
			 */
			private @Nullable DataSize maxChunkSize;

			public @Nullable String getPrefix() {
				return this.prefix;
			}

			public void setPrefix(@Nullable String prefix) {
				this.prefix = prefix;
			}

			public @Nullable Duration getRetention() {
				return this.retention;
			}

			public void setRetention(@Nullable Duration retention) {
				this.retention = retention;
			}

			public @Nullable Integer getBufferSize() {
				return this.bufferSize;
			}

			public void setBufferSize(@Nullable Integer bufferSize) {
				this.bufferSize = bufferSize;
			}

			public @Nullable DataSize getMaxChunkSize() {
				return this.maxChunkSize;
			}

			public void setMaxChunkSize(@Nullable DataSize maxChunkSize) {
				this.maxChunkSize = maxChunkSize;
			}

		}

	}

	/**
	 * Changes properties.
	 */
	public static class Changes {

		/**
		 * Time for which a change is kept from its commit on: an instance that was away
		 * for less hears of it when it is back. From 1s to 36500d.
		 */
		private Duration retention = Duration.ofHours(1);

		public Duration getRetention() {
			return this.retention;
		}

		public void setRetention(Duration retention) {
			this.retention = retention;
		}

	}

	/**
	 * Events properties.
	 */
	public static class Events {

		/**
		 * Maximum size of an event's payload. From 1B to 512MB.
		 */
		private DataSize maxPayloadSize = DataSize.ofMegabytes(1);

		/**
		 * Time that an append waits for a run that another transaction has locked. From
		 * 10ms to 1h.
		 */
		private Duration appendTimeout = Duration.ofSeconds(10);

		/**
		 * Types of the events that end a run.
		 */
		private List<String> terminalTypes = new ArrayList<>(List.of("run_completed", "run_failed", "run_cancelled"));

		/**
		 * Time after its end at which a run is deleted. Without it, runs are kept. From
		 * 1s to 36500d.
		 */
		private @Nullable Duration retention;

		public List<String> getTerminalTypes() {
			return this.terminalTypes;
		}

		public void setTerminalTypes(List<String> terminalTypes) {
			this.terminalTypes = terminalTypes;
		}

		public @Nullable Duration getRetention() {
			return this.retention;
		}

		public void setRetention(@Nullable Duration retention) {
			this.retention = retention;
		}

		public DataSize getMaxPayloadSize() {
			return this.maxPayloadSize;
		}

		public void setMaxPayloadSize(DataSize maxPayloadSize) {
			this.maxPayloadSize = maxPayloadSize;
		}

		public Duration getAppendTimeout() {
			return this.appendTimeout;
		}

		public void setAppendTimeout(Duration appendTimeout) {
			this.appendTimeout = appendTimeout;
		}

	}

	/**
	 * Delivery properties.
	 */
	public static class Delivery {

		/**
		 * Maximum number of threads that call handlers. Has no effect if virtual threads
		 * are enabled. From 1 to 10000.
		 */
		private int maxThreads = 256;

		public int getMaxThreads() {
			return this.maxThreads;
		}

		public void setMaxThreads(int maxThreads) {
			this.maxThreads = maxThreads;
		}

	}

	/**
	 * Server-sent events properties.
	 */
	public static class Sse {

		/**
		 * Time without an event after which a comment is sent. From 50ms to 1d.
		 */
		private Duration heartbeatInterval = Duration.ofSeconds(15);

		public Duration getHeartbeatInterval() {
			return this.heartbeatInterval;
		}

		public void setHeartbeatInterval(Duration heartbeatInterval) {
			this.heartbeatInterval = heartbeatInterval;
		}

	}

}
