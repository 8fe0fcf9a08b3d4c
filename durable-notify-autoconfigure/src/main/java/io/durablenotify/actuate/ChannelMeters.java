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

import io.durablenotify.channel.ChannelDelivery;

/**
 * The meters of direct channels.
 *
 * @param delivery the delivery of their messages
 */
record ChannelMeters(ChannelDelivery delivery) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.gauge(DurableNotifyMeters.CHANNELS_RECEIVERS, this.delivery, ChannelDelivery::receivers);
		registrar.counter(DurableNotifyMeters.CHANNELS_RECEIVED, this.delivery.received());
	}

}
