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

package io.durablenotify.sample;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamEndedException;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamWriter;

import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.task.TaskExecutor;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Writes answers into streams, a word at a time. An application would take the words from
 * a language model.
 */
@Service
class AnswerWriter {

	private static final int TITLE_LENGTH = 60;

	private static final String SHUT_DOWN = "The application that wrote this answer was stopped";

	/**
	 * What the page knows a stopped answer by.
	 */
	private static final String STOPPED = "stopped by the reader";

	private final AnswerRepository answers;

	private final StreamWriter streams;

	private final TransactionTemplate transaction;

	private final TaskExecutor executor;

	private final Settings settings;

	private final CountDownLatch closing = new CountDownLatch(1);

	AnswerWriter(AnswerRepository answers, StreamWriter streams, TransactionTemplate transaction,
			@Qualifier("applicationTaskExecutor") TaskExecutor executor, Settings settings) {
		this.answers = answers;
		this.streams = streams;
		this.transaction = transaction;
		this.executor = executor;
		this.settings = settings;
	}

	/**
	 * Start an answer.
	 * @param text the text to answer with, which is not blank
	 * @return the answer, whose stream exists and can be read
	 */
	Answer start(String text) {
		List<String> words = Words.of(text);
		Answer answer = new Answer(UUID.randomUUID(), title(text), Instant.now().truncatedTo(ChronoUnit.MILLIS));
		String stream = Answer.stream(answer.id());
		// The stream exists when this returns, so that a client that reads the answer's
		// Location at once gets no 404; and in the row's transaction, so that there are
		// both or neither. From then on it ends, also if the task fails or never runs.
		StreamAppender appender = this.transaction.execute((status) -> {
			this.answers.insert(answer);
			StreamAppender opened = this.streams.appender(stream);
			opened.append(words.get(0));
			return opened;
		});
		try {
			this.executor.execute(() -> write(appender, words.subList(1, words.size())));
		}
		catch (TaskRejectedException ex) {
			appender.fail(SHUT_DOWN);
			appender.close();
		}
		return answer;
	}

	private static String title(String text) {
		String line = text.strip().lines().findFirst().orElse("").replaceAll("\\p{Cntrl}", " ");
		return (line.codePointCount(0, line.length()) <= TITLE_LENGTH) ? line
				: line.substring(0, line.offsetByCodePoints(0, TITLE_LENGTH)) + "…";
	}

	private void write(StreamAppender appender, List<String> words) {
		// Closing the appender fails the stream if something was thrown before it was
		// completed: readers get an error, and do not wait forever.
		try (StreamAppender answer = appender) {
			for (String word : words) {
				if (this.closing.await(this.settings.pause().toMillis(), TimeUnit.MILLISECONDS)) {
					answer.fail(SHUT_DOWN);
					return;
				}
				answer.append(word);
			}
			answer.complete();
		}
		catch (StreamEndedException ex) {
			// A reader has stopped it, here or at another instance
			if (ex.getState() != StreamState.CANCELLED) {
				throw ex;
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Stop an answer, whichever instance writes it.
	 * @param id the answer's id
	 * @return whether it was stopped now: {@code false} if it had ended before
	 */
	boolean stop(UUID id) {
		return this.streams.cancel(Answer.stream(id), STOPPED);
	}

	/**
	 * Sent before anything stops, so that an answer in the making can still be ended.
	 */
	@EventListener(ContextClosedEvent.class)
	void close() {
		this.closing.countDown();
	}

}
