//! A validator for the parts of JSON Schema that `check` does not enforce. It needs the feature `validate`, and is used
//! only for schemas with such parts.

#[cfg(feature = "validate")]
pub(crate) use with::Validator;
#[cfg(not(feature = "validate"))]
pub(crate) use without::Validator;

#[cfg(feature = "validate")]
mod with {
    use std::borrow::Cow;

    use jsonschema::paths::LocationSegment;
    use jsonschema::{Draft, ValidationError};
    use serde_json::{Value, json};

    use super::super::walk::walk;
    use super::super::words::{got, in_words};
    use crate::json_path;

    /// The maximum number of mistakes that are reported.
    const MAX_MISTAKES: usize = 20;

    /// A compiled validator of one schema.
    #[derive(Debug)]
    pub(crate) struct Validator {
        schema: Value,
        compiled: jsonschema::Validator,
        /// `true` if values are compared with each other. The validator compares objects in the order of their members, so
        /// they must be sorted.
        compares: bool,
    }

    impl Validator {
        /// Returns a validator for a schema with its definitions, or `None` if `check` enforces the whole schema.
        pub(crate) fn for_what_is_unknown(
            schema: &Value,
            definitions: Option<&Value>,
        ) -> Result<Option<Self>, String> {
            let mut whole = schema.clone();
            if let (Some(whole), Some(definitions)) = (whole.as_object_mut(), definitions) {
                whole.insert("$defs".to_owned(), definitions.clone());
            }
            let mut needed = false;
            super::super::unknown::find_unchecked(&whole, "", &mut |_, _, _| needed = true);
            needed.then(|| Self::new(whole)).transpose()
        }

        /// Returns a validator for a schema that was created at run time.
        ///
        /// # Errors
        /// Returns an error if the schema is invalid.
        pub(crate) fn of_whole(schema: &Value) -> Result<Option<Self>, String> {
            Self::new(schema.clone()).map(Some)
        }

        /// Returns a validator for a complete schema.
        ///
        /// # Errors
        /// Returns an error if the schema is invalid.
        fn new(mut schema: Value) -> Result<Self, String> {
            let mut compares = false;
            walk(&schema, "", &mut |rules, _| {
                let comparing = ["const", "enum", "uniqueItems"];
                compares |= comparing.iter().any(|keyword| rules.contains_key(*keyword));
            });
            if compares {
                schema.sort_all_objects();
            }
            let compiled = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .should_validate_formats(true)
                .build(&schema)
                .map_err(|error| error.to_string())?;
            Ok(Self {
                schema,
                compiled,
                compares,
            })
        }

        /// Returns all mistakes in a value, which has this path.
        pub(crate) fn mistakes(&self, value: &Value, path: &str) -> Vec<String> {
            let mut value = Cow::Borrowed(value);
            if self.compares {
                value.to_mut().sort_all_objects();
            }
            if self.compiled.is_valid(&value) {
                return Vec::new();
            }
            let errors = self.compiled.iter_errors(&value).take(MAX_MISTAKES);
            errors.map(|error| self.mistake(&error, path)).collect()
        }

        fn mistake(&self, error: &ValidationError<'_>, path: &str) -> String {
            let place = error.instance_path().into_iter();
            let path = place.fold(path.to_owned(), |path, step| match step {
                LocationSegment::Property(name) => {
                    json_path::joined(&path, &json_path::member(&name))
                }
                LocationSegment::Index(index) => path + &json_path::item(index),
            });
            let keyword_path = error.schema_path().as_str();
            let (place, keyword) = keyword_path.rsplit_once('/').unwrap_or_default();
            let schema = self.schema.pointer(place).unwrap_or(&Value::Null);
            let value = self.schema.pointer(keyword_path).unwrap_or(&Value::Null);
            let expected = expected(keyword, value, schema);
            format!(
                "`{path}`: expected {expected}, got {}",
                got(error.instance())
            )
        }
    }

    /// Describes the requirement of a keyword in words.
    fn expected(keyword: &str, value: &Value, schema: &Value) -> String {
        match (keyword, value) {
            ("format", Value::String(format)) => {
                in_words(&json!({ "type": "string", "format": format }))
            }
            ("pattern", pattern) => in_words(&json!({ "type": "string", "pattern": pattern })),
            ("multipleOf", factor) => format!("a multiple of {factor}"),
            ("not", schema) => format!("something other than {}", in_words(schema)),
            ("contains", schema) => format!("an array that contains {}", in_words(schema)),
            ("required" | "dependentRequired", names) => {
                format!("an object with the members in `{keyword}`: {names}")
            }
            ("type" | "enum" | "const" | "anyOf" | "oneOf", _) => in_words(schema),
            (keyword, value) => {
                format!("a value that satisfies `{keyword}` of its schema: {value}")
            }
        }
    }
}

#[cfg(not(feature = "validate"))]
mod without {
    use serde_json::Value;

    /// An empty type: there are no validators without the feature.
    #[derive(Debug)]
    pub(crate) enum Validator {}

    #[allow(clippy::unnecessary_wraps)] // as with the feature
    impl Validator {
        pub(crate) fn for_what_is_unknown(
            _schema: &Value,
            _definitions: Option<&Value>,
        ) -> Result<Option<Self>, String> {
            Ok(None)
        }

        pub(crate) fn of_whole(_schema: &Value) -> Result<Option<Self>, String> {
            Ok(None)
        }

        pub(crate) fn mistakes(&self, _value: &Value, _path: &str) -> Vec<String> {
            match *self {}
        }
    }
}
