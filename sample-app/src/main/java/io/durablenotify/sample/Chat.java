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

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

import io.durablenotify.Subscription;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.channel.Message;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.stereotype.Service;

/**
 * A chat between the pages of all instances, on a broadcast channel. Each instance is a
 * subscriber, and keeps the latest lines for its pages.
 */
@Service
class Chat implements DisposableBean {

	private static final String CHANNEL = "chat";

	private static final int KEPT = 20;

	private final DurableChannels channels;

	private final InstanceName instance;

	private final Subscription subscription;

	/**
	 * Guarded by itself.
	 */
	private final Deque<ChatLine> lines = new ArrayDeque<>();

	Chat(DurableChannels channels, InstanceName instance) {
		this.channels = channels;
		this.instance = instance;
		this.subscription = channels.subscribe(CHANNEL, instance.toString(), this::received);
	}

	/**
	 * Say something to the pages of all instances.
	 */
	void say(String text) {
		this.channels.publish(CHANNEL, new ChatLine(this.instance.toString(), text));
	}

	private void received(Message message) {
		synchronized (this.lines) {
			this.lines.add(message.payload(ChatLine.class));
			if (this.lines.size() > KEPT) {
				this.lines.remove();
			}
		}
	}

	List<ChatLine> lines() {
		synchronized (this.lines) {
			return List.copyOf(this.lines);
		}
	}

	/**
	 * The name of this instance does not come back.
	 */
	@Override
	public void destroy() {
		this.subscription.cancel();
		this.channels.removeSubscriber(CHANNEL, this.instance.toString());
	}

}
