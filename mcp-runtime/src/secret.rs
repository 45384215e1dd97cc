//! Values that must not appear in logs, errors and results.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

/// A value that cannot be printed or serialised by accident, such as a password or a key.
///
/// It has no `Display` and no `Serialize`, and its `Debug` does not show the value. [`Secret::expose`] returns the value. As a
/// parameter of a handler it is an argument of the type `T`, and clients see the schema of `T`.
///
/// ```
/// use mcp_runtime::{Secret, prelude::*};
///
/// /// Log in to the shop.
/// #[tool]
/// async fn log_in(user: String, password: Secret<String>) -> String {
///     tracing::debug!(?password, "a login"); // Secret(..)
///     format!("{user}: {} characters", password.expose().len())
/// }
/// ```
///
/// ```compile_fail
/// let json = serde_json::to_string(&mcp_runtime::Secret::new("key"));
/// ```
///
/// ```compile_fail
/// let text = mcp_runtime::Secret::new("key").to_string();
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Returns the value.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// The schema is that of the value.
impl<T: JsonSchema> JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
