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

import java.math.BigInteger;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationPropertiesBindHandlerAdvisor;
import org.springframework.boot.context.properties.bind.AbstractBindHandler;
import org.springframework.boot.context.properties.bind.BindContext;
import org.springframework.boot.context.properties.bind.BindHandler;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.PropertySourcesPlaceholdersResolver;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.core.convert.ConversionException;
import org.springframework.core.convert.ConversionFailedException;
import org.springframework.core.convert.TypeDescriptor;
import org.springframework.core.env.Environment;
import org.springframework.util.unit.DataSize;

/**
 * Requires a unit of every duration and size of ours, wherever it is set. Boot takes it
 * for milliseconds or bytes, which is hardly ever meant: with a retention of 7, all that
 * has ended is deleted at once. Zero is the same in every unit. Boot reports it as it
 * does a text that is no duration, with the property's origin. That, and a text that is
 * no number, is explained with what it must be.
 */
final class UnitsBindHandlerAdvisor implements ConfigurationPropertiesBindHandlerAdvisor {

	private static final ConfigurationPropertyName PREFIX = ConfigurationPropertyName.of("durable-notify");

	private static final Map<Class<?>, String> RULES = Map.of(Duration.class,
			"a number with its unit, such as 30d, 12h, 5m, 30s or 500ms", DataSize.class,
			"a whole number with its unit, such as 1GB, 64MB, 256KB or 100B", int.class, "a whole number",
			Integer.class, "a whole number", double.class, "a number", Double.class, "a number");

	private static final Pattern NUMBER = Pattern.compile("\\+?\\d+");

	private final PropertySourcesPlaceholdersResolver placeholders;

	UnitsBindHandlerAdvisor(Environment environment) {
		this.placeholders = new PropertySourcesPlaceholdersResolver(environment);
	}

	@Override
	public BindHandler apply(BindHandler bindHandler) {
		return new AbstractBindHandler(bindHandler) {

			@Override
			public @Nullable Object onSuccess(ConfigurationPropertyName name, Bindable<?> target, BindContext context,
					Object result) {
				ConfigurationProperty property = context.getConfigurationProperty();
				if (property != null && PREFIX.isAncestorOf(name)) {
					if (result instanceof Duration) {
						requireUnit(Duration.class, property.getValue(), "%1$sd, %1$sh, %1$sm, %1$ss or %1$sms",
								"milliseconds");
					}
					else if (result instanceof DataSize) {
						requireUnit(DataSize.class, property.getValue(), "%1$sMB, %1$sKB or %1$sB", "bytes");
					}
				}
				return super.onSuccess(name, target, context, result);
			}

			@Override
			public @Nullable Object onFailure(ConfigurationPropertyName name, Bindable<?> target, BindContext context,
					Exception error) throws Exception {
				ConfigurationProperty property = context.getConfigurationProperty();
				if (property != null && PREFIX.isAncestorOf(name) && error instanceof ConversionException) {
					Exception explained = explained(target.getType().toClass(), property.getValue(), error);
					return super.onFailure(name, target, context, explained);
				}
				return super.onFailure(name, target, context, error);
			}

		};
	}

	private void requireUnit(Class<?> type, Object value, String forms, String meaning) {
		String number = String.valueOf(this.placeholders.resolvePlaceholders(value));
		if (NUMBER.matcher(number).matches() && new BigInteger(number).signum() != 0) {
			throw new ConversionFailedException(TypeDescriptor.forObject(value), TypeDescriptor.valueOf(type), value,
					new IllegalArgumentException("'%s' has no unit. Write %s: a number alone would be %s"
						.formatted(number, forms.formatted(number), meaning)));
		}
	}

	/**
	 * Say what the value must be, which Boot's reasons do not: not the units either.
	 */
	private Exception explained(Class<?> type, Object value, Exception error) {
		String text = String.valueOf(this.placeholders.resolvePlaceholders(value));
		boolean withoutUnit = (type == Duration.class || type == DataSize.class) && NUMBER.matcher(text).matches();
		String rule = RULES.get(type);
		return (rule == null || withoutUnit) ? error
				: new ConversionFailedException(TypeDescriptor.forObject(value), TypeDescriptor.valueOf(type), value,
						new IllegalArgumentException("'%s' must be %s".formatted(text, rule)));
	}

}
