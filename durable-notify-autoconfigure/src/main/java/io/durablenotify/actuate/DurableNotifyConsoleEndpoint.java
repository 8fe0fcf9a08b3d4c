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

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;

import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.EndpointId;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.web.PathMapper;
import org.springframework.boot.actuate.endpoint.web.annotation.WebEndpoint;
import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * {@link WebEndpoint @WebEndpoint} with a page that shows what the
 * {@link DurableNotifyEndpoint} beside it answers. It loads nothing from elsewhere, and
 * may run no script but its own.
 */
@WebEndpoint(id = DurableNotifyConsoleEndpoint.ID, defaultAccess = Access.READ_ONLY)
public final class DurableNotifyConsoleEndpoint {

	static final String ID = "durablenotifyconsole";

	private final String page;

	/**
	 * Create a new instance.
	 * @param mappers what maps endpoints to other paths
	 */
	DurableNotifyConsoleEndpoint(List<PathMapper> mappers) {
		this.page = page(endpoint(mappers));
	}

	/**
	 * Return where the endpoint is, seen from the console.
	 */
	private static String endpoint(List<PathMapper> mappers) {
		String console = PathMapper.getRootPath(mappers, EndpointId.of(ID));
		String up = "../".repeat(StringUtils.countOccurrencesOf(StringUtils.trimLeadingCharacter(console, '/'), "/"));
		return up + StringUtils
			.trimLeadingCharacter(PathMapper.getRootPath(mappers, EndpointId.of(DurableNotifyEndpoint.ID)), '/');
	}

	/**
	 * Return the page.
	 * @return the HTML, in ASCII
	 */
	@ReadOperation(produces = "text/html")
	public String console() {
		return this.page;
	}

	private static String page(String endpoint) {
		String page;
		try (InputStream input = DurableNotifyConsoleEndpoint.class.getResourceAsStream("console.html")) {
			Assert.state(input != null, "The page is missing");
			page = new String(input.readAllBytes(), StandardCharsets.US_ASCII).replace("${endpoint}", endpoint);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return page.replace("${script}", hash(page, "script")).replace("${style}", hash(page, "style"));
	}

	/**
	 * Return the source of the Content-Security-Policy that allows an element.
	 */
	private static String hash(String page, String element) {
		int start = page.indexOf("<" + element + ">") + element.length() + 2;
		String content = page.substring(start, page.indexOf("</" + element + ">", start));
		try {
			byte[] hash = MessageDigest.getInstance("SHA-256").digest(content.getBytes(StandardCharsets.US_ASCII));
			return "sha256-" + Base64.getEncoder().encodeToString(hash);
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
