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

package io.durablenotify.observation;

import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;

/**
 * Observes what features do. Without Micrometer nothing is observed, and nothing
 * allocated. No method fails.
 */
public interface Observations {

	/**
	 * Observes nothing.
	 */
	Observations NONE = new Observations() {
	};

	/**
	 * Return those of the application.
	 * @param observations the bean, if there is one
	 * @return the bean, or {@link #NONE}
	 */
	static Observations of(ObjectProvider<Observations> observations) {
		return observations.getIfAvailable(() -> NONE);
	}

	/**
	 * Observe a call that enqueues work.
	 * @param queue the queue of all its items, {@code null} for several
	 * @param key the key or ordering key, {@code null} for none or several
	 * @param items how many items are enqueued
	 * @return the observation, with the headers for the items
	 */
	default Observed enqueue(@Nullable String queue, @Nullable String key, int items) {
		return Observed.NONE;
	}

	/**
	 * Observe an attempt of a handler.
	 * @param items the items that it is called with, of one queue
	 * @return the observation
	 */
	default Observed handle(List<? extends ObservedItem> items) {
		return Observed.NONE;
	}

	/**
	 * Observe that an event is published to the outbox. What enqueues it is not observed.
	 * @param sender the sender's name
	 * @param eventId the event's id
	 * @param eventType the event's type
	 * @return the observation, with the headers for the item
	 */
	default Observed publish(String sender, String eventId, String eventType) {
		return Observed.NONE;
	}

	/**
	 * Tell the current observation of an attempt which event of the outbox is sent.
	 * @param eventId the event's id
	 * @param eventType the event's type
	 */
	default void describeSend(String eventId, String eventType) {
	}

	/**
	 * Observe a call that appends events.
	 * @param runId the run
	 * @param eventType the type of the event, {@code null} for several events
	 * @param events how many events are appended
	 * @return the observation, with the headers for the events
	 */
	default Observed append(String runId, @Nullable String eventType, int events) {
		return Observed.NONE;
	}

	/**
	 * Observe a call of a change handler.
	 * @param topic the topic
	 * @param key the key
	 * @param declared whether the topic stands in an annotation
	 * @return the observation
	 */
	default Observed change(String topic, String key, boolean declared) {
		return Observed.NONE;
	}

	/**
	 * Observe an appender, from its opening to the end of its stream.
	 * @param family the stream's family, {@code null} for none
	 * @param stream the stream
	 * @return the observation
	 */
	default Observed write(@Nullable String family, String stream) {
		return Observed.NONE;
	}

	/**
	 * Observe a response of server-sent events.
	 * @param source what is read
	 * @param parent the observation that it is part of, as {@link #current()} has
	 * returned it
	 * @return the observation
	 */
	default Observed read(ObservedSource source, @Nullable Object parent) {
		return Observed.NONE;
	}

	/**
	 * Return the current observation.
	 * @return the observation, or {@code null}
	 */
	default @Nullable Object current() {
		return null;
	}

}
