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

package io.durablenotify.web;

import java.io.IOException;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import org.apache.catalina.connector.Response;
import org.junit.jupiter.api.Test;

import org.springframework.mock.web.MockHttpServletResponse;
import org.springframework.web.util.ContentCachingResponseWrapper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

class WriteListenersTests {

	private final HttpServletResponse response = new MockHttpServletResponse();

	@Test
	void aWrapperThatKeepsTheOutputStreamIsKnown() throws IOException {
		assertThat(WriteListeners.areKnown(this.response)).isTrue();
		assertThat(WriteListeners.areKnown(new HttpServletResponseWrapper(this.response))).isTrue();
	}

	@Test
	void aWrapperWithAnOutputStreamOfItsOwnIsNotKnown() throws IOException {
		HttpServletResponse wrapper = new Wrapper(this.response);
		assertThat(WriteListeners.areKnown(wrapper)).isFalse();
		assertThat(WriteListeners.areKnown(new HttpServletResponseWrapper(wrapper))).isFalse();
		assertThat(WriteListeners.areKnown(new ContentCachingResponseWrapper(wrapper))).isFalse();
	}

	@Test
	void aWrapperOfSpringIsKnown() throws IOException {
		assertThat(WriteListeners.areKnown(new ContentCachingResponseWrapper(this.response))).isTrue();
	}

	@Test
	void aWrapperThatCachesIsRefused() {
		HttpServletResponse caching = new ContentCachingResponseWrapper(this.response);
		assertThatIllegalStateException()
			.isThrownBy(() -> WriteListeners.requireUncached(new HttpServletResponseWrapper(caching)))
			.withMessageContaining(ContentCachingResponseWrapper.class.getName());
	}

	@Test
	void aWrapperThatCachesNothingIsNotRefused() throws IOException {
		WriteListeners.requireUncached(this.response);
		WriteListeners.requireUncached(new Wrapper(this.response));
		WriteListeners.requireUncached(new ContentCachingResponseWrapper(this.response) {

			@Override
			public ServletOutputStream getOutputStream() throws IOException {
				return getResponse().getOutputStream();
			}

		});
	}

	@Test
	void onlyTomcatBlocksAtTheEnd() {
		assertThat(WriteListeners.blockAtEnd(this.response)).isFalse();
		HttpServletResponse tomcat = new Response(new org.apache.coyote.Response()).getResponse();
		assertThat(WriteListeners.blockAtEnd(tomcat)).isTrue();
		assertThat(WriteListeners.blockAtEnd(new Wrapper(tomcat))).isTrue();
	}

	private static final class Wrapper extends HttpServletResponseWrapper {

		private final ServletOutputStream output = new ServletOutputStream() {

			@Override
			public boolean isReady() {
				return true;
			}

			@Override
			public void setWriteListener(WriteListener listener) {
			}

			@Override
			public void write(int value) {
			}

		};

		Wrapper(HttpServletResponse response) {
			super(response);
		}

		@Override
		public ServletOutputStream getOutputStream() {
			return this.output;
		}

	}

}
