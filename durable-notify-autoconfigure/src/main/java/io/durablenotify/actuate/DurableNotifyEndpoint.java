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

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

import io.durablenotify.listener.NotificationListener;
import io.durablenotify.log.ReaderState.Status;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;

/**
 * {@link Endpoint @Endpoint} that shows what this instance reads and handles, and lets
 * operators control it where access allows. Never shows a payload.
 */
@Endpoint(id = DurableNotifyEndpoint.ID, defaultAccess = Access.READ_ONLY)
public final class DurableNotifyEndpoint {

	static final String ID = "durablenotify";

	private static final int LIMIT = 100;

	private static final int MAX_LIMIT = 1_000;

	private static final List<String> STATES = Stream.of(Status.values())
		.map((status) -> status.name().toLowerCase(Locale.ROOT))
		.toList();

	private final DatabaseProduct product;

	private final @Nullable EndpointReports reports;

	private final @Nullable Controls controls;

	private final Show showValues;

	/**
	 * Create a new instance.
	 * @param reports what is shown, or {@code null} where the database is not PostgreSQL
	 * @param controls what can be done, or {@code null} there
	 */
	DurableNotifyEndpoint(DatabaseProduct product, @Nullable EndpointReports reports, @Nullable Controls controls,
			Show showValues) {
		this.product = product;
		this.reports = reports;
		this.controls = controls;
		this.showValues = showValues;
	}

	/**
	 * Return the state of this instance. The database is not asked.
	 * @return the overview
	 */
	@ReadOperation
	public OperationResponseBody overview() {
		return overview(texts());
	}

	OperationResponseBody overview(EndpointTexts texts) {
		return (this.reports != null) ? this.reports.overview().report(texts)
				: new OtherDatabase(OverviewReport.version(), this.product.description());
	}

	/**
	 * Return the readers, subscriptions, consumers or queues of a feature.
	 * @param feature {@code streams}, {@code events}, {@code changes}, {@code consumers}
	 * or {@code work}
	 * @param name of streams and events, the only one: a stream's name or a run's id
	 * @param state of streams and events, only readers in that state; of a queue,
	 * {@code dead} for its dead items
	 * @param queue of work, the queue whose items to list
	 * @param key of a queue, only items with that key or ordering key
	 * @param after of a queue, where the page begins
	 * @param limit the largest number, 1 to 1,000
	 * @return what there is, or {@code null} if there is nothing of that name
	 */
	@ReadOperation
	public @Nullable OperationResponseBody feature(@Selector String feature, @Nullable String name,
			@Nullable String state, @Nullable String queue, @Nullable String key, @Nullable String after,
			@Nullable Integer limit) {
		return feature(new Question(feature, name, state, queue, key, after, limit), texts());
	}

	@Nullable OperationResponseBody feature(Question question, EndpointTexts texts) {
		EndpointReports reports = this.reports;
		if (reports == null) {
			return null;
		}
		try {
			return switch (question.feature()) {
				case ReaderReports.STREAMS, ReaderReports.EVENTS -> (question.name() != null)
						? entry(reports, question.name(), question, texts) : readers(reports, question, texts);
				case "changes" -> reports.readers().changes(question.onlySize(), texts);
				case "consumers" -> reports.readers().consumers(question.onlySize(), texts);
				case "work" -> (question.queue() != null) ? items(reports, question.queue(), question, texts)
						: queues(reports, question, texts);
				default -> null;
			};
		}
		catch (IllegalArgumentException ex) {
			throw invalid(ex.getMessage());
		}
	}

	private static @Nullable OperationResponseBody entry(EndpointReports reports, String name, Question question,
			EndpointTexts texts) {
		question.given().only("name");
		return question.feature().equals(ReaderReports.STREAMS) ? reports.readers().stream(name, texts)
				: reports.readers().run(name, texts);
	}

	private static OperationResponseBody readers(EndpointReports reports, Question question, EndpointTexts texts) {
		question.given().only("state", "limit");
		String state = question.state(STATES);
		return reports.readers()
			.readers(question.feature(), (state != null) ? Status.valueOf(state.toUpperCase(Locale.ROOT)) : null,
					question.size(), texts);
	}

	private static OperationResponseBody queues(EndpointReports reports, Question question, EndpointTexts texts) {
		question.given().only("queue");
		return reports.work().queues(texts);
	}

	private static @Nullable OperationResponseBody items(EndpointReports reports, String queue, Question question,
			EndpointTexts texts) {
		question.given().only("queue", "state", "key", "after", "limit");
		boolean dead = question.state(List.of("dead")) != null;
		return reports.work().items(queue, dead, question.key(), question.after(), question.size(), texts);
	}

