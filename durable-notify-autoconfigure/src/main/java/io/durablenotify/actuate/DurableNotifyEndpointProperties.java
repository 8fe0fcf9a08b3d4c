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

import java.util.Set;

import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Endpoint properties.
 *
 * @param showValues When to show the application's name, names of streams, runs, topics,
 * queues, consumers and channels, keys, owners, content types, reasons and errors of
 * handlers.
 * @param roles Roles of users who are shown them when authorized. When empty, all
 * authenticated users are.
 */
@ConfigurationProperties("management.endpoint.durablenotify")
public record DurableNotifyEndpointProperties(@DefaultValue("never") Show showValues, @DefaultValue Set<String> roles) {
}
