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
