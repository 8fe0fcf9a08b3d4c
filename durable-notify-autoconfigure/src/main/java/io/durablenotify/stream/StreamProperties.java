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

import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

import io.durablenotify.properties.PropertyRules;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * Stream properties.
 *
 * @param maxChunkSize Maximum size of a chunk. From 1B to 512MB.
 * @param bufferSize Maximum number of chunks that a live reader holds for a slow handler.
 * Up to 1000000.
 * @param bufferBytes Maximum size of the chunks that a live reader holds for a slow
 * handler. A single larger chunk is held nevertheless. From 1KB to 512MB.
 * @param appendBuffer Maximum size of the chunks that wait to be written. An append that
 * finds no room waits, an asynchronous one fails. From the maximum size of a chunk to
 * 64GB.
 * @param appendTimeout Time that a write waits for a stream that another transaction has
 * locked. From 10ms to 1h.
 * @param retention Time after its end at which a stream is deleted. Without it, ended
 * streams are kept. From 1s to 36500d.
 * @param families Families of streams by name. Each has a "prefix" and, where they differ
 * from those of all streams, a "retention", a "buffer-size" and a "max-chunk-size".
 */
@ConfigurationProperties(StreamProperties.PREFIX)
public record StreamProperties(@DefaultValue("1MB") DataSize maxChunkSize, @DefaultValue("2048") int bufferSize,
		@DefaultValue("1MB") DataSize bufferBytes, @DefaultValue("64MB") DataSize appendBuffer,
		@DefaultValue("10s") Duration appendTimeout, @Nullable Duration retention,
		@DefaultValue Map<String, Family> families) implements InitializingBean {

	static final String PREFIX = "durable-notify.streams";

	private static final int LARGEST_BUFFER_SIZE = 1_000_000;

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.valueSize("max-chunk-size", this.maxChunkSize);
		rules.between("buffer-size", this.bufferSize, 1, LARGEST_BUFFER_SIZE);
		rules.between("buffer-bytes", this.bufferBytes, DataSize.ofKilobytes(1), DataSize.ofMegabytes(512));
		rules.atLeast("append-buffer", this.appendBuffer, PREFIX + ".max-chunk-size", this.maxChunkSize);
		rules.between("append-buffer", this.appendBuffer, this.maxChunkSize, DataSize.ofGigabytes(64));
		rules.lockTimeout("append-timeout", this.appendTimeout);
		rules.retention("retention", this.retention);
		Map<String, String> namesByPrefix = new LinkedHashMap<>();
		this.families.forEach((name, family) -> {
			rules.check(Family.isValidName(name), "families", name,
					"The name of a family must have " + Family.NAME_RULE + ".");
			PropertyRules familyRules = familyRules(name);
			family.check(familyRules, name, this.appendBuffer);
			String other = namesByPrefix.putIfAbsent(family.prefix(), name);
			familyRules.check(other == null, "prefix", family.prefix(),
					("Must differ from %s.families.%s.prefix. One prefix may begin with another.").formatted(PREFIX,
							other));
		});
	}

	/**
	 * Return a family. One that sets none of the properties of families lacks its prefix.
	 */
	Family family(String name) {
		Family family = this.families.getOrDefault(name, new Family("", null, null, null));
		family.check(familyRules(name), name, this.appendBuffer);
		return family;
	}

	/**
	 * Return the family of a stream: the one with the longest prefix.
	 * @param stream the stream's full name
	 * @return the family's name, or {@code null} if it is in none
	 */
	public @Nullable String familyOf(String stream) {
		return this.families.entrySet()
			.stream()
			.filter((family) -> stream.startsWith(family.getValue().prefix()))
			.max(Comparator.comparing((family) -> family.getValue().prefix().length()))
			.map(Map.Entry::getKey)
			.orElse(null);
	}

	private static PropertyRules familyRules(String name) {
		return new PropertyRules(PREFIX + ".families." + name);
	}

	/**
	 * Streams whose names begin alike.
	 *
	 * @param prefix Prefix of the names of the family's streams. Required.
	 * @param retention Time after its end at which a stream of the family is deleted.
	 * Defaults to that of all streams. From 1s to 36500d.
	 * @param bufferSize Maximum number of chunks that a live reader of the family holds
	 * for a slow handler. Defaults to that of all streams. Up to 1000000.
	 * @param maxChunkSize Maximum size of a chunk that a writer of the family takes.
	 * Defaults to that of all streams. From 1B to 512MB, and not above the append buffer.
	 */
	public record Family(@DefaultValue("") String prefix, @Nullable Duration retention, @Nullable Integer bufferSize,
			@Nullable DataSize maxChunkSize) {

		/**
		 * What {@link #isValidName} asks for.
		 */
		public static final String NAME_RULE = "lower-case letters and digits, beginning with a letter";

		private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]*");

		/**
		 * Return whether a family may have a name. It is one that an environment variable
		 * can hold too: any other spelling would be a second family there.
		 * @param name the name
		 * @return whether it may
		 */
		public static boolean isValidName(String name) {
			return NAME.matcher(name).matches();
		}

		private void check(PropertyRules rules, String name, DataSize appendBuffer) {
			rules.check(StreamNames.isValidPrefix(this.prefix), "prefix", this.prefix,
					("Must have 1 to 511 characters, none of them white space or a control character. It is what the "
							+ "names of the family's streams begin with, such as '%s/'.")
						.formatted(name));
			rules.retention("retention", this.retention);
			if (this.bufferSize != null) {
				rules.between("buffer-size", this.bufferSize, 1, LARGEST_BUFFER_SIZE);
			}
			if (this.maxChunkSize != null) {
				rules.valueSize("max-chunk-size", this.maxChunkSize);
				rules.atMost("max-chunk-size", this.maxChunkSize, PREFIX + ".append-buffer", appendBuffer);
			}
		}

	}

}
