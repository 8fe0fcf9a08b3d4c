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

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

import org.springframework.util.StringUtils;

/**
 * Checks whether texts can be spelled in the database's encoding, which the server
 * reports. A statement that is given one that cannot fails as a whole, and all else that
 * it is for with it.
 * <p>
 * Costs nothing for ASCII, and next to nothing where the database is in UTF-8.
 */
public final class Spelling {

	private static final Log logger = LogFactory.getLog(Spelling.class);

	private static final String UTF_8 = "UTF8";

	private static final int MAX_ERROR_LENGTH = 4_000;

	private Spelling() {
	}

	/**
	 * Return whether every database can spell a text.
	 * @param text the text
	 * @return whether it has nothing but ASCII characters, and no NUL
	 */
	public static boolean isPlain(String text) {
		return text.chars().allMatch((character) -> character > 0 && character < 0x80);
	}

	/**
	 * Return whether the connection's database can spell a text.
	 * @param connection the connection, whose transaction is as it was afterwards
	 * @param text the text, without NUL characters and unpaired surrogates
	 * @return whether it can
	 * @throws SQLException if the database fails
	 */
	public static boolean isPossible(Connection connection, String text) throws SQLException {
		if (isPlain(text) || UTF_8.equals(encoding(connection))) {
			return true;
		}
		Savepoint savepoint = (connection.getAutoCommit()) ? null : connection.setSavepoint();
		boolean possible = ask(connection, text);
		if (savepoint != null) {
			connection.rollback(savepoint);
		}
		return possible;
	}

	private static boolean ask(Connection connection, String text) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement("SELECT ?::text IS NOT NULL")) {
			statement.setString(1, text);
			return statement.executeQuery().next();
		}
		catch (SQLException ex) {
			if (SqlErrors.isUntranslatable(ex)) {
				return false;
			}
			throw ex;
		}
	}

	/**
	 * Return the texts that the connection's database can spell: none of the others is
	 * stored in it.
	 * @param connection the connection
	 * @param texts the texts
	 * @return those that it can spell, in order
	 * @throws SQLException if the database fails
	 */
	public static List<String> possible(Connection connection, Collection<String> texts) throws SQLException {
		List<String> possible = new ArrayList<>(texts.size());
		for (String text : texts) {
			if (isPossible(connection, text)) {
				possible.add(text);
			}
		}
		return possible;
	}

	/**
	 * Return a text for people, without what cannot be spelled.
	 * @param connection the connection
	 * @param text the text, or {@code null}
	 * @return the text, or one with question marks in place of characters
	 * @throws SQLException if the database fails
	 */
	public static @Nullable String approximate(Connection connection, @Nullable String text) throws SQLException {
		if (text == null || isPlain(text)) {
			return text;
		}
		String storable = text.replace('\0', '?');
		return (isPossible(connection, storable)) ? storable : plain(storable);
	}

	/**
	 * Return an error as the database can store it.
	 * @param connection the connection
	 * @param error the error
	 * @return at most 4,000 characters of it, and a mark where it is cut
	 * @throws SQLException if the database fails
	 */
	public static String error(Connection connection, String error) throws SQLException {
		return StringUtils.truncate(String.valueOf(approximate(connection, error)), MAX_ERROR_LENGTH);
	}

	/**
	 * Return a text that every database can spell.
	 * @param text the text
	 * @return the text with question marks in place of what is not ASCII
	 */
	public static String plain(String text) {
		return text.replaceAll("[^\\x01-\\x7f]", "?");
	}

	/**
	 * Return the encoding of the connection's database, which the driver knows unless a
	 * pooler is in between.
	 */
	private static String encoding(Connection connection) throws SQLException {
		try {
			String encoding = connection.unwrap(PGConnection.class).getParameterStatus("server_encoding");
			if (encoding != null) {
				return encoding;
			}
		}
		catch (SQLException | RuntimeException ex) {
			logger.debug("The driver's connection is hidden", ex);
		}
		try (Statement statement = connection.createStatement()) {
			ResultSet result = statement.executeQuery("SHOW server_encoding");
			result.next();
			return result.getString(1);
		}
	}

}
