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

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Instant;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

import io.durablenotify.database.Texts;
import io.durablenotify.work.WorkRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.util.InvalidMimeTypeException;
import org.springframework.util.MimeTypeUtils;

/**
 * An event that is to be published, with the attributes of a CloudEvent. Immutable: each
 * method returns a new event.
 */
public final class OutboxEvent {

	/**
	 * How many characters each attribute may have.
	 */
	public static final int MAX_LENGTH = 512;

	private static final Pattern EXTENSION_NAME = Pattern.compile("[a-z0-9]{1,20}");

	private static final Pattern QUALITY = Pattern.compile("\"?(0(\\.\\d*)?|\\.\\d+|1(\\.0*)?)\"?");

	/**
	 * What CloudEvents calls its own attributes and the members of its JSON.
	 */
	private static final Set<String> RESERVED = Set.of("specversion", "id", "type", "source", "subject", "time",
			"datacontenttype", "dataschema", "data");

	private final String type;

	private final @Nullable Object data;

	private final Map<Attribute, Object> attributes;

	private final Map<String, String> extensions;

	private OutboxEvent(String type, @Nullable Object data, Map<Attribute, Object> attributes,
			Map<String, String> extensions) {
		this.type = type;
		this.data = data;
		this.attributes = attributes;
		this.extensions = extensions;
	}

	/**
	 * Create an event.
	 * @param type the type of the event, such as {@code com.example.order.placed}: 1 to
	 * 512 characters
	 * @param data the data: a {@code String} or a {@code byte[]}, a value that is written
	 * as JSON, or {@code null}
	 * @return the event
	 */
	public static OutboxEvent of(String type, @Nullable Object data) {
		return new OutboxEvent(Texts.require("Event type", type, MAX_LENGTH), data, Map.of(), Map.of());
	}

	/**
	 * Set the id, by which receivers recognize an event that they get twice. By default a
	 * random one.
	 * @param id the id: 1 to 512 characters
	 * @return the new event
	 */
	public OutboxEvent id(String id) {
		return with(Attribute.ID, Texts.require("Event id", id, MAX_LENGTH));
	}

	/**
	 * Set the sender. By default the application's only one.
	 * @param sender the {@link OutboxSender#name() name} of the sender: 1 to 248
	 * characters without white space
	 * @return the new event
	 */
	public OutboxEvent sender(String sender) {
		return with(Attribute.SENDER, OutboxQueues.requireSender(sender));
	}

	/**
	 * Set the source. By default {@code durable-notify.outbox.source}.
	 * @param source a URI or a path, such as {@code /orders}: 1 to 512 characters
	 * @return the new event
	 */
	public OutboxEvent source(String source) {
		Assert.isTrue(isSource(source), () -> "Event source %s must be a URI or a path of 1 to %d characters"
			.formatted(Texts.shown(source), MAX_LENGTH));
		return with(Attribute.SOURCE, source);
	}

	/**
	 * Return whether a text is a source: a URI, or the end of one.
	 */
	static boolean isSource(String source) {
		try {
			return Texts.isName(source, MAX_LENGTH) && !new URI(source).toString().isEmpty();
		}
		catch (URISyntaxException ex) {
			return false;
		}
	}

	/**
	 * Set what the event is about.
	 * @param subject the subject: 1 to 512 characters
	 * @return the new event
	 */
	public OutboxEvent subject(String subject) {
		return with(Attribute.SUBJECT, Texts.require("Event subject", subject, MAX_LENGTH));
	}

	/**
	 * Set when the event happened. By default when it is published.
	 * @param time the time
	 * @return the new event
	 */
	public OutboxEvent time(Instant time) {
		Assert.notNull(time, "'time' must not be null");
		return with(Attribute.TIME, time);
	}

	/**
	 * Set the media type of the data. By default {@code text/plain} for a {@code String},
	 * {@code application/octet-stream} for bytes, and {@code application/json} for any
	 * other value. A {@code String} or bytes of a JSON type must be JSON.
	 * @param dataContentType the media type
	 * @return the new event
	 * @throws IllegalArgumentException if it is none
	 */
	public OutboxEvent dataContentType(String dataContentType) {
		requireMediaType(dataContentType);
		return with(Attribute.DATA_CONTENT_TYPE, dataContentType);
	}

