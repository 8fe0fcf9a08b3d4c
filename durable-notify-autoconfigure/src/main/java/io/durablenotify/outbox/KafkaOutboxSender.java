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
package io.durablenotify.outbox;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;

import io.durablenotify.outbox.OutboxProperties.Mode;
import io.durablenotify.work.PermanentFailureException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Headers;

import org.springframework.kafka.KafkaException;
import org.springframework.kafka.core.KafkaTemplate;

/**
 * Sends events to a topic as CloudEvents, with their ordering keys as keys. The broker
 * has an event when it has acknowledged the record.
 */
final class KafkaOutboxSender implements OutboxSender {

	private static final String CONTENT_TYPE = "content-type";

	private final String name;

	private final KafkaTemplate<String, byte[]> template;

	private final String topic;

	private final Mode mode;

	/**
	 * How many producers were given up.
	 */
	private final AtomicInteger givenUp = new AtomicInteger();

	KafkaOutboxSender(String name, KafkaTemplate<String, byte[]> template, String topic, Mode mode) {
		this.name = name;
		this.template = template;
		this.topic = topic;
		this.mode = mode;
	}

	@Override
	public String name() {
		return this.name;
	}

	@Override
	public void send(OutboxMessage message) throws InterruptedException {
		int givenUp = this.givenUp.get();
		Future<?> sent;
		try {
			sent = this.template.send(record(message));
		}
		catch (KafkaException | org.apache.kafka.common.KafkaException ex) {
			// The client's limit, which need not be the broker's
			throw failure(ex, givenUp, UnsendableEventException::new);
		}
		try {
			sent.get();
		}
		catch (ExecutionException ex) {
			throw failure((ex.getCause() != null) ? ex.getCause() : ex, givenUp, PermanentFailureException::new);
		}
	}

	private ProducerRecord<String, byte[]> record(OutboxMessage message) {
		boolean binary = this.mode == Mode.BINARY;
		// Without data, a record in binary mode has none
		byte[] value = (!binary) ? OutboxJson.writeCloudEvent(message)
				: (message.dataContentType() != null) ? message.data() : null;
		ProducerRecord<String, byte[]> record = new ProducerRecord<>(this.topic, message.orderingKey(), value);
		Headers headers = record.headers();
		if (binary) {
			CloudEvents.attributes(message).forEach((name, attribute) -> headers.add("ce_" + name, bytes(attribute)));
			if (message.dataContentType() != null) {
				headers.add(CONTENT_TYPE, bytes(message.dataContentType()));
			}
		}
		else {
			headers.add(CONTENT_TYPE, bytes(CloudEvents.STRUCTURED_TYPE));
		}
		return record;
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	/**
	 * Return what to throw.
	 * @param givenUp how many producers were given up before the attempt
	 * @param tooLarge creates it for a record that is too large
	 */
	private RuntimeException failure(Throwable failure, int givenUp,
			BiFunction<String, Throwable, RuntimeException> tooLarge) {
		Throwable cause = reason(failure);
		if (cause instanceof AuthenticationException) {
			giveUp(givenUp);
		}
		String failed = "The record of sender '%s' was not stored: ".formatted(this.name);
		if (cause instanceof IllegalArgumentException) {
			// Its message may have a part of sasl.jaas.config
			return new SendFailedException(failed + SendFailedException.describe(cause));
		}
		String reason = failed + cause;
		return (cause instanceof RecordTooLargeException) ? tooLarge.apply(reason, cause)
				: new SendFailedException(reason, cause);
	}

	/**
	 * Have the next attempt create a producer. One that was refused before it had its id
	 * never asks for that again, and sends nothing any more. Those who have failed with
	 * the same one do so once.
	 */
	private void giveUp(int givenUp) {
		if (this.givenUp.compareAndSet(givenUp, givenUp + 1)) {
			this.template.getProducerFactory().reset();
		}
	}

	/**
	 * Return what is in exceptions that say no more than that something has failed.
	 */
	private static Throwable reason(Throwable failure) {
		Throwable reason = failure;
		Throwable cause = reason.getCause();
		while (cause != null && (reason instanceof KafkaException
				|| reason.getClass() == org.apache.kafka.common.KafkaException.class)) {
			reason = cause;
			cause = reason.getCause();
		}
		return reason;
	}

	@Override
	public String toString() {
		return "%s.kafka.%s".formatted(OutboxProperties.PREFIX, this.name);
	}

}
