//! Structured data as a result.

/// A serialisable result. A tool sends it as structured content, with its schema, and as text for models.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Weather {
///     celsius: f64,
/// }
///
/// /// Get the temperature.
/// #[tool]
/// async fn weather(city: String) -> Json<Weather> {
///     Json(Weather { celsius: city.len() as f64 })
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// Adds a text for models, which takes the place of the JSON text. The structured content and its schema stay the same.
    ///
    /// Clients that do not support structured content see only the text, so it should contain all that matters.
    ///
    /// ```
    /// use mcp_runtime::{JsonWithText, prelude::*};
    ///
    /// #[derive(serde::Serialize, schemars::JsonSchema)]
    /// struct Weather {
    ///     celsius: f64,
    /// }
    ///
    /// /// Get the temperature.
    /// #[tool]
    /// async fn weather(city: String) -> JsonWithText<Weather> {
    ///     let celsius = city.len() as f64;
    ///     Json(Weather { celsius }).with_text(format!("It is {celsius} °C in {city}."))
    /// }
    /// ```
    pub fn with_text(self, text: impl Into<String>) -> JsonWithText<T> {
        JsonWithText {
            value: self.0,
            text: text.into(),
        }
    }
}

/// The result of [`Json::with_text`]: structured content with its schema, and another text than its JSON for models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonWithText<T> {
    pub(super) value: T,
    pub(super) text: String,
}