	/**
	 * Require a media type that can be a header.
	 * @throws InvalidMimeTypeException if it is none
	 */
	static void requireMediaType(String mediaType) {
		String quality = MimeTypeUtils.parseMimeType(mediaType).getParameter("q");
		if (quality != null && !QUALITY.matcher(quality).matches()) {
			// As RestClient requires
			throw new InvalidMimeTypeException("…", "must have a parameter 'q' from 0 to 1, or none");
		}
		if (mediaType.length() > MAX_LENGTH || !mediaType.chars().allMatch((sign) -> sign >= ' ' && sign < 0x7F)) {
			throw new InvalidMimeTypeException("…",
					"must have at most %d printable characters of ASCII".formatted(MAX_LENGTH));
		}
	}

	/**
	 * Set the ordering key: events with the same one are sent one after the other. Their
	 * order is that in which their transactions committed, also where one of them is
	 * retried.
	 * @param orderingKey the ordering key: 1 to 512 characters
	 * @return the new event
	 */
	public OutboxEvent orderingKey(String orderingKey) {
		return with(Attribute.ORDERING_KEY, Texts.require("Ordering key", orderingKey, WorkRequest.MAX_KEY_LENGTH));
	}

	/**
	 * Add an attribute that CloudEvents does not define, such as {@code traceparent}.
	 * @param name the name: 1 to 20 lower-case letters and digits
	 * @param value the value: 1 to 512 characters
	 * @return the new event
	 */
	public OutboxEvent extension(String name, String value) {
		Assert.notNull(name, "'name' must not be null");
		Assert.isTrue(isExtension(name),
				() -> "Extension %s must have 1 to 20 lower-case letters and digits, and must not be an attribute of "
					.formatted(Texts.shown(name)) + "CloudEvents");
		Map<String, String> extensions = new LinkedHashMap<>(this.extensions);
		extensions.put(name, Texts.require("Extension", value, MAX_LENGTH));
		return new OutboxEvent(this.type, this.data, this.attributes, Map.copyOf(extensions));
	}

	static boolean isExtension(String name) {
		return EXTENSION_NAME.matcher(name).matches() && !RESERVED.contains(name);
	}

	private OutboxEvent with(Attribute attribute, Object value) {
		Map<Attribute, Object> attributes = new EnumMap<>(Attribute.class);
		attributes.putAll(this.attributes);
		attributes.put(attribute, value);
		return new OutboxEvent(this.type, this.data, attributes, this.extensions);
	}

	private @Nullable String text(Attribute attribute) {
		return (String) this.attributes.get(attribute);
	}

	/**
	 * Return the type.
	 * @return the type
	 */
	public String type() {
		return this.type;
	}

	/**
	 * Return the data.
	 * @return the data, or {@code null}
	 */
	public @Nullable Object data() {
		return this.data;
	}

	/**
	 * Return the id.
	 * @return the id, or {@code null} if none is set
	 */
	public @Nullable String id() {
		return text(Attribute.ID);
	}

	/**
	 * Return the sender.
	 * @return the sender's name, or {@code null} if none is set
	 */
	public @Nullable String sender() {
		return text(Attribute.SENDER);
	}

	/**
	 * Return the source.
	 * @return the source, or {@code null} if none is set
	 */
	public @Nullable String source() {
		return text(Attribute.SOURCE);
	}

	/**
	 * Return the subject.
	 * @return the subject, or {@code null}
	 */
	public @Nullable String subject() {
		return text(Attribute.SUBJECT);
	}

	/**
	 * Return when the event happened.
	 * @return the time, or {@code null} if none is set
	 */
	public @Nullable Instant time() {
		return (Instant) this.attributes.get(Attribute.TIME);
	}

	/**
	 * Return the media type of the data.
	 * @return the media type, or {@code null} if none is set
	 */
	public @Nullable String dataContentType() {
		return text(Attribute.DATA_CONTENT_TYPE);
	}

	/**
	 * Return the ordering key.
	 * @return the ordering key, or {@code null}
	 */
	public @Nullable String orderingKey() {
		return text(Attribute.ORDERING_KEY);
	}

	/**
	 * Return the attributes that CloudEvents does not define.
	 * @return the attributes by name
	 */
	public Map<String, String> extensions() {
		return this.extensions;
	}

	@Override
	public String toString() {
		return "OutboxEvent of type " + this.type;
	}

	/**
	 * What can be set.
	 */
	private enum Attribute {

		ID, SENDER, SOURCE, SUBJECT, TIME, DATA_CONTENT_TYPE, ORDERING_KEY

	}

}
