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
package io.durablenotify.benchmarks.figure;

import java.io.IOException;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Heap;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredStreams;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Threads;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Row 21. Each client has received a chunk, and then heartbeats, before it is weighed.
 */
public final class IdleClients implements Figure {

	private static final String PREFIX = "idle-";

	private static final int THREADS = 10;

	/**
	 * Tomcat keeps threads that have nothing to do for a minute.
	 */
	private static final int POOL_IDLE_MILLIS = 70_000;

	@Override
	public int row() {
		return 21;
	}

	@Override
	public String title() {
		return "idle clients, each on its own stream, one instance, beside bare asynchronous responses of the same Tomcat";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int clients = run.size().pick(10_000, 2_000, 40);
		int heartbeatMillis = run.size().pick(2_000, 2_000, 200);
		try (Database database = run.createDatabase();
				Instance instance = Instance.startWeb(database, null, List.of(StreamController.class, Bare.class),
						"durable-notify.sse.heartbeat-interval=%dms".formatted(heartbeatMillis));
				ChildProcess child = ChildProcess.start(run, SseClientProcess.class)) {
			StoredStreams.storeMany(database, PREFIX, clients, 1, Payload.text(0, Payload.BYTES));
			int threadsBefore = Threads.count();
			// Tomcat keeps buffers of connections that were closed, so all is weighed
			// beside
			// the heap before the first of them
			Clients ours = new Clients(instance, child, clients, Heap.used());
			Rounds<Double, Double> rounds = Rounds.alternate(run, ours::weighBare, ours::weighOurs);
			ours.open();
			Threads.awaitAtMost(threadsBefore + THREADS, run.size().pick(POOL_IDLE_MILLIS, POOL_IDLE_MILLIS, 1));
			double threads = Threads.count() - threadsBefore;
			ours.awaitHeartbeats(2);
			ours.close();
			return List.of(
					rounds.line("heap per client, of %,d".formatted(clients), "bytes", (bytes) -> bytes,
							(bytes) -> bytes, null),
					Line.limited("threads more than without those clients", "threads", THREADS, List.of(threads),
							Target.atMost(1))
						.remark("the limit stands for \"no thread each\""));
		}
	}

	/**
	 * The clients of one side at a time.
	 */
	private record Clients(Instance instance, ChildProcess child, int count, long bytesBefore) {

		/**
		 * Open clients and weigh them.
		 * @return the bytes of the heap per client
		 */
		double weighOurs() throws Exception {
			open();
			double bytes = weigh();
			close();
			return bytes;
		}

		void open() throws Exception {
			this.child.ask("open clients %d /streams/%s* %d".formatted(this.instance.port(), PREFIX, this.count));
			this.child.ask("events clients 1");
			awaitHeartbeats(1);
		}

		private double weigh() throws Exception {
			return (Heap.used() - this.bytesBefore) / (double) this.count;
		}

		/**
		 * Wait until each client has received heartbeats, after the first comment.
		 */
		void awaitHeartbeats(int heartbeats) throws Exception {
			this.child.ask("comments clients %d".formatted(1 + heartbeats));
		}

		double weighBare() throws Exception {
			this.child.ask("open clients %d /bare %d".formatted(this.instance.port(), this.count));
			this.child.ask("comments clients 1");
			double bytes = weigh();
			this.instance.bean(BareServlet.class).completeAll();
			close();
			return bytes;
		}

		void close() throws Exception {
			this.child.ask("close clients");
			this.instance.awaitConnections(0);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Bare {

		@Bean
		BareServlet bareServlet() {
			return new BareServlet();
		}

		@Bean
		ServletRegistrationBean<BareServlet> bareServletRegistration(BareServlet servlet) {
			return new ServletRegistrationBean<>(servlet, "/bare");
		}

	}

	/**
	 * Writes a comment without blocking, and leaves the response open.
	 */
	static final class BareServlet extends HttpServlet {

		private static final long serialVersionUID = 1L;

		private final transient Queue<AsyncContext> contexts = new ConcurrentLinkedQueue<>();

		@Override
		protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
			response.setContentType("text/event-stream");
			AsyncContext context = request.startAsync();
			context.setTimeout(0);
			this.contexts.add(context);
			response.getOutputStream().setWriteListener(new Comment(response.getOutputStream()));
		}

		void completeAll() {
			for (AsyncContext context = this.contexts.poll(); context != null; context = this.contexts.poll()) {
				context.complete();
			}
		}

	}

	private static final class Comment implements WriteListener {

		private final ServletOutputStream output;

		private boolean written;

		Comment(ServletOutputStream output) {
			this.output = output;
		}

		@Override
		public void onWritePossible() throws IOException {
			if (!this.written && this.output.isReady()) {
				this.written = true;
				this.output.write(new byte[] { ':', '\n', '\n' });
				if (this.output.isReady()) {
					this.output.flush();
				}
			}
		}

		@Override
		public void onError(Throwable failure) {
			// The client has left
		}

	}

}
