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

package io.durablenotify.listener;

import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;
import io.durablenotify.schema.SchemaName;

/**
 * What the listener counts and times, beside its {@link ListenerState}.
 *
 * @param wakeupChannel the channel of wake-ups
 * @param probeChannel the channel of probes
 * @param attempts the attempts to listen
 * @param probes the probes
 * @param probe from sending a probe to receiving it
 * @param notifications the notifications that were received
 */
public record ListenerMeasures(String wakeupChannel, String probeChannel, Outcomes<Attempt, Tally> attempts,
		Outcomes<ProbeOutcome, Tally> probes, Timing probe, Outcomes<Channel, Tally> notifications) {

	/**
	 * Create measures that begin at 0.
	 * @param schema the schema by which the channels are named
	 */
	public ListenerMeasures(SchemaName schema) {
		this(schema.channel("wakeup"), schema.channel("probe"), Outcomes.counted(Attempt.class),
				Outcomes.counted(ProbeOutcome.class), new Timing(), Outcomes.counted(Channel.class));
	}

	void received(String channel) {
		Channel kind = channel.equals(this.wakeupChannel) ? Channel.WAKEUP
				: channel.equals(this.probeChannel) ? Channel.PROBE : Channel.USER;
		this.notifications.of(kind).increment();
	}

	/**
	 * The outcomes of an attempt to listen.
	 */
	public enum Attempt {

		/**
		 * A new connection listens.
		 */
		CONNECTED,

		/**
		 * There was no connection, or it did not listen.
		 */
		FAILED

	}

	/**
	 * The channels that are distinguished.
	 */
	public enum Channel {

		/**
		 * The channel of wake-ups.
		 */
		WAKEUP,

		/**
		 * The channel of probes, of all instances.
		 */
		PROBE,

		/**
		 * The application's channels together.
		 */
		USER

	}

}
