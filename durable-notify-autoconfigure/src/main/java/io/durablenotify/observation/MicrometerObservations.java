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

package io.durablenotify.observation;

import java.util.List;
import java.util.Map;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.measure.Names;
import io.durablenotify.measure.QueueFeature;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.transport.SenderContext;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * {@link Observations} of Micrometer.
 */
final class MicrometerObservations implements Observations {

	private static final Log logger = LogFactory.getLog(Observations.class);

	private static final WorkEnqueueObservationConvention WORK_ENQUEUE = new WorkEnqueueObservationConvention() {
	};

	private static final WorkHandleObservationConvention WORK_HANDLE = new WorkHandleObservationConvention() {
	};

	private static final OutboxPublishObservationConvention OUTBOX_PUBLISH = new OutboxPublishObservationConvention() {
	};

	private static final OutboxSendObservationConvention OUTBOX_SEND = new OutboxSendObservationConvention() {
	};

	private static final EventAppendObservationConvention EVENT_APPEND = new EventAppendObservationConvention() {
	};

	private static final ChangeHandleObservationConvention CHANGE_HANDLE = new ChangeHandleObservationConvention() {
	};

	private static final StreamWriteObservationConvention STREAM_WRITE = new StreamWriteObservationConvention() {
	};

	private static final StreamReadObservationConvention STREAM_READ = new StreamReadObservationConvention() {
	};

	/**
	 * How many senders have their own name. A caller may name any.
	 */
	private static final int MAX_SENDERS = 100;

	private final ObservationRegistry registry;

	private final Conventions conventions;

	private final Names<String> senders = new Names<>(MAX_SENDERS, () -> "");

	MicrometerObservations(ObservationRegistry registry, Conventions conventions) {
		this.registry = registry;
		this.conventions = conventions;
	}

	@Override
	public Observed enqueue(@Nullable String queue, @Nullable String key, int items) {
		if (this.registry.isNoop() || context() instanceof OutboxPublishContext) {
			return Observed.NONE;
		}
		return start(DurableNotifyObservations.WORK_ENQUEUE, this.conventions.workEnqueue(), WORK_ENQUEUE,
				(conclusion) -> new WorkEnqueueContext(queue, key, items, conclusion), null);
	}

	@Override
	public Observed handle(List<? extends ObservedItem> items) {
		if (this.registry.isNoop()) {
			return Observed.NONE;
		}
		String queue = items.get(0).queue();
		return (QueueFeature.of(queue) == QueueFeature.OUTBOX)
				? start(DurableNotifyObservations.OUTBOX_SEND, this.conventions.outboxSend(), OUTBOX_SEND,
						(conclusion) -> new OutboxSendContext(queue.substring(QueueFeature.OUTBOX.prefix().length()),
								items, conclusion),
						null)
				: start(DurableNotifyObservations.WORK_HANDLE, this.conventions.workHandle(), WORK_HANDLE,
						(conclusion) -> new WorkHandleContext(items, conclusion), null);
	}

	@Override
	public Observed publish(String sender, String eventId, String eventType) {
		return start(DurableNotifyObservations.OUTBOX_PUBLISH, this.conventions.outboxPublish(), OUTBOX_PUBLISH,
				(conclusion) -> new OutboxPublishContext(sender, tag(sender), eventId, eventType, conclusion), null);
	}

	private String tag(String sender) {
		this.senders.of(sender);
		return (this.senders.has(sender)) ? sender : Names.OTHER;
	}

	@Override
	public void describeSend(String eventId, String eventType) {
		if (context() instanceof OutboxSendContext context) {
			context.setEvent(eventId, eventType);
		}
	}

	@Override
	public Observed append(String runId, @Nullable String eventType, int events) {
		return start(DurableNotifyObservations.EVENT_APPEND, this.conventions.eventAppend(), EVENT_APPEND,
				(conclusion) -> new EventAppendContext(runId, eventType, events, conclusion), null);
	}

	@Override
	public Observed change(String topic, String key, boolean declared) {
		return start(DurableNotifyObservations.CHANGE_HANDLE, this.conventions.changeHandle(), CHANGE_HANDLE,
				(conclusion) -> new ChangeHandleContext(topic, key, declared), null);
	}

	@Override
	public Observed write(@Nullable String family, String stream) {
		return start(DurableNotifyObservations.STREAM_WRITE, this.conventions.streamWrite(), STREAM_WRITE,
				(conclusion) -> new StreamWriteContext(family, stream, conclusion), null);
	}

	@Override
	public Observed read(ObservedSource source, @Nullable Object parent) {
		return start(DurableNotifyObservations.STREAM_READ, this.conventions.streamRead(), STREAM_READ,
				(conclusion) -> new StreamReadContext(source, conclusion),
				(parent instanceof Observation observation) ? observation : null);
	}

	@Override
	public @Nullable Object current() {
		return this.registry.getCurrentObservation();
	}

	private Observation.@Nullable ContextView context() {
		Observation current = this.registry.getCurrentObservation();
		return (current != null) ? current.getContextView() : null;
	}

	private <C extends Observation.Context> Observed start(DurableNotifyObservations documentation,
			@Nullable ObservationConvention<C> custom, ObservationConvention<C> convention, Contexts<C> contexts,
			@Nullable Observation parent) {
		if (this.registry.isNoop()) {
			return Observed.NONE;
		}
		try {
			Conclusion conclusion = new Conclusion();
			C context = contexts.create(conclusion);
			Observation observation = documentation.observation(custom, convention, () -> context, this.registry);
			if (observation.isNoop()) {
				return Observed.NONE;
			}
			if (parent != null) {
				observation.parentObservation(parent);
			}
			observation.start();
			return new MicrometerObserved(this.registry, observation, conclusion, headers(context));
		}
		catch (Throwable ex) {
			FailureLog.log(logger::warn, "%s could not be observed".formatted(documentation), ex);
			return Observed.NONE;
		}
	}

	@SuppressWarnings("unchecked")
	private static Map<String, String> headers(Observation.Context context) {
		return (context instanceof SenderContext<?> sender && sender.getCarrier() instanceof Map<?, ?> carrier)
				? (Map<String, String>) carrier : Map.of();
	}

	/**
	 * Creates the context of an observation.
	 *
	 * @param <C> its type
	 */
	private interface Contexts<C extends Observation.Context> {

		C create(Conclusion conclusion);

	}

}
