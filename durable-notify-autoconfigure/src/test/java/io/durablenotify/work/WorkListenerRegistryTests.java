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

package io.durablenotify.work;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.instance.Instances;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.Schema;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.wakeup.Wakeups;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

/**
 * Tests for {@link WorkListenerRegistry}.
 */
class WorkListenerRegistryTests {

	@Fixture
	private static Instance instance;

	@Test
	void aListenerThatWaitsForALeaseDoesNotHoldUpWhatIsGivenBack() {
		CountDownLatch asked = new CountDownLatch(1);
		CountDownLatch goOn = new CountDownLatch(1);
		Instances instances = mock(Instances.class);
		when(instances.lease(any())).thenAnswer((invocation) -> {
			asked.countDown();
			goOn.await(60, TimeUnit.SECONDS);
			return instance.bean(Instances.class).lease(invocation.getArgument(0));
		});
		ApplicationDatabase application = instance.bean(ApplicationDatabase.class);
		SchemaName schema = instance.bean(Schema.class).name();
		try (WorkListenerRegistry registry = new WorkListenerRegistry(application, new ClaimSql(schema),
				new SettleSql(schema), instances, instance.bean(Wakeups.class), Background::run,
				new HandlerTransactions(instance.context(), application), instance.bean(WorkProperties.class),
				instance.bean(WorkMeasures.class), Observations.NONE)) {
			registry.register(WorkListenerSpec.of("queue"), (item) -> WorkOutcome.done());
			registry.start();
			Eventually.await(() -> asked.getCount() == 0, registry::toString);
			try {
				assertThat(Background.supply(registry::giveBackUnknown)).succeedsWithin(Eventually.TIMEOUT)
					.isEqualTo(true);
			}
			finally {
				goOn.countDown();
				registry.stop();
			}
		}
	}

}
