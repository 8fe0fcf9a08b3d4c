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

package io.durablenotify.instance;

import java.time.Duration;

/**
 * A lease of this instance: while it is renewed, other instances take over nothing that
 * names it. When it runs out, another instance takes over what is held, and this one has
 * lost it for good.
 */
public interface Lease {

	/**
	 * Return the id under which the database knows the holder.
	 * @return the id
	 */
	long instanceId();

	/**
	 * Return whether the lease is held for certain. That is counted on this machine's
	 * monotonic clock, from the moment at which the last successful renewal was sent.
	 * Fast enough for each write.
	 * @return whether no other instance can have taken over
	 */
	boolean isHeld();

	/**
	 * Return whether another instance has taken over.
	 * @return whether the lease cannot be renewed any more
	 */
	boolean isLost();

	/**
	 * Wait until the lease is held, for instance after this process was stopped for
	 * longer than the lease.
	 * @param timeout how long to wait
	 * @return whether it is held; otherwise it is lost, or the server could not be
	 * reached in time
	 */
	boolean awaitHeld(Duration timeout);

	/**
	 * Have the lease renewed now, and wait for that. The database does not know the
	 * holder, although the lease has not run out here, for instance since its tables were
	 * emptied.
	 * @param timeout how long to wait
	 * @return whether it was renewed; otherwise it is lost, or the server could not be
	 * reached in time
	 */
	boolean awaitRenewed(Duration timeout);

}
