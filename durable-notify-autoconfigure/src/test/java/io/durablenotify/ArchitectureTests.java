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

package io.durablenotify;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.library.Architectures.LayeredArchitecture;
import com.tngtech.archunit.library.GeneralCodingRules;
import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import io.durablenotify.observation.ObservedItem;
import io.durablenotify.observation.ObservedSource;
import io.durablenotify.observation.Outcome;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.context.annotation.ImportCandidates;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.context.SmartLifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.FileSystemResource;
import org.springframework.core.io.support.PropertiesLoaderUtils;
import org.springframework.util.StringUtils;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * The rules that keep the code easy to find one's way in.
 */
class ArchitectureTests {

	private static final String ROOT = "io.durablenotify";

	/**
	 * The packages from top to bottom: each may use those of levels below its own, and
	 * those of a level do not use each other.
	 */
	private static final List<List<String>> LEVELS = List.of(List.of("autoconfigure"), List.of("actuate"),
			List.of("web"), List.of("workflow", "channel", "outbox"), List.of("stream", "event", "change", "work"),
			List.of("log"), List.of("instance"), List.of("wakeup"), List.of("listener"), List.of("schema"),
			List.of("observation"), List.of("loop"), List.of("database"), List.of("method"), List.of("properties"),
			List.of("measure"), List.of(""));

	/**
	 * The packages that are public for the other packages only.
	 */
	private static final String[] INTERNAL_PACKAGES = Stream
		.of("actuate", "database", "instance", "log", "loop", "measure", "method", "properties", "stream.append")
		.map((name) -> ROOT + "." + name)
		.toArray(String[]::new);

