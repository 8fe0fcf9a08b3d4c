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

package io.durablenotify.database;

import java.sql.Driver;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.util.Credentials;
import io.durablenotify.testsupport.WrappingDriver;
import org.apache.commons.dbcp2.BasicDataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.postgresql.ds.PGSimpleDataSource;

import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link DriverConnectionDetails}.
 */
class DriverConnectionDetailsTests {

	private static final String URL = "jdbc:postgresql://host/db";

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			jdbc:postgresql://host/db?user=app&password=secret | host:5432/db as user 'app'
			jdbc:postgresql://host/db?password=secret&user=a%20b | host:5432/db as user 'a b'
			jdbc:postgresql://app:secret@host:5433/db?user=app | host:5433/db as user 'app'
			jdbc:postgresql://one,two:5433/db?user=app | one:5432,two:5433/db as user 'app'
			jdbc:postgresql://[::1]/?user=app | [::1]:5432/app as user 'app'
			jdbc:postgresql:db?user=app | localhost:5432/db as user 'app'
			jdbc:p6spy:postgresql://host/db?user=app | host:5432/db as user 'app'
			jdbc:postgresql:///db?user=app | localhost:5432/db as user 'app'
			jdbc:h2:mem:x;PASSWORD=secret | the database
			jdbc:other:app/secret@host | the database
			null | the database
			""")
	void theTargetOfAUrlHasItsAddressAndItsUserAndNoSecret(String url, String target) {
		assertThat(new DriverConnectionDetails(url, null, null, Map.of()).target()).isEqualTo(target);
	}

	@ParameterizedTest
	@CsvSource({ "jdbc:postgresql://host/db?user=other", "jdbc:postgresql://host/db" })
	void aUsernameCountsMoreThanTheUrls(String url) {
		assertThat(new DriverConnectionDetails(url, "app", "secret", Map.of()).target())
			.isEqualTo("host:5432/db as user 'app'");
	}

	@Test
	void whatHikariDoesWithItsConnectionsIsDone() {
		HikariDataSource pool = new HikariDataSource();
		pool.setJdbcUrl(URL);
		pool.setUsername("app");
		pool.setPassword("secret");
		pool.setSchema("shop");
		pool.setConnectionInitSql("SET ROLE owner");
		pool.addDataSourceProperty("sslmode", "require");
		DriverConnectionDetails details = details(pool);
		assertThat(details.url()).isEqualTo(URL);
		assertThat(details.username()).isEqualTo("app");
		assertThat(details.password()).isEqualTo("secret");
		assertThat(details.schema()).isEqualTo("shop");
		assertThat(details.initSql()).containsExactly("SET ROLE owner");
		assertThat(details.properties()).isEqualTo(Map.of("sslmode", "require"));
	}

	@Test
	void hikarisCredentialsAreThoseOfNow() {
		HikariDataSource pool = new HikariDataSource();
		pool.setJdbcUrl(URL);
		pool.setUsername("app");
		pool.setPassword("secret");
		pool.setCredentials(Credentials.of("rotated", "new secret"));
		assertThat(details(pool).username()).isEqualTo("rotated");
		assertThat(details(pool).password()).isEqualTo("new secret");
		AtomicInteger tokens = new AtomicInteger();
		pool.setCredentialsProvider(() -> Credentials.of("provided", "token " + tokens.incrementAndGet()));
		assertThat(details(pool).username()).isEqualTo("provided");
		assertThat(details(pool).password()).isEqualTo("token 2");
	}

	@Test
	void credentialsThatOnlyTheDriverPropertiesHaveAreNoDriverProperties() {
		HikariDataSource pool = new HikariDataSource();
		pool.setJdbcUrl(URL);
		pool.addDataSourceProperty("user", "app");
		pool.addDataSourceProperty("password", "secret");
		assertThat(details(pool).username()).isEqualTo("app");
		assertThat(details(pool).password()).isEqualTo("secret");
		assertThat(details(pool).properties()).isEmpty();
	}

	@Test
	void hikarisOwnSettingsCountMoreThanThoseOfItsDataSource() {
		PGSimpleDataSource inner = new PGSimpleDataSource();
		inner.setServerNames(new String[] { "host" });
		inner.setDatabaseName("db");
		inner.setUser("inner");
		inner.setSslMode("require");
		HikariDataSource pool = new HikariDataSource();
		pool.setDataSource(inner);
		pool.setSchema("shop");
		assertThat(details(pool).url()).startsWith("jdbc:postgresql://host").contains("/db", "sslmode=require");
		assertThat(details(pool).username()).isEqualTo("inner");
		assertThat(details(pool).schema()).isEqualTo("shop");
		pool.setUsername("app");
		assertThat(details(pool).username()).isEqualTo("app");
	}

	@Test
	void whatDbcp2DoesWithItsConnectionsIsDone() {
		BasicDataSource pool = new BasicDataSource();
		pool.setUrl(URL);
		pool.setUsername("app");
		pool.setPassword("secret");
		pool.setDefaultSchema("shop");
		pool.setConnectionInitSqls(List.of("SET ROLE owner", "SET work_mem = '1MB'"));
		pool.setConnectionProperties("sslmode=require;tcpNoDelay=true");
		DriverConnectionDetails details = details(new LazyConnectionDataSourceProxy(pool));
		assertThat(details.username()).isEqualTo("app");
		assertThat(details.password()).isEqualTo("secret");
		assertThat(details.schema()).isEqualTo("shop");
		assertThat(details.initSql()).containsExactly("SET ROLE owner", "SET work_mem = '1MB'");
		assertThat(details.properties()).isEqualTo(Map.of("sslmode", "require", "tcpNoDelay", "true"));
	}

	@Test
	void whatTomcatsPoolDoesWithItsConnectionsIsDone() {
		org.apache.tomcat.jdbc.pool.DataSource pool = new org.apache.tomcat.jdbc.pool.DataSource();
		pool.setUrl(URL);
		pool.setUsername("app");
		pool.setPassword("secret");
		pool.setInitSQL("SET ROLE owner");
		pool.setConnectionProperties("sslmode=require;tcpNoDelay=true");
		DriverConnectionDetails details = details(new TransactionAwareDataSourceProxy(pool));
		assertThat(details.username()).isEqualTo("app");
		assertThat(details.initSql()).containsExactly("SET ROLE owner");
		assertThat(details.properties()).isEqualTo(Map.of("sslmode", "require", "tcpNoDelay", "true"));
		pool.setUsername("rotated");
		pool.setPassword("new secret");
		assertThat(details(pool).username()).isEqualTo("rotated");
		assertThat(details(pool).password()).isEqualTo("new secret");
	}

	@Test
	void theDriverOfTheDataSourceIsUsed() {
		Driver driver = new WrappingDriver();
		SimpleDriverDataSource dataSource = new SimpleDriverDataSource(driver, "jdbc:wrapping:postgresql://host/db",
				"app", "secret");
		Properties properties = new Properties();
		properties.setProperty("sslmode", "require");
		dataSource.setConnectionProperties(properties);
		assertThat(details(dataSource).driver()).isSameAs(driver);
		assertThat(details(dataSource).properties()).isEqualTo(Map.of("sslmode", "require"));
		assertThat(details(dataSource).target()).isEqualTo("host:5432/db as user 'app'");
	}

	@Test
	void aDriverThatIsNotThereIsNamedWithTheProperty() {
		HikariDataSource pool = new HikariDataSource();
		pool.setJdbcUrl("jdbc:unknown:postgresql://host/db");
		assertThatIllegalStateException().isThrownBy(() -> details(pool))
			.withMessageContaining("set durable-notify.listener.url");
	}

	private static DriverConnectionDetails details(DataSource dataSource) {
		return DriverConnectionDetails.of(dataSource, null);
	}

}
