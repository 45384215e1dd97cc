//! Data as a result.

/// Data with a schema: structured content for programs, and the same as text for models.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Weather {
///     celsius: f64,
/// }
///
/// /// How warm it is.
/// #[tool]
/// async fn weather(city: String) -> Json<Weather> {
///     Json(Weather { celsius: city.len() as f64 })
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);