	/**
	 * Classes that are public without being an interface, a record, an enum or an
	 * exception, and why.
	 */
	private static final Map<String, String> PUBLIC_CLASSES = Map.ofEntries(
			Map.entry("io.durablenotify.actuate.DurableNotifyConsoleEndpoint", "Spring Boot calls its operation"),
			Map.entry("io.durablenotify.actuate.DurableNotifyEndpoint", "Spring Boot calls its operations"),
			Map.entry("io.durablenotify.actuate.DurableNotifyEndpointWebExtension", "Spring Boot calls its operations"),
			Map.entry("io.durablenotify.database.ApplicationDatabase", "every feature reaches the database by it"),
			Map.entry("io.durablenotify.database.CommitListener", "a bean of the auto-configuration"),
			Map.entry("io.durablenotify.database.CommitWrites", "every feature that writes on commit gathers by it"),
			Map.entry("io.durablenotify.database.Conflicts",
					"every feature repeats what met another transaction by it"),
			Map.entry("io.durablenotify.database.HandlerTransaction",
					"every feature calls handlers in transactions by it"),
			Map.entry("io.durablenotify.database.HandlerTransactions",
					"every feature finds the transaction manager by it"),
			Map.entry("io.durablenotify.database.Headers", "work and events store headers by it"),
			Map.entry("io.durablenotify.database.Instants", "every feature reads times by it"),
			Map.entry("io.durablenotify.database.LimitedStatement", "every feature that locks heads waits by it"),
			Map.entry("io.durablenotify.database.OneTransaction",
					"every feature that sends several statements does it by it"),
			Map.entry("io.durablenotify.database.PageQuery", "every feature reads pages by it"),
			Map.entry("io.durablenotify.database.ReadCommitted", "work and channels call functions by it"),
			Map.entry("io.durablenotify.database.ServerWatch", "health, endpoint and metrics show what it knows"),
			Map.entry("io.durablenotify.database.Spelling",
					"every feature is given texts that a database may not spell"),
			Map.entry("io.durablenotify.database.SqlErrors", "every feature classifies failures by it"),
			Map.entry("io.durablenotify.database.StoredJson", "events, channels and the outbox read JSON by it"),
			Map.entry("io.durablenotify.database.TransactionBuffer",
					"every feature keeps by it what waits for the end of a transaction"),
			Map.entry("io.durablenotify.database.Texts", "the rules that all features have for texts"),
			Map.entry("io.durablenotify.loop.AsyncCompletions", "a tool of several features"),
			Map.entry("io.durablenotify.loop.BackgroundLoop", "a tool of several features"),
			Map.entry("io.durablenotify.loop.DebugLine", "a tool of several features"),
			Map.entry("io.durablenotify.loop.FailureLog", "a tool of several features"),
			Map.entry("io.durablenotify.loop.GroupCommit", "a tool of several features"),
			Map.entry("io.durablenotify.loop.HandlerExecutors", "work runs handlers by it, too"),
			Map.entry("io.durablenotify.loop.OutageLog", "a tool of several features"),
			Map.entry("io.durablenotify.loop.PeriodicTask", "a tool of several features"),
			Map.entry("io.durablenotify.loop.SerialTask", "a tool of several features"),
			Map.entry("io.durablenotify.loop.SlowHandler", "what delivers to handlers logs slow ones by it"),
			Map.entry("io.durablenotify.loop.WorkerThread", "a tool of several features"),
			Map.entry("io.durablenotify.log.FetchMeasures", "meters are made of it; a record would break javadoc 17"),
			Map.entry("io.durablenotify.log.HandlerCall", "what calls handlers itself times them by it"),
			Map.entry("io.durablenotify.log.HandlerMeasures", "meters are made of it; a record would break javadoc 17"),
			Map.entry("io.durablenotify.method.HandlerMethod", "a tool of features with handler methods"),
			Map.entry("io.durablenotify.method.HandlerMethodProcessor", "a tool of features with handler methods"),
			Map.entry("io.durablenotify.event.NewEvent", "a value with factory methods and a private form"),
			Map.entry("io.durablenotify.listener.PromptSocketFactory", "the driver creates it by its name"),
			Map.entry("io.durablenotify.observation.AttemptContext", "the base of two contexts"),
			Map.entry("io.durablenotify.observation.ChangeHandleContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.EventAppendContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.OutboxPublishContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.OutboxSendContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.StreamReadContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.StreamWriteContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.WorkEnqueueContext", "the context of an observation"),
			Map.entry("io.durablenotify.observation.WorkHandleContext", "the context of an observation"),
			Map.entry("io.durablenotify.outbox.OutboxEvent", "a value with factory methods and a private form"),
			Map.entry("io.durablenotify.measure.Names", "what a component measures by name"),
			Map.entry("io.durablenotify.measure.Outcomes", "what a component measures by outcome"),
			Map.entry("io.durablenotify.measure.Sizes", "what a component records"),
			Map.entry("io.durablenotify.measure.Tally", "what a component counts"),
			Map.entry("io.durablenotify.measure.Timing", "what a component times"),
			Map.entry("io.durablenotify.properties.PropertyRules", "every feature checks its properties by it"),
			Map.entry("io.durablenotify.stream.append.Append", "streams' writers hand it to the pipeline"),
			Map.entry("io.durablenotify.stream.append.AppendPipeline", "streams' writers append by it"),
			Map.entry("io.durablenotify.stream.append.AppendWrite", "streams' writers append in transactions by it"),
			Map.entry("io.durablenotify.stream.append.StreamEndSql", "streams' writers end streams by it"),
			Map.entry("io.durablenotify.work.PayloadJson", "work, channels and the outbox write values by it"),
			Map.entry("io.durablenotify.web.SseOptions", "a value with factory methods and a private form"),
			Map.entry("io.durablenotify.stream.StreamPosition", "a value with factory methods and a private form"),
			Map.entry("io.durablenotify.log.LogSubscription", "a feature's own consumers take entries from it"),
			Map.entry("io.durablenotify.log.LogSubscriptions", "a feature opens its readers by it"),
			Map.entry("io.durablenotify.wakeup.PollFindings", "every feature that polls counts by it"),
			Map.entry("io.durablenotify.wakeup.PublishingWrites", "what every feature writes by"),
			Map.entry("io.durablenotify.work.WorkRequest", "a value with factory methods and a private form"));

	/**
	 * Public types of internal packages that no other package uses, and why.
	 */
	private static final Map<String, String> PUBLIC_FOR_OTHERS = Map.of(
			"io.durablenotify.actuate.DurableNotifyConsoleEndpoint", "Spring Boot calls its operation",
			"io.durablenotify.actuate.DurableNotifyEndpointWebExtension", "Spring Boot calls its operations",
			"io.durablenotify.actuate.DurableNotifyMeters", "the list of meters is generated from it",
			"io.durablenotify.actuate.MeterTag", "the list of meters is generated from it");

	/**
	 * Classes that know the driver.
	 */
	private static final Set<String> DRIVER_CLASSES = Set.of("io.durablenotify.database.OneTransaction",
			"io.durablenotify.database.Spelling", "io.durablenotify.database.SqlErrors",
			"io.durablenotify.listener.ListenerConnection", "io.durablenotify.listener.ListenerSession",
			"io.durablenotify.stream.append.AppendSql", "io.durablenotify.work.EnqueueAllSql");

