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

package io.durablenotify.autoconfigure;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

import javax.sql.DataSource;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamProperties;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.web.ReactiveSseRuns;
import io.durablenotify.web.ReactiveSseStreams;
import io.durablenotify.web.SseRuns;
import io.durablenotify.web.SseStreams;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.UnsatisfiedDependencyException;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.analyzer.AbstractInjectionFailureAnalyzer;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.core.annotation.MergedAnnotations;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;

/**
 * An {@link AbstractInjectionFailureAnalyzer} for a missing bean of ours. There is none
 * with the qualifier, or our auto-configuration lacks what it needs. Comes before Boot's,
 * which creates the beans of that type, as a context that has failed often cannot; comes
 * after {@link PostgresRequiredFailureAnalyzer}.
 */
@Order(1)
final class MissingBeanFailureAnalyzer extends AbstractInjectionFailureAnalyzer<NoSuchBeanDefinitionException> {

	private final ConfigurableListableBeanFactory beanFactory;

	private final Environment environment;

	MissingBeanFailureAnalyzer(BeanFactory beanFactory, Environment environment) {
		this.beanFactory = (ConfigurableListableBeanFactory) beanFactory;
		this.environment = environment;
	}

	@Override
	protected @Nullable FailureAnalysis analyze(Throwable rootFailure, NoSuchBeanDefinitionException cause,
			@Nullable String description) {
		if (cause.getResolvableType() == null || cause.getNumberOfBeansFound() > 0) {
			return null;
		}
		Class<?> type = PostgresRequiredFailureAnalyzer.element(cause.getResolvableType());
		if (!type.getName().startsWith("io.durablenotify.")) {
			return null;
		}
		String required = "%s required a bean of type '%s'"
			.formatted((description != null) ? description : "A component", type.getName());
		if (!this.environment.getProperty("durable-notify.enabled", Boolean.class, true)) {
			return new FailureAnalysis(required + " that is not there, since durable-notify.enabled is false.",
					"Set durable-notify.enabled to true, or do without %s.".formatted(type.getSimpleName()), cause);
		}
		if (isThere(type)) {
			String qualifier = qualifier(rootFailure, cause);
			return new FailureAnalysis((qualifier != null)
					? "%s with the qualifier '%s' that could not be found.".formatted(required, qualifier)
					: cause.getMessage(), action(type, qualifier), cause);
		}
		Reason reason = reason(type);
		return (reason != null) ? new FailureAnalysis(required + reason.description(), reason.action(), cause) : null;
	}

	/**
	 * Boot's report of conditions has gone with the context, so that it is not known
	 * whether our auto-configuration was looked at: in a test of a slice it was not.
	 */
	private @Nullable Reason reason(Class<?> type) {
		if (this.beanFactory.getBeanNamesForType(ApplicationDatabase.class, true, false).length > 0) {
			return web(type);
		}
		if (isThere(ApplicationDatabase.class)) {
			// Of the parent only: nothing is known of this context
			return null;
		}
		if (!ClassUtils.isPresent("org.postgresql.Driver", this.beanFactory.getBeanClassLoader())) {
			return new Reason(" that is not there, since PostgreSQL's JDBC driver is not on the class path.",
					"Add a dependency on org.postgresql:postgresql.");
		}
		List<String> dataSources = dataSources();
		if (dataSources.isEmpty()) {
			return new Reason(" that is not there, since there is no DataSource.",
					("Define a bean of type DataSource. Spring Boot defines none beside a ConnectionFactory of R2DBC, or "
							+ "where DataSourceAutoConfiguration is excluded. In a test of a slice of the application, "
							+ "mock %s.")
						.formatted(type.getSimpleName()));
		}
		if (dataSources.size() > 1 && dataSources.stream().noneMatch(this::isChosen)) {
			return new Reason(
					" that is not there, since there are several DataSources and none of them is @Primary: %s."
						.formatted(quoted(dataSources)),
					"Annotate the DataSource that durable-notify shall use with @DurableNotifyDataSource, or make it "
							+ "@Primary.");
		}
		return null;
	}

