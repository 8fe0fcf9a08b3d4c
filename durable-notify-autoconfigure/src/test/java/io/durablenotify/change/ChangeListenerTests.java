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

package io.durablenotify.change;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.aop.support.AopUtils;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.annotation.ReflectiveRuntimeHintsRegistrar;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.context.PropertyPlaceholderAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Scope;
import org.springframework.context.annotation.ScopedProxyMode;
import org.springframework.context.support.SimpleThreadScope;
import org.springframework.core.annotation.AliasFor;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionSynchronizationManager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ChangeListener}.
 */
@ExtendWith(OutputCaptureExtension.class)
class ChangeListenerTests {

	private final SynchronousNotifier notifier = new SynchronousNotifier();

	private final ApplicationContextRunner withoutNotifier = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, TransactionAutoConfiguration.class,
				DurableNotifyAutoConfiguration.class))
		.withPropertyValues("spring.datasource.url=jdbc:h2:mem:listeners");

	private final ApplicationContextRunner contextRunner = this.withoutNotifier.withBean(ChangeNotifier.class,
			() -> this.notifier);

	@Test
	void aMethodReceivesItsTopicsAndNoOthers() {
		this.contextRunner.withBean(Plain.class).run((context) -> {
			this.notifier.publish("first", "a");
			this.notifier.publish("second", "b");
			this.notifier.publish("aliased", "c");
			this.notifier.publish("third", "d");
			assertThat(context.getBean(Plain.class).received).containsExactly("two first/a", "two second/b",
					"one aliased/c");
			assertThat(this.notifier.topics()).containsExactlyInAnyOrder("first", "second", "aliased");
		});
	}

	static class Plain {

		final List<String> received = new ArrayList<>();

		@ChangeListener(topics = { "first", "second", "first" })
		void two(Change change) {
			this.received.add("two " + change.topic() + "/" + change.key());
		}

		@ChangeListener("aliased")
		protected void one(Change change) {
			this.received.add("one " + change.topic() + "/" + change.key());
		}

	}

	@Test
	void aMethodForChangesReceivesNoGapAndOneForGapsNoChange() {
		this.contextRunner.withBean(Both.class).run((context) -> {
			this.notifier.publish("both", "a");
			this.notifier.deliverGap("both");
			assertThat(context.getBean(Both.class).received).containsExactly("a", ChangeGap.Reason.EXPIRED);
		});
	}

	static class Both {

		final List<Object> received = new ArrayList<>();

		@ChangeListener("both")
		void on(Change change) {
			this.received.add(change.key());
		}

		@ChangeListener("both")
		void on(ChangeGap gap) {
			this.received.add(gap.reason());
		}

	}

	@Test
	void aMethodThatIgnoresItsOwnReceivesThoseOfOtherInstances() {
		this.contextRunner.withBean(OfOthers.class).run((context) -> {
			this.notifier.publish("others", "own");
			this.notifier.publish("others", "other", false);
			assertThat(context.getBean(OfOthers.class).received).containsExactly("other");
		});
	}

	static class OfOthers {

		final List<String> received = new ArrayList<>();

		@ChangeListener(topics = "others", ignoreOwn = true)
		void on(Change change) {
			this.received.add(change.key());
		}

	}

	@Test
	void topicsMayHavePlaceholders() {
		this.contextRunner.withPropertyValues("app.topic=configured")
			.withBean(WithPlaceholders.class)
			.run((context) -> assertThat(this.notifier.topics()).containsExactlyInAnyOrder("prefix/configured",
					"default"));
	}

	static class WithPlaceholders {

		@ChangeListener(topics = { "prefix/${app.topic}", "${app.other:default}" })
		void on(Change change) {
		}

	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aPlaceholderThatCannotBeResolvedIsRefused(boolean strict) {
		((strict) ? this.contextRunner
			.withConfiguration(AutoConfigurations.of(PropertyPlaceholderAutoConfiguration.class)) : this.contextRunner)
			.withBean("profiles", WithPlaceholders.class)
			.run((context) -> {
				assertThat(context).hasFailed();
				assertThat(context.getStartupFailure()).rootCause().hasMessageContaining("app.topic");
				assertThat(context.getStartupFailure()).hasMessageContaining("@ChangeListener method")
					.hasMessageContaining("WithPlaceholders.on(")
					.hasMessageContaining("of bean 'profiles' cannot be used: ")
					.hasMessageContaining("app.topic");
				assertThat(this.notifier.topics()).isEmpty();
			});
	}

	@ParameterizedTest
	@ValueSource(classes = { NoParameter.class, OtherParameter.class, TwoParameters.class, Private.class, Static.class,
			Returning.class, NoTopic.class, BlankTopic.class })
	void aMethodThatCannotBeCalledIsRefusedWithWhatIsAllowed(Class<?> type) throws Exception {
		String expected = (String) type.getDeclaredField("EXPECTED").get(null);
		this.contextRunner.withBean("profiles", type).run((context) -> {
			assertThat(context).hasFailed();
			assertThat(context.getStartupFailure()).cause()
				.isInstanceOf(ChangeListenerException.class)
				.hasMessageStartingWith("@ChangeListener method ")
				.hasMessageContaining(type.getSimpleName() + ".on(")
				.hasMessageContaining("of bean 'profiles' cannot be used: ")
				.hasMessageContaining(expected);
			assertThat(this.notifier.topics()).isEmpty();
		});
	}

	@Test
	void aBeanIsDestroyedAlsoWhereTheNotifierIsAMock() {
		Closing bean = new Closing();
		this.withoutNotifier.withBean(ChangeNotifier.class, () -> mock(ChangeNotifier.class))
			.withBean(Closing.class, () -> bean)
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(bean.closed).isTrue();
	}

	static class Closing implements DisposableBean {

		boolean closed;

		@ChangeListener("a")
		void on(Change change) {
		}

		@Override
		public void destroy() {
			this.closed = true;
		}

	}

	static class NoParameter {

		static final String EXPECTED = "The method must take one Change or one ChangeGap";

		@ChangeListener("a")
		void on() {
		}

	}

	static class OtherParameter {

		static final String EXPECTED = "The method must take one Change or one ChangeGap";

		@ChangeListener("a")
		void on(String key) {
		}

	}

	static class TwoParameters {

		static final String EXPECTED = "The method must take one Change or one ChangeGap";

		@ChangeListener("a")
		void on(Change change, ChangeGap gap) {
		}

	}

	static class Private {

		static final String EXPECTED = "neither private nor static";

		@ChangeListener("a")
		private void on(Change change) {
		}

	}

	static class Static {

		static final String EXPECTED = "neither private nor static";

		@ChangeListener("a")
		static void on(Change change) {
		}

	}

	static class Returning {

		static final String EXPECTED = "return nothing";

		@ChangeListener("a")
		String on(Change change) {
			return "";
		}

	}

	static class NoTopic {

		static final String EXPECTED = "It must name a topic";

		@ChangeListener
		void on(Change change) {
		}

	}

	static class BlankTopic {

		static final String EXPECTED = "Topic 'a b' must have 1 to 255 characters";

		@ChangeListener({ "a", "a b" })
		void on(Change change) {
		}

	}

	@Test
	void theAnnotationMayBeAMetaAnnotation() {
		this.contextRunner.withBean(Composed.class).run((context) -> {
			this.notifier.publish("composed", "own");
			this.notifier.publish("composed", "other", false);
			assertThat(context.getBean(Composed.class).received).containsExactly("other");
		});
	}

	@Target(ElementType.METHOD)
	@Retention(RetentionPolicy.RUNTIME)
	@ChangeListener(ignoreOwn = true)
	@interface OnOthersChange {

		@AliasFor(annotation = ChangeListener.class, attribute = "topics")
		String topic();

	}

	@Target(ElementType.METHOD)
	@Retention(RetentionPolicy.RUNTIME)
	@ChangeListener("prices")
	@interface OnPrice {

	}

	@Test
	void severalAnnotationsOfAMethodOfWhichOneOnlyWouldHaveAnEffectAreRefused() {
		this.contextRunner.withBean(TwiceComposed.class)
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.hasMessage(
						"Each of @OnOthersChange, @OnPrice is or has that annotation, and only one of them has an effect"));
		this.contextRunner.withBean(Overriding.class).run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(this.notifier.topics()).containsExactly("prices");
		});
	}

	static class TwiceComposed {

		@OnOthersChange(topic = "composed")
		@OnPrice
		void on(Change change) {
		}

	}

	static class Overriding extends Overridden {

		@Override
		@OnPrice
		void on(Change change) {
		}

	}

	static class Overridden {

		@OnOthersChange(topic = "composed")
		void on(Change change) {
		}

	}

	static class Composed {

		final List<String> received = new ArrayList<>();

		@OnOthersChange(topic = "composed")
		void on(Change change) {
			this.received.add(change.key());
		}

	}

	@Test
	void methodsOfSuperclassesAndInterfacesAreCalledOnce() {
		this.contextRunner.withBean(Inheriting.class).run((context) -> {
			for (String topic : List.of("inherited", "overridden", "default", "generic")) {
				this.notifier.publish(topic, "a");
			}
			assertThat(context.getBean(Inheriting.class).received).containsExactly("inherited",
					"overridden by a subclass", "default", "generic");
		});
	}

	interface WithDefault<T> {

		List<String> received();

		@ChangeListener("default")
		default void onDefault(Change change) {
			received().add("default");
		}

		@ChangeListener("generic")
		void onGeneric(T change);

	}

	static class Inherited {

		final List<String> received = new ArrayList<>();

		@ChangeListener("inherited")
		void onInherited(Change change) {
			this.received.add("inherited");
		}

		@ChangeListener("overridden")
		void onOverridden(Change change) {
			this.received.add("overridden");
		}

	}

	static class Inheriting extends Inherited implements WithDefault<Change> {

		@Override
		public List<String> received() {
			return this.received;
		}

		@Override
		void onOverridden(Change change) {
			this.received.add("overridden by a subclass");
		}

		@Override
		public void onGeneric(Change change) {
			this.received.add("generic");
		}

	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aMethodOfAProxiedBeanIsCalledThroughTheProxy(boolean classes) {
		this.contextRunner.withPropertyValues("spring.aop.proxy-target-class=" + classes)
			.withBean("proxied", TransactionalListener.class)
			.run((context) -> {
				assertThat(AopUtils.isCglibProxy(context.getBean("proxied"))).isEqualTo(classes);
				assertThat(AopUtils.isJdkDynamicProxy(context.getBean("proxied"))).isEqualTo(!classes);
				this.notifier.publish("proxied", "a");
				assertThat(context.getBean(Proxied.class).received()).containsExactly("a in a transaction: true");
				((DefaultListableBeanFactory) context.getBeanFactory()).destroySingleton("proxied");
				assertThat(this.notifier.topics()).isEmpty();
			});
	}

	interface Proxied {

		List<String> received();

		void on(Change change);

	}

	static class TransactionalListener implements Proxied {

		private final List<String> received = new ArrayList<>();

		@Override
		public List<String> received() {
			return this.received;
		}

		@Override
		@Transactional
		@ChangeListener("proxied")
		public void on(Change change) {
			this.received.add("%s in a transaction: %s".formatted(change.key(),
					TransactionSynchronizationManager.isActualTransactionActive()));
		}

	}

	@Test
	void aMethodThatTheProxyDoesNotHaveIsRefused() {
		this.contextRunner.withPropertyValues("spring.aop.proxy-target-class=false")
			.withBean("proxied", BehindAProxy.class)
			.run((context) -> assertThat(context).getFailure()
				.cause()
				.hasMessageContaining("of bean 'proxied' cannot be used: ")
				.hasMessageContaining("not found in any interface"));
	}

	@Test
	void aFinalMethodOfABeanWithAProxyIsRefused() {
		this.contextRunner.withBean("proxied", Final.class)
			.run((context) -> assertThat(context).getFailure()
				.cause()
				.isInstanceOf(ChangeListenerException.class)
				.hasMessageContaining("of bean 'proxied' cannot be used: It is final"));
		this.contextRunner.withBean("plain", FinalWithoutProxy.class)
			.run((context) -> assertThat(this.notifier.topics()).containsExactly("final"));
	}

	static class FinalWithoutProxy {

		@ChangeListener("final")
		final void on(Change change) {
		}

	}

	static class Final extends FinalWithoutProxy {

		@Transactional
		void needsAProxy() {
		}

	}

	@Test
	void topicsThatContradictEachOtherAreRefused() {
		this.contextRunner.withBean("profiles", Contradicting.class)
			.run((context) -> assertThat(context).getFailure()
				.cause()
				.isInstanceOf(ChangeListenerException.class)
				.hasMessageStartingWith("@ChangeListener of bean 'profiles' cannot be used: ")
				.hasMessageContaining("'topics' and its alias 'value'")
				.extracting("action")
				.isEqualTo("Name the topics by 'value' or by 'topics' of @ChangeListener, not by both."));
	}

	static class Contradicting {

		@ChangeListener(value = "a", topics = "b")
		void on(Change change) {
		}

	}

	static class BehindAProxy extends TransactionalListener {

		@ChangeListener("behind")
		public void onChange(Change change) {
		}

	}

	@Test
	void aLazyBeanReceivesFromItsCreationOn() {
		this.contextRunner.withBean("lazy", Plain.class, Plain::new, (definition) -> definition.setLazyInit(true))
			.run((context) -> {
				assertThat(this.notifier.topics()).isEmpty();
				Plain lazy = context.getBean(Plain.class);
				this.notifier.publish("first", "a");
				assertThat(lazy.received).hasSize(1);
			});
	}

	@Test
	void lazyInitializationOfAllBeansMakesNoneLazyThatListens() {
		this.contextRunner
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.withBean("other", Object.class)
			.withBean(Plain.class)
			.run((context) -> {
				assertThat(context.getBeanFactory().containsSingleton("other")).isFalse();
				assertThat(this.notifier.topics()).hasSize(3);
			});
	}

	@Test
	void everyInstanceOfAPrototypeReceivesUntilTheContextCloses() {
		this.contextRunner
			.withBean(OfOthers.class, OfOthers::new,
					(definition) -> definition.setScope(BeanDefinition.SCOPE_PROTOTYPE))
			.run((context) -> {
				assertThat(this.notifier.topics()).isEmpty();
				context.getBean(OfOthers.class);
				context.getBean(OfOthers.class);
				assertThat(this.notifier.topics()).hasSize(2);
				context.close();
				assertThat(this.notifier.topics()).isEmpty();
			});
	}

	@Test
	void aScopedBeanReceivesOnceForEachOfItsInstances() {
		this.contextRunner.withUserConfiguration(ScopedConfiguration.class)
			.withInitializer((context) -> context.getBeanFactory().registerScope("thread", new SimpleThreadScope()))
			.run((context) -> {
				assertThat(this.notifier.topics()).isEmpty();
				context.getBean(Plain.class).toString();
				assertThat(this.notifier.topics()).hasSize(3);
			});
	}

	@Configuration(proxyBeanMethods = false)
	static class ScopedConfiguration {

		@Bean
		@Scope(scopeName = "thread", proxyMode = ScopedProxyMode.TARGET_CLASS)
		Plain scoped() {
			return new Plain();
		}

	}

	@Test
	void anObjectThatIsTwoBeansReceivesNothingOnceItIsDestroyed() {
		Plain plain = new Plain();
		this.contextRunner.withBean("one", Plain.class, () -> plain)
			.withBean("two", Plain.class, () -> plain)
			.run((context) -> {
				assertThat(this.notifier.topics()).contains("first", "aliased");
				((DefaultListableBeanFactory) context.getBeanFactory()).destroySingleton("one");
				assertThat(this.notifier.topics()).isEmpty();
			});
	}

	@Test
	void aBeanReceivesNothingOnceItIsDestroyed() {
		this.contextRunner.withBean("plain", Plain.class).withBean("other", OfOthers.class).run((context) -> {
			((DefaultListableBeanFactory) context.getBeanFactory()).destroySingleton("plain");
			assertThat(this.notifier.topics()).containsExactly("others");
			context.close();
			assertThat(this.notifier.topics()).isEmpty();
		});
	}

	@Test
	void aBeanReceivesBeforeOthersCanUseIt() {
		this.contextRunner.withBean("plain", Plain.class)
			.withBean("user", User.class)
			.run((context) -> assertThat(context.getBean(Plain.class).received).containsExactly("two first/early"));
	}

	static class User {

		User(Plain plain, ChangeNotifier notifier) {
			notifier.publish("first", "early");
		}

	}

	@Test
	void whatAMethodThrowsIsLoggedAndItGoesOn(CapturedOutput output) {
		this.withoutNotifier.withBean(Throwing.class).run((context) -> {
			RecordingChangeHandler other = new RecordingChangeHandler();
			ChangeNotifier notifier = context.getBean(ChangeNotifier.class);
			notifier.subscribe("throwing", other);
			for (String key : List.of("a", "b", "c")) {
				notifier.publish("throwing", key);
			}
			assertThat(other.awaitKey("c").keys()).containsExactly("a", "b", "c");
			Throwing throwing = context.getBean(Throwing.class);
			Eventually.await(() -> throwing.received.size() == 3, throwing.received::toString);
			assertThat(throwing.received).containsExactly("a", "b", "c");
			assertThat(output).contains("Expected with a").doesNotContain("InvocationTargetException");
		});
	}

	static class Throwing {

		final List<String> received = new CopyOnWriteArrayList<>();

		@ChangeListener("throwing")
		void on(Change change) throws Exception {
			this.received.add(change.key());
			throw new Exception("Expected with " + change.key());
		}

	}

	@Test
	void theNotifierIsNotUsedWhereNoMethodListens() {
		this.withoutNotifier
			.withBean(ChangeNotifier.class, () -> this.notifier, (definition) -> definition.setLazyInit(true))
			.withBean("other", Object.class)
			.run((context) -> assertThat(instantiated(context, ChangeNotifier.class)).isFalse());
	}

	private static boolean instantiated(ApplicationContext context, Class<?> type) {
		DefaultListableBeanFactory beanFactory = (DefaultListableBeanFactory) context.getAutowireCapableBeanFactory();
		return beanFactory.containsSingleton(beanFactory.getBeanNamesForType(type)[0]);
	}

	@Test
	void methodsCanBeInvokedInANativeImage() throws Exception {
		RuntimeHints hints = new RuntimeHints();
		new ReflectiveRuntimeHintsRegistrar().registerRuntimeHints(hints, Plain.class, Composed.class);
		for (Method method : List.of(Plain.class.getDeclaredMethod("two", Change.class),
				Plain.class.getDeclaredMethod("one", Change.class),
				Composed.class.getDeclaredMethod("on", Change.class))) {
			assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(method)).accepts(hints);
		}
	}

}