	/**
	 * Classes that are not final, and why.
	 */
	private static final Map<String, String> OPEN_CLASSES = Map.of("io.durablenotify.change.ChangeSql",
			"tests make single statements of it fail or wait", "io.durablenotify.loop.HandlerPool",
			"the executor of deliveries adds when threads are started");

	private static Path output;

	private static JavaClasses classes;

	@BeforeAll
	static void importClasses() throws URISyntaxException {
		URI location = DurableNotifyAutoConfiguration.class.getProtectionDomain().getCodeSource().getLocation().toURI();
		output = Path.of(location);
		classes = new ClassFileImporter().importPath(output);
	}

	@Test
	void aPackageUsesThoseBelowItOnly() {
		LayeredArchitecture architecture = layeredArchitecture().consideringOnlyDependenciesInAnyPackage(ROOT + "..")
			.withOptionalLayers(true);
		for (int i = 0; i < LEVELS.size(); i++) {
			architecture = architecture.layer(layer(i)).definedBy(packages(i));
		}
		for (int i = 0; i < LEVELS.size(); i++) {
			architecture = (i == 0) ? architecture.whereLayer(layer(i)).mayNotBeAccessedByAnyLayer()
					: architecture.whereLayer(layer(i))
						.mayOnlyBeAccessedByLayers(Stream.iterate(0, (above) -> above + 1)
							.limit(i)
							.map(ArchitectureTests::layer)
							.toArray(String[]::new));
		}
		architecture.ensureAllClassesAreContainedInArchitectureIgnoring(none()).check(classes);
	}

	private static DescribedPredicate<JavaClass> none() {
		return DescribedPredicate.alwaysFalse();
	}

	private static String layer(int level) {
		return (level < LEVELS.size() - 1) ? String.join("/", LEVELS.get(level)) : "root";
	}

	private static String[] packages(int level) {
		return LEVELS.get(level)
			.stream()
			.map((name) -> (name.isEmpty()) ? ROOT : ROOT + "." + name + "..")
			.toArray(String[]::new);
	}

	@Test
	void packagesOfALevelDoNotUseEachOther() {
		for (int i = 0; i < LEVELS.size(); i++) {
			for (String name : packages(i)) {
				String[] others = Stream.of(packages(i)).filter((other) -> !other.equals(name)).toArray(String[]::new);
				noClasses().that()
					.resideInAPackage(name)
					.should()
					.dependOnClassesThat()
					.resideInAnyPackage(others)
					.check(classes);
			}
		}
	}

	@Test
	void appendsKnowNeitherReadersNorTheStreamsApi() {
		noClasses().that()
			.resideInAPackage(ROOT + ".stream.append")
			.should()
			.dependOnClassesThat()
			.resideInAnyPackage(ROOT + ".stream", ROOT + ".log", ROOT + ".instance")
			.check(classes);
	}

	@Test
	void packagesHaveNoCycles() {
		slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(classes);
	}

	@Test
	void everyPackageIsNullMarked() {
		ArchCondition<JavaClass> lieInNullMarkedPackage = condition("lie in a @NullMarked package",
				(type) -> type.getPackage().isAnnotatedWith(NullMarked.class));
		classes().should(lieInNullMarkedPackage).check(classes);
	}

	@Test
	void implementationsAreFinalAndPackagePrivate() {
		classes().that(areImplementations())
			.and(areNotIn(PUBLIC_CLASSES.keySet()))
			.should()
			.bePackagePrivate()
			.andShould(beFinalUnlessListed())
			.check(classes);
	}

	private static ArchCondition<JavaClass> beFinalUnlessListed() {
		return condition("be final",
				(type) -> type.getModifiers().contains(JavaModifier.FINAL) || OPEN_CLASSES.containsKey(type.getName()));
	}

	@Test
	void theListOfPublicClassesIsNoLongerThanItHasToBe() {
		assertThat(classes.stream().filter(areImplementations()))
			.filteredOn((type) -> type.getModifiers().contains(JavaModifier.PUBLIC))
			.extracting(JavaClass::getName)
			.containsExactlyInAnyOrderElementsOf(PUBLIC_CLASSES.keySet());
		assertThat(classes.stream().filter((type) -> PUBLIC_CLASSES.containsKey(type.getName())))
			.allMatch((type) -> type.getModifiers().contains(JavaModifier.FINAL)
					|| type.getModifiers().contains(JavaModifier.ABSTRACT));
	}

