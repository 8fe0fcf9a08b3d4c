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

package io.durablenotify.work;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Divides items into batches, each of which is stored with one statement. Those without a
 * key come first, and the others in the order in which all transactions lock keys.
 */
final class EnqueueBatches {

	/**
	 * As the server compares keys: by their bytes.
	 */
	static final Comparator<String> KEY_ORDER = Comparator.comparing((key) -> key.getBytes(StandardCharsets.UTF_8),
			Arrays::compareUnsigned);

	private static final Comparator<NewItem> LOCK_ORDER = Comparator.comparing(NewItem::queue)
		.thenComparing((item) -> item.orderingKey() != null)
		.thenComparing((item) -> String.valueOf(item.lockedKey()), KEY_ORDER);

	private final List<NewItem> items;

	private final List<List<Integer>> batches = new ArrayList<>();

	private EnqueueBatches(List<NewItem> items) {
		this.items = items;
	}

	/**
	 * Divide items.
	 * @return the batches, in the order in which they are to be stored, with the places
	 * of their items in the list
	 */
	static List<List<Integer>> of(List<NewItem> items) {
		EnqueueBatches batches = new EnqueueBatches(items);
		batches.add(IntStream.range(0, items.size()).filter((i) -> items.get(i).isPlain()).boxed().toList());
		List<Integer> locking = IntStream.range(0, items.size())
			.filter((i) -> !items.get(i).isPlain())
			.boxed()
			.sorted(Comparator.comparing(items::get, LOCK_ORDER))
			.toList();
		for (List<Integer> alike : batches.runs(locking, (item) -> List.of(item.queue(), item.orderingKey() != null))) {
			if (items.get(alike.get(0)).orderingKey() != null) {
				batches.add(alike);
			}
			else {
				batches.addKeyed(alike);
			}
		}
		return batches.batches;
	}

	private void add(List<Integer> batch) {
		if (!batch.isEmpty()) {
			this.batches.addAll(StatementParts.of(batch, (i) -> this.items.get(i).payload().length));
		}
	}

	/**
	 * A statement can change a row only once: the second request for a key comes with the
	 * second batch. The first one has locked them all by then.
	 */
	private void addKeyed(List<Integer> places) {
		List<List<Integer>> rounds = new ArrayList<>();
		Map<String, Integer> seen = new HashMap<>();
		for (int place : places) {
			int round = seen.merge(String.valueOf(this.items.get(place).key()), 1, Integer::sum) - 1;
			if (round == rounds.size()) {
				rounds.add(new ArrayList<>());
			}
			rounds.get(round).add(place);
		}
		rounds.forEach((round) -> runs(round, NewItem::replacing).forEach(this::add));
	}

	/**
	 * Divide a list wherever a property of the items changes.
	 */
	private List<List<Integer>> runs(List<Integer> places, Property property) {
		List<List<Integer>> runs = new ArrayList<>();
		int start = 0;
		for (int i = 1; i <= places.size(); i++) {
			if (i == places.size() || !value(places, i, property).equals(value(places, start, property))) {
				runs.add(places.subList(start, i));
				start = i;
			}
		}
		return runs;
	}

	private Object value(List<Integer> places, int i, Property property) {
		return property.of(this.items.get(places.get(i)));
	}

	/**
	 * A property of items.
	 */
	private interface Property {

		Object of(NewItem item);

	}

}
