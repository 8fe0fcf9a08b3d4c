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

import java.util.concurrent.Executor;

import io.durablenotify.log.LogMeasures;
import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.instance.LeaseProperties;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.TakeOver;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.RequiresPostgres;
import io.durablenotify.schema.Schema;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.stream.append.AppendMeasures;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.stream.append.AppendPipeline.Limits;
import io.durablenotify.stream.append.AppendWrite;
import io.durablenotify.stream.append.StreamEndSql;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.wakeup.PublishingWrites;
import org.apache.commons.logging.LogFactory;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/**
 * The beans of streams. Those of families are registered by
 * {@link StreamFamilyRegistrar}.
 */
@Configuration(proxyBeanMethods = false)
@RequiresPostgres
@Import({ StreamFamilyRegistrar.class, ConsumerConfiguration.class })
public class StreamConfiguration {

	@Bean
	StreamStore durableNotifyStreamStore(Schema schema) {
		return new PostgresStreamStore(schema.name());
	}

	@Bean
	StreamCatalog durableNotifyStreamCatalog(Schema schema) {
		return new StreamCatalog(schema.name());
	}

	@Bean
	Lifecycle durableNotifyStreamJanitor(ApplicationDatabase database, Schema schema, AppenderStore appenders,
			PublishingWrites writes, StreamProperties properties) {
		return new StreamJanitor(database, new PostgresStreamCleanup(schema.name()), appenders, writes,
				StreamRetention.of(properties.retention(), properties.families().values()), StreamJanitor.INTERVAL);
	}

	/**
	 * A child context counts into those of its parent, which has the meters.
	 */
	@Bean
	@ConditionalOnMissingBean
	LogMeasures durableNotifyReaderMeasures(StreamProperties properties) {
		return new LogMeasures(properties.families().keySet());
	}

	/**
	 * A child context counts into those of its parent, which has the meters.
	 */
	@Bean
	@ConditionalOnMissingBean
	AppendMeasures durableNotifyAppendMeasures() {
		return new AppendMeasures();
	}

	@Bean
	LogSubscriptions<Chunk> durableNotifyLiveReaders(ApplicationDatabase database, StreamStore store,
			StreamProperties properties, @Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor,
			Wakeups wakeups, Poll poll, LogMeasures measures) {
		return new LogSubscriptions<>(TailedStream.KIND, store, properties.bufferBytes().toBytes(), database, executor,
				wakeups, poll, measures);
	}

	@Bean
	@ConditionalOnMissingBean
	StreamReader durableNotifyStreamReader(ApplicationDatabase database, StreamStore store, StreamCatalog catalog,
			LogSubscriptions<Chunk> readers, OpenConsumers consumers, StreamProperties properties) {
		return new DefaultStreamReader(database, store, catalog, readers, consumers, StreamScope.of(properties));
	}

	static StreamReader familyReader(String family, ApplicationDatabase database, StreamStore store,
			StreamCatalog catalog, LogSubscriptions<Chunk> readers, OpenConsumers consumers,
			StreamProperties properties) {
		return new DefaultStreamReader(database, store, catalog, readers, consumers,
				StreamScope.of(properties, family));
	}

	@Bean
	StreamEndSql durableNotifyStreamEndSql(Schema schema) {
		return new StreamEndSql(schema.name());
	}

	@Bean
	AppendWrite durableNotifyAppendWrite(Schema schema, StreamEndSql ends, PublishingWrites writes,
			LogSubscriptions<Chunk> readers, AppendMeasures measures) {
		return new AppendWrite(TailedStream.TOPIC, schema.name(), ends, writes, new ChunkHandOver(readers), measures,
				LogFactory.getLog(StreamWriter.class));
	}

	@Bean
	AppendPipeline durableNotifyAppendPipeline(ApplicationDatabase database, AppendWrite write,
			StreamProperties properties, @Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor) {
		return new AppendPipeline(database, write,
				new Limits(properties.appendTimeout(), properties.appendBuffer().toBytes()), executor,
				WriteFailures::requireStored, LogFactory.getLog(StreamWriter.class));
	}

	@Bean
	AppenderStore durableNotifyAppenderStore(Schema schema) {
		return new AppenderStore(schema.name());
	}

	@Bean
	TakeOver durableNotifyStreamTakeOver(AppenderStore store) {
		return new StreamTakeOver(store);
	}

	@Bean
	OpenAppenders durableNotifyOpenAppenders(ApplicationDatabase database, AppenderStore store, PublishingWrites writes,
			AppendPipeline pipeline, Instances instances, LeaseProperties leases, Wakeups wakeups, Poll poll,
			@Qualifier(DeliveryConfiguration.HANDLERS_BEAN_NAME) Executor executor, StreamProperties properties,
			ConfigurableListableBeanFactory beanFactory, ObjectProvider<Observations> observations) {
		WriterShutdownOrder.destroyBefore("durableNotifyOpenAppenders", beanFactory);
		return new OpenAppenders(database, store, writes, pipeline, instances, leases, wakeups, poll, executor,
				properties, Observations.of(observations));
	}

	@Bean
	@ConditionalOnMissingBean
	StreamWriter durableNotifyStreamWriter(ApplicationDatabase database, StreamCatalog catalog, PublishingWrites writes,
			AppendWrite write, StreamEndSql ends, AppendPipeline pipeline, AppenderStore appenderStore,
			OpenAppenders appenders, StreamProperties properties) {
		return new DefaultStreamWriter(database, catalog, writes, write, ends, pipeline, appenderStore, appenders,
				properties, StreamScope.of(properties));
	}

	static StreamWriter familyWriter(String family, ApplicationDatabase database, StreamCatalog catalog,
			PublishingWrites writes, AppendWrite write, StreamEndSql ends, AppendPipeline pipeline,
			AppenderStore appenderStore, OpenAppenders appenders, StreamProperties properties) {
		return new DefaultStreamWriter(database, catalog, writes, write, ends, pipeline, appenderStore, appenders,
				properties, StreamScope.of(properties, family));
	}

}