	@Test
	void aPublicTypeOfAnInternalPackageIsUsedByAnotherPackage() {
		ArchCondition<JavaClass> beUsedByAnotherPackage = condition("be used by another package",
				(type) -> classes.stream()
					.filter((each) -> topLevelName(each).equals(type.getName()))
					.flatMap((each) -> each.getDirectDependenciesToSelf().stream())
					.anyMatch((use) -> !use.getOriginClass().getPackageName().equals(type.getPackageName())));
		classes().that()
			.resideInAnyPackage(INTERNAL_PACKAGES)
			.and()
			.arePublic()
			.and()
			.areTopLevelClasses()
			.and()
			.areNotAnnotatedWith(ConfigurationProperties.class)
			.and(areNotIn(PUBLIC_FOR_OTHERS.keySet()))
			.should(beUsedByAnotherPackage)
			.check(classes);
	}

	private static DescribedPredicate<JavaClass> areImplementations() {
		return DescribedPredicate.describe("are implementations",
				(type) -> type.isTopLevelClass() && !type.isInterface() && !type.isRecord() && !type.isEnum()
						&& !type.isAssignableTo(Throwable.class) && !type.isMetaAnnotatedWith(Configuration.class)
						&& !type.isAnnotatedWith(Configuration.class)
						&& !type.isAnnotatedWith(ConfigurationProperties.class)
						&& !type.getSimpleName().equals("package-info"));
	}

	private static DescribedPredicate<JavaClass> areNotIn(Set<String> listed) {
		return DescribedPredicate.describe("are not listed", (type) -> !listed.contains(topLevelName(type)));
	}

	/**
	 * Nested classes are listed with the one around them.
	 */
	private static String topLevelName(JavaClass type) {
		return type.getName().split("\\$", 2)[0];
	}

	@Test
	void exceptionsAreFinalUnlessAbstractOrSealed() {
		ArchCondition<JavaClass> beFinalAbstractOrSealed = condition("be final, abstract or sealed",
				(type) -> type.getModifiers().contains(JavaModifier.FINAL)
						|| type.getModifiers().contains(JavaModifier.ABSTRACT) || type.reflect().isSealed());
		classes().that().areAssignableTo(Throwable.class).should(beFinalAbstractOrSealed).check(classes);
	}

	@Test
	void autoConfigurationsArePublicFinalAndRegistered() {
		ArchRule rule = classes().that()
			.areAnnotatedWith(AutoConfiguration.class)
			.should()
			.bePublic()
			.andShould()
			.haveModifier(JavaModifier.FINAL)
			.andShould()
			.resideInAPackage(ROOT + ".autoconfigure");
		rule.check(classes);
		assertThat(ImportCandidates.load(AutoConfiguration.class, getClass().getClassLoader())
			.getCandidates()
			.stream()
			.filter((name) -> name.startsWith(ROOT + ".")))
			.containsExactlyInAnyOrderElementsOf(names((type) -> type.isAnnotatedWith(AutoConfiguration.class)));
	}

	@Test
	void failureAnalyzersAreRegistered() throws IOException {
		Properties factories = PropertiesLoaderUtils
			.loadProperties(new FileSystemResource(output.resolve("META-INF/spring.factories")));
		assertThat(StringUtils.commaDelimitedListToSet(factories.getProperty(FailureAnalyzer.class.getName())))
			.containsExactlyInAnyOrderElementsOf(names((type) -> type.isAssignableTo(FailureAnalyzer.class)));
	}

	private static List<String> names(Predicate<JavaClass> predicate) {
		return classes.stream().filter(predicate).map(JavaClass::getName).toList();
	}

	@Test
	void configurationsNeedNoProxies() {
		ArchCondition<JavaClass> haveNoProxies = condition("have proxyBeanMethods = false",
				(type) -> !type.getAnnotationOfType(Configuration.class).proxyBeanMethods());
		classes().that().areAnnotatedWith(Configuration.class).should(haveNoProxies).check(classes);
	}

	@Test
	void beanMethodsArePackagePrivateAndWithoutConditionsOnClasses() {
		methods().that().areAnnotatedWith(Bean.class).should().bePackagePrivate().check(classes);
		noMethods().that()
			.areAnnotatedWith(Bean.class)
			.should()
			.beAnnotatedWith(ConditionalOnClass.class)
			.because("a method's signature is loaded before its condition is looked at")
			.check(classes);
	}

