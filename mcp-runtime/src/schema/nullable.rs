//! The deserialisation of nullable fields.

use serde::{Deserialize, Deserializer};

/// Deserialises a field of a struct in which null is not the same as no value, for `#[serde(deserialize_with)]`.
///
/// serde itself reads both as `None`. The field also needs a default, and a mark for its schema, which then allows null:
///
/// ```
/// use mcp_runtime::prelude::*;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
///
/// /// A change of a task.
/// #[derive(Deserialize, JsonSchema)]
/// struct Change {
///     /// The new due date; null removes it.
///     #[serde(default, deserialize_with = "mcp_runtime::nullable")]
///     #[schemars(extend("nullable" = true))]
///     due: Option<Option<String>>,
/// }
///
/// /// Change a task.
/// #[tool]
/// async fn change(change: Change) -> String {
///     match change.due {
///         None => "The due date stays".to_owned(),
///         Some(None) => "There is no due date any more".to_owned(),
///         Some(Some(due)) => format!("The task is due on {due}"),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("tasks", "1.0.0").with(components![change]).client().await;
/// for (change, expected) in [
///     (json!({}), "The due date stays"),
///     (json!({ "due": null }), "There is no due date any more"),
///     (json!({ "due": "2026-07-28" }), "The task is due on 2026-07-28"),
/// ] {
///     assert_eq!(client.call("change", json!({ "change": change })).await?.text(), expected);
/// }
/// let schema = &client.tools().await?[0]["inputSchema"]["properties"]["change"];
/// assert_eq!(schema["properties"]["due"]["type"], json!(["string", "null"]));
/// assert_eq!(schema.get("required"), None);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns an error if the value is neither null nor a `T`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
