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

package io.durablenotify;

import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamCodec} and {@link JsonStreamCodec}.
 */
class StreamCodecTests {

	record Point(int x, int y) {
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "plain", " \t\n", "日本語 🦊", "\u0000\uFFFD" })
	void textComesBackToTheLetterInUtf8(String text) {
		StreamCodec<String> codec = StreamCodec.text();
		assertThat(codec.encode(text)).isEqualTo(text.getBytes(StandardCharsets.UTF_8));
		assertThat(codec.decode(codec.encode(text))).isEqualTo(text);
	}

	@Test
	void textThatIsNoneIsRefusedRatherThanReplaced() {
		assertThatIllegalArgumentException().isThrownBy(() -> StreamCodec.text().encode("cut \uD83E"))
			.withMessageContaining("surrogate");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> StreamCodec.text().decode(new byte[] { 'a', (byte) 0xC3 }))
			.withMessageContaining("UTF-8");
	}

	@Test
	void valuesComeBackFromJson() {
		StreamCodec<Point> codec = new JsonStreamCodec<>(JsonMapper.shared(), Point.class);
		assertThat(codec.encode(new Point(1, 2))).asString().isEqualTo("{\"x\":1,\"y\":2}");
		assertThat(codec.decode(codec.encode(new Point(3, 4)))).isEqualTo(new Point(3, 4));
	}

	@Test
	void jsonThatIsNoValueIsRefused() {
		StreamCodec<Point> codec = new JsonStreamCodec<>(JsonMapper.shared(), Point.class);
		assertThatExceptionOfType(JacksonException.class).isThrownBy(() -> codec.decode(bytes("{")));
		assertThatExceptionOfType(JacksonException.class).isThrownBy(() -> codec.decode(new byte[0]));
		assertThatIllegalArgumentException().isThrownBy(() -> codec.decode(bytes("null")));
	}

	@Test
	void codecsNeedNoJacksonButTheOneForJson() throws Exception {
		URL location = StreamCodec.class.getProtectionDomain().getCodeSource().getLocation();
		try (URLClassLoader withoutJackson = new URLClassLoader(new URL[] { location },
				ClassLoader.getPlatformClassLoader())) {
			Class<?> codec = withoutJackson.loadClass(StreamCodec.class.getName());
			// As Spring does with a bean's interfaces
			assertThat(codec.getMethods()).extracting(Method::getName)
				.containsExactlyInAnyOrder("encode", "decode", "text");
			assertThat(codec.getMethod("text").invoke(null)).isNotNull();
			assertThat(withoutJackson.loadClass("io.durablenotify.stream.StreamTemplate").getMethods()).isNotEmpty();
			assertThatExceptionOfType(NoClassDefFoundError.class)
				.isThrownBy(() -> withoutJackson.loadClass(JsonStreamCodec.class.getName()).getMethods());
		}
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
