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

package io.durablenotify.stream;

import java.time.Duration;

/**
 * The state of the named consumers that have a subscription in this instance.
 *
 * @param owned how many of them this instance handles
 * @param waiting how many of them another instance handles, or none yet
 * @param lag the greatest number of chunks that one of them has still to handle of a
 * stream, as far as this instance knows
 * @param lagAge for how long one of them has not got on in a stream of which it has
 * chunks still to handle, as far as was seen: positions are compared when this state is
 * asked for
 */
public record ConsumersState(int owned, int waiting, long lag, Duration lagAge) {
}
