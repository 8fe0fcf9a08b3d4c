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

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A span, as the header {@code traceparent} of W3C Trace Context names it.
 *
 * @param traceId the id of its trace, 32 hexadecimal digits
 * @param spanId its id, 16 hexadecimal digits
 * @param sampled whether it is recorded
 */
public record TraceParent(String traceId, String spanId, boolean sampled) {

	private static final String HEADER = "traceparent";

	private static final Pattern PATTERN = Pattern
		.compile("[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.*)?");

	/**
	 * Find the span that headers name.
	 */
	static Optional<TraceParent> parse(Map<String, String> headers) {
		String header = headers.get(HEADER);
		if (header == null) {
			return Optional.empty();
		}
		Matcher matcher = PATTERN.matcher(header);
		return (matcher.matches()) ? Optional
			.of(new TraceParent(matcher.group(1), matcher.group(2), (Integer.parseInt(matcher.group(3), 16) & 1) != 0))
				: Optional.empty();
	}

}
