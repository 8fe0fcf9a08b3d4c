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

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.util.ClassUtils;

/**
 * The tables of docs/configuration.md, from the configuration metadata that the compiler
 * has written: a table for each group of properties.
 */
final class ConfigurationReference {

	private static final String METADATA = "META-INF/spring-configuration-metadata.json";

	private static final String PREFIX = "durable-notify.";

	private static final String START = "<!-- generated from the configuration metadata: start -->";

	private static final String END = "<!-- generated from the configuration metadata: end -->";

	private final SortedMap<String, JsonNode> properties = new TreeMap<>(
			Comparator.comparing(ConfigurationReference::group).thenComparing(Comparator.naturalOrder()));

	private ConfigurationReference(JsonNode metadata) {
		for (JsonNode property : metadata.get("properties")) {
			if (!property.has("deprecated") && !property.has("deprecation")) {
				this.properties.put(property.get("name").asString(), property);
			}
		}
	}

	static ConfigurationReference load() throws IOException {
		for (URL url : Collections.list(ConfigurationReference.class.getClassLoader().getResources(METADATA))) {
			try (InputStream input = url.openStream()) {
				ConfigurationReference reference = new ConfigurationReference(JsonMapper.shared().readTree(input));
				if (reference.isKnown("durable-notify.enabled")) {
					return reference;
				}
			}
		}
		throw new IllegalStateException("There is no metadata of durable-notify's properties: compile with Maven");
	}

	/**
	 * Return whether there is a property of a name, or one whose value is a map that has
	 * it.
	 */
	boolean isKnown(String name) {
		return this.properties.entrySet()
			.stream()
			.anyMatch((property) -> name.equals(property.getKey())
					|| (type(property.getValue()).startsWith("java.util.Map")
							&& name.matches(Pattern.quote(property.getKey()) + "[.\\[].*")));
	}

	/**
	 * Return whether a text looks like a property, with or without the prefix, but is
	 * none.
	 * @param text such as {@code streams.lease} or {@code durable-notify.enabled=false}
	 */
	boolean isUnknown(String text) {
		String name = text.replaceFirst("=.*", "");
		if (!name.matches("[a-z]+[a-z-]*(\\.[a-z]+[a-z-]*)+")) {
			return false;
		}
		String property = (name.startsWith(PREFIX)) ? name : PREFIX + name;
		return this.properties.keySet().stream().anyMatch((known) -> group(known).equals(group(property)))
				&& !isKnown(property);
	}

	/**
	 * Return a document with current tables.
	 */
	Document update(Document document) {
		return document.replace(document.lines().indexOf(START) + 1, document.lines().indexOf(END), tables());
	}

	private List<String> tables() {
		List<String> lines = new ArrayList<>();
		String group = null;
		for (JsonNode property : this.properties.values()) {
			String name = property.get("name").asString();
			if (!group(name).equals(group)) {
				group = group(name);
				lines.addAll(List.of("", "## " + group, "", "| property | default | |", "|---|---|---|"));
			}
			lines.add("| `%s` | %s | %s |".formatted(name, defaultValue(property),
					property.get("description").asString() + values(property)));
		}
		lines.add("");
		return lines;
	}

	/**
	 * The first two parts of a name, unless it has no more.
	 */
	private static String group(String name) {
		String[] parts = name.split("\\.");
		return (parts.length == 2) ? parts[0] : parts[0] + "." + parts[1];
	}

	private static String defaultValue(JsonNode property) {
		JsonNode value = property.get("defaultValue");
		return (value == null) ? "" : "`" + value.asString() + "`";
	}

	private static String type(JsonNode property) {
		return property.get("type").asString();
	}

	private static String values(JsonNode property) {
		Class<?> type = resolve(type(property));
		if (type == null || !type.isEnum()) {
			return "";
		}
		return Arrays.stream(type.getFields())
			.filter((field) -> field.isEnumConstant() && !field.isAnnotationPresent(Deprecated.class))
			.map((field) -> "`" + field.getName().toLowerCase(Locale.ROOT).replace('_', '-') + "`")
			.collect(Collectors.joining(" or ", " Either ", "."));
	}

	private static @Nullable Class<?> resolve(String type) {
		return (ClassUtils.isPresent(type, null)) ? ClassUtils.resolveClassName(type, null) : null;
	}

}