	@Test
	void beansAreNamedAsOursAndNotDeclaredAsWhatSpringStarts() {
		methods().that().areAnnotatedWith(Bean.class).should().haveNameStartingWith("durableNotify").check(classes);
		methods().that()
			.areAnnotatedWith(Bean.class)
			.should()
			.notHaveRawReturnType(JavaClass.Predicates.assignableTo(SmartLifecycle.class))
			.because("Spring creates those at start-up although they are lazy, PostgreSQL or not")
			.check(classes);
	}

	@Test
	void nothingStaticIsMutable() {
		fields().that().areStatic().should().beFinal().check(classes);
		fields().that()
			.areStatic()
			.should(notHoldState())
			.because("a final reference to what changes is as mutable as any")
			.check(classes);
	}

	private static ArchCondition<JavaField> notHoldState() {
		return new ArchCondition<>("be of a type that holds no state") {

			@Override
			public void check(JavaField field, ConditionEvents events) {
				JavaClass type = field.getRawType();
				boolean holdsState = type.isAssignableTo(ThreadLocal.class)
						|| (type.getPackageName().startsWith("java.util.concurrent")
								&& !type.isEquivalentTo(TimeUnit.class));
				events.add(new SimpleConditionEvent(field, !holdsState, field.getDescription()));
			}

		};
	}

	@Test
	void nothingIsLoggedPastCommonsLogging() {
		GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING.check(classes);
		GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(classes);
		noClasses().should().dependOnClassesThat().resideInAnyPackage("org.slf4j..", "ch.qos.logback..").check(classes);
	}

	@Test
	void beansAreInjectedByConstructors() {
		GeneralCodingRules.NO_CLASSES_SHOULD_USE_FIELD_INJECTION.check(classes);
	}

	@Test
	void theTimeComesFromAClock() {
		noClasses().should()
			.callMethod(Instant.class, "now")
			.orShould()
			.callMethod(System.class, "currentTimeMillis")
			.check(classes);
	}

	@Test
	void tasksAreDelayedByDelays() {
		noClasses().should()
			.callMethod(CompletableFuture.class, "delayedExecutor", long.class, TimeUnit.class)
			.orShould()
			.callMethod(CompletableFuture.class, "delayedExecutor", long.class, TimeUnit.class, Executor.class)
			.because("Delays is there for that")
			.check(classes);
	}

	@Test
	void onlyListedClassesKnowTheDriver() {
		noClasses().that(areNotIn(DRIVER_CLASSES))
			.should()
			.dependOnClassesThat()
			.resideInAPackage("org.postgresql..")
			.check(classes);
	}

	@Test
	void onlyObservationsAndOperationsKnowMicrometer() {
		noClasses().that()
			.resideOutsideOfPackages(ROOT + ".observation", ROOT + ".actuate", ROOT + ".autoconfigure")
			.should()
			.dependOnClassesThat()
			.resideInAPackage("io.micrometer..")
			.check(classes);
		noClasses().that()
			.resideOutsideOfPackages(ROOT + ".observation", ROOT + ".autoconfigure")
			.should()
			.dependOnClassesThat(JavaClass.Predicates.resideInAPackage(ROOT + ".observation")
				.and(DescribedPredicate.not(JavaClass.Predicates.belongToAnyOf(Observations.class, Observed.class,
						ObservedItem.class, ObservedSource.class, Outcome.class))))
			.because("the others need Micrometer")
			.check(classes);
	}

	/**
	 * After executeQuery() and executeUpdate() no code reads a second result.
	 */
	@Test
	void severalStatementsAreSentAsOneTransactionOnly() {
		noClasses().that()
			.doNotBelongToAnyOf(OneTransaction.class)
			.should()
			.callMethod(PreparedStatement.class, "execute")
			.check(classes);
	}

	@Test
	void noMigrationLiesWhereAnApplicationsFlywayLooks() throws IOException {
		assertThat(output.resolve("db")).doesNotExist();
		try (Stream<Path> files = Files.walk(output)) {
			assertThat(files.filter((file) -> file.toString().endsWith(".sql"))).isNotEmpty()
				.allMatch((file) -> output.relativize(file).startsWith("io/durablenotify"));
		}
	}

	private static ArchCondition<JavaClass> condition(String description, Predicate<JavaClass> predicate) {
		return new ArchCondition<>(description) {

			@Override
			public void check(JavaClass type, ConditionEvents events) {
				events.add(new SimpleConditionEvent(type, predicate.test(type),
						type.getDescription() + " does not " + description));
			}

		};
	}

}
