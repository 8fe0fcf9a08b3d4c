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

/**
 * Live reading of logs, for streams and for the events of runs. A log is a table's rows
 * of one name, numbered without gaps in commit order; a reader gets all of them from its
 * position on, once and in order.
 * <p>
 * <b>From a wake-up to an entry.</b> Wake-ups of the feature's topic, the shared poll and
 * a resync come to {@link io.durablenotify.log.LogSubscriptions LogSubscriptions}, which
 * knows which reader reads what. {@code FetchState} makes one fetch of many wake-ups and
 * loses none. {@code LogChecks} asks which of the logs have moved, and which of the names
 * that are waited for exist. {@code LogFetcher} fetches for all readers that need it, on
 * one thread, one statement for many; readers of one log with the same next index share
 * what is found. {@link io.durablenotify.log.LogSubscription LogSubscription} checks that
 * it continues what it has received, and keeps it in a bounded buffer, from which
 * {@link io.durablenotify.log.HandlerDelivery HandlerDelivery} calls the handler on the
 * application's executor. A reader whose buffer is full fetches again when there is room.
 * <p>
 * <b>A failover.</b> Every fetch returns which run of the server answered. Where that is
 * another one than before, a reader first checks whether the last entry that it has
 * received is still the same: a server that lagged may have others there. What an append
 * hands over without a fetch is taken only from the server of the last fetch.
 * <p>
 * <b>One log only.</b> A name says nothing of which log is meant: it can be deleted and
 * created again. A {@link io.durablenotify.log.Start Start} may have the
 * {@link io.durablenotify.log.LogIdentity LogIdentity} of the log whose entries the
 * caller knows. Such a reader does not wait for a log, checks the identity of what it
 * finds, and begins like one that has received the entry before its position.
 * <p>
 * <b>What a feature brings.</b> A {@link io.durablenotify.log.LogStore LogStore}, which
 * is its SQL; a {@link io.durablenotify.log.TailedLog TailedLog} for each reader, which
 * knows an entry's index and size and makes the feature's exceptions; a
 * {@link io.durablenotify.log.LogKind LogKind}, which is its topic and its words; and a
 * bean {@code LogSubscriptions}, which it opens readers by. An append sends a
 * {@link io.durablenotify.wakeup.Wakeup Wakeup} on that topic after the commit: with the
 * log's id and next index, with its name when the log is new, and marked where it ended
 * or was deleted.
 */
@NullMarked
package io.durablenotify.log;

import org.jspecify.annotations.NullMarked;
