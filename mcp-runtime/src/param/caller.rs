//! The caller of a request as a parameter.

#[cfg(feature = "auth")]
use std::ops::Deref;

#[cfg(feature = "auth")]
use serde::de::DeserializeOwned;
#[cfg(feature = "auth")]
use serde_json::{Map, Value};

use super::{Extraction, Param};
use crate::call::Call;
use crate::error::ToolError;
use crate::owner::Principal;

/// A call without an authenticated caller is refused with -32600, over HTTP 403. A handler that serves both takes [`Context`](crate::Context) and calls
/// [`Context::principal`](crate::Context::principal).
///
/// ```
/// use mcp_runtime::{Principal, prelude::*};
/// use serde_json::json;
///
/// /// Return the name of the caller.
/// #[tool]
/// async fn whoami(caller: Principal) -> String {
///     caller.id().to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let server = || Server::new("app", "1.0.0").with(components![whoami]);
/// let client = server().client().principal(Principal::new("ada")).await;
/// assert_eq!(client.call("whoami", json!({})).await?.text(), "ada");
/// let client = server().client().await;
/// assert!(client.call("whoami", json!({})).await.is_err());
/// # Ok(())
/// # }
/// ```
#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Principal {
    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        Extraction::ready(call.context.origin.principal.clone().ok_or_else(nobody))
    }
}

fn nobody() -> ToolError {
    ToolError::of_caller(
        "This needs an authenticated caller, and nobody has authenticated this request",
    )
}

/// The claims of the caller's token, as a type of the application.
///
/// They are what the [authentication](crate::Server::auth) of the server has verified: the claims of a JWT, the answer of an
/// introspection, or what an [`Authenticate`](crate::Authenticate) puts into [`Identity::claims`](crate::Identity::claims). A
/// call without an authenticated caller, or with claims that the type does not accept, is refused with -32600, over HTTP 403.
///
/// ```
/// use mcp_runtime::{Claims, Identity, Principal, prelude::*};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize)]
/// struct Team {
///     team: String,
/// }
///
/// /// Return the team of the caller.
/// #[tool]
/// async fn team(claims: Claims<Team>) -> String {
///     claims.0.team
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let claims = json!({ "team": "blue" }).as_object().cloned().unwrap_or_default();
/// let identity = Identity::new(Principal::new("ada")).claims(claims);
/// let server = Server::new("app", "1.0.0").with(components![team]);
/// let client = server.client().identity(identity).await;
/// assert_eq!(client.call("team", json!({})).await?.text(), "blue");
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "auth")]
#[derive(Clone, Copy)]
pub struct Claims<T>(pub T);

#[cfg(feature = "auth")]
crate::opaque::opaque_debug!(Claims<T>);

#[cfg(feature = "auth")]
impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(feature = "auth")]
#[diagnostic::do_not_recommend]
impl<'c, T: DeserializeOwned + Send> Param<'c> for Claims<T> {
    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        Extraction::ready(claims(call).map(Self))
    }
}

#[cfg(feature = "auth")]
fn claims<T: DeserializeOwned>(call: &Call) -> Result<T, ToolError> {
    let identity = call.context.origin.identity.as_ref().ok_or_else(nobody)?;
    let claims = Value::Object(Map::clone(&identity.claims));
    serde_json::from_value(claims).map_err(|error| {
        // Claims may be personal data: the error of the type, which can repeat them, is for the log.
        tracing::warn!(%error, expected = std::any::type_name::<T>(), "the claims of a caller do not have the expected form");
        ToolError::of_caller("The claims of your token do not have the form that this server expects")
    })
}