	private static @Nullable Reason web(Class<?> type) {
		if (type == SseStreams.class || type == SseRuns.class) {
			return new Reason(" that only a web application of Spring MVC has.",
					"Use Reactive%s in one of Spring WebFlux, or do without it.".formatted(type.getSimpleName()));
		}
		if (type == ReactiveSseStreams.class || type == ReactiveSseRuns.class) {
			return new Reason(
					" that only a web application of Spring WebFlux has. With both on the class path, Spring Boot "
							+ "makes one of Spring MVC.",
					"Use %s in one of Spring MVC, or set spring.main.web-application-type=reactive."
						.formatted(type.getSimpleName().substring("Reactive".length())));
		}
		return null;
	}

	/**
	 * Return the qualifier of what the missing bean was to be injected into.
	 */
	private static @Nullable String qualifier(Throwable rootFailure, NoSuchBeanDefinitionException cause) {
		for (Throwable failure = rootFailure; failure != null && failure != cause; failure = failure.getCause()) {
			if (failure.getCause() == cause && failure instanceof UnsatisfiedDependencyException unsatisfied
					&& unsatisfied.getInjectionPoint() != null) {
				return MergedAnnotations.from(unsatisfied.getInjectionPoint().getAnnotations())
					.get(Qualifier.class)
					.getValue(MergedAnnotation.VALUE, String.class)
					.filter(StringUtils::hasText)
					.orElse(null);
			}
		}
		return null;
	}

	private String action(Class<?> type, @Nullable String qualifier) {
		if (type != StreamReader.class && type != StreamWriter.class) {
			return "Leave the qualifier out, or define such a bean.";
		}
		Set<String> families = Binder.get(this.environment)
			.bind("durable-notify.streams.families", Bindable.mapOf(String.class, Object.class))
			.map(Map::keySet)
			.orElse(Set.of());
		return "%s, or leave the qualifier out for all streams. %s".formatted(familyAction(qualifier),
				(families.isEmpty()) ? "There are no families of streams."
						: "The families of streams are %s.".formatted(quoted(families)));
	}

	private static String familyAction(@Nullable String qualifier) {
		if (qualifier == null) {
			return "Use the name of a family of streams as the qualifier";
		}
		if (!StreamProperties.Family.isValidName(qualifier)) {
			return "No family can have the name '%s': use %s".formatted(qualifier, StreamProperties.Family.NAME_RULE);
		}
		return ("Set durable-notify.streams.families.%1$s.prefix to what the names of the family's streams begin with, "
				+ "such as '%1$s/'")
			.formatted(qualifier);
	}

	private boolean isThere(Class<?> type) {
		return names(type).length > 0;
	}

	private String[] names(Class<?> type) {
		return BeanFactoryUtils.beanNamesForTypeIncludingAncestors(this.beanFactory, type, true, false);
	}

	private List<String> dataSources() {
		return Arrays.stream(names(DataSource.class))
			.filter((beanName) -> definition(this.beanFactory, beanName).map(BeanDefinition::isAutowireCandidate)
				.orElse(true))
			.toList();
	}

	private boolean isChosen(String dataSource) {
		return OnDataSourceCondition.qualified(this.beanFactory).isPresent()
				|| definition(this.beanFactory, dataSource).filter(BeanDefinition::isPrimary).isPresent();
	}

	private static Optional<BeanDefinition> definition(ConfigurableListableBeanFactory beanFactory, String beanName) {
		if (!beanFactory.containsLocalBean(beanName)
				&& beanFactory.getParentBeanFactory() instanceof ConfigurableListableBeanFactory parent) {
			return definition(parent, beanName);
		}
		return (beanFactory.containsBeanDefinition(beanName)) ? Optional.of(beanFactory.getBeanDefinition(beanName))
				: Optional.empty();
	}

	private static String quoted(Collection<String> names) {
		return names.stream().map((name) -> "'" + name + "'").collect(Collectors.joining(", "));
	}

	/**
	 * Why a bean is missing.
	 *
	 * @param description the end of the description
	 * @param action the action
	 */
	private record Reason(String description, String action) {
	}

}