	/**
	 * Do something. Nothing that is stored is changed, but for queues.
	 * @param feature {@code listener}, {@code poll} or {@code work}
	 * @param action {@code reconnect} of the listener; {@code now} of the poll;
	 * {@code pause}, {@code resume}, {@code requeue} or {@code purge} of a queue
	 * @param queue the queue
	 * @param item of requeue and purge, the only dead item, or {@code null} for the first
	 * thousand
	 * @param ordered whether the item has an ordering key
	 * @return what was done
	 */
	@WriteOperation
	public @Nullable OperationResponseBody act(@Selector String feature, String action, @Nullable String queue,
			@Nullable Long item, @Nullable Boolean ordered) {
		Controls controls = this.controls;
		if (controls == null) {
			return null;
		}
		try {
			GivenParameters given = new GivenParameters().with("queue", queue)
				.with("item", item)
				.with("ordered", ordered);
			Map<String, ?> result = switch (feature + "/" + action) {
				case "listener/reconnect" -> {
					given.only();
					controls.listener().reconnect();
					yield Map.of("status", controls.listener().state().status());
				}
				case "poll/now" -> {
					given.only();
					controls.wakeups().resync();
					yield Map.of("asked", true);
				}
				case "work/pause" -> {
					given.only("queue");
					controls.work().pause(given.required("queue"));
					yield Map.of("paused", true);
				}
				case "work/resume" -> {
					given.only("queue");
					controls.work().resume(given.required("queue"));
					yield Map.of("paused", false);
				}
				case "work/requeue" ->
					Map.of("requeued", controls.work().requeue(dead(given), item, Boolean.TRUE.equals(ordered)));
				case "work/purge" ->
					Map.of("purged", controls.work().purge(dead(given), item, Boolean.TRUE.equals(ordered)));
				default -> throw unknown(feature, action);
			};
			return (OperationResponseBody) OperationResponseBody.of(result);
		}
		catch (IllegalArgumentException ex) {
			throw invalid(ex.getMessage());
		}
	}

	/**
	 * Return the queue whose dead items are meant.
	 */
	private static String dead(GivenParameters given) {
		if (!given.has("item")) {
			given.only("queue");
		}
		return given.required("queue");
	}

	private static IllegalArgumentException unknown(String feature, String action) {
		return switch (feature) {
			case "listener" -> GivenParameters.unknown("action", action, List.of("reconnect"));
			case "poll" -> GivenParameters.unknown("action", action, List.of("now"));
			case "work" -> GivenParameters.unknown("action", action, List.of("pause", "resume", "requeue", "purge"));
			default -> GivenParameters.unknown("feature", feature, List.of("listener", "poll", "work"));
		};
	}

	private static InvalidEndpointRequestException invalid(@Nullable String reason) {
		String message = String.valueOf(reason);
		return new InvalidEndpointRequestException(message, message);
	}

	/**
	 * Where there is no caller to authorize, as with JMX, all count as authorized.
	 */
	private EndpointTexts texts() {
		return new EndpointTexts(this.showValues.isShown(true));
	}

	/**
	 * What an operation asks for.
	 */
	record Question(String feature, @Nullable String name, @Nullable String state, @Nullable String queue,
			@Nullable String key, @Nullable String after, @Nullable Integer limit) {

		int size() {
			int size = (this.limit != null) ? this.limit : LIMIT;
			if (size < 1 || size > MAX_LIMIT) {
				throw new IllegalArgumentException(
						"'limit' must be from 1 to %d, but is %d".formatted(MAX_LIMIT, size));
			}
			return size;
		}

		int onlySize() {
			given().only("limit");
			return size();
		}

		/**
		 * Return the state in lower case.
		 */
		@Nullable String state(List<String> known) {
			String state = (this.state != null) ? this.state.toLowerCase(Locale.ROOT) : null;
			if (state != null && !known.contains(state)) {
				throw GivenParameters.unknown("state", state, known);
			}
			return state;
		}

		GivenParameters given() {
			return new GivenParameters().with("name", this.name)
				.with("state", this.state)
				.with("queue", this.queue)
				.with("key", this.key)
				.with("after", this.after)
				.with("limit", this.limit);
		}

	}

	/**
	 * What can be done.
	 */
	record Controls(NotificationListener listener, Wakeups wakeups, WorkReports work) {
	}

	/**
	 * The overview where the database is not PostgreSQL.
	 */
	record OtherDatabase(@Nullable String version, String database) implements OperationResponseBody {
	}

}
