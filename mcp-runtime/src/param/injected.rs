//! Parameters that are taken from the call context and hidden from clients.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::{Description, Extraction, Param};
use crate::call::{Call, Cancel};
use crate::error::ToolError;
use crate::protocol::HeaderSource;

/// A value of the application that all calls share, from [`Server::state`](crate::Server::state),
/// [`Server::shared_state`](crate::Server::shared_state), [`Server::state_from`](crate::Server::state_from) or
/// [`Server::lifespan`](crate::Server::lifespan).
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// struct Greeting(String);
///
/// /// Greet someone.
/// #[tool]
/// async fn greet(name: String, greeting: State<Greeting>) -> String {
///     format!("{} {name}", greeting.0)
/// }
///
/// let server = Server::new("greeter", "1.0.0")
///     .with(components![greet])
///     .state(Greeting("Hello,".to_owned()));
/// ```
///
/// Building the server fails if a component takes a state that was not registered.
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    /// Returns the shared value.
    pub fn into_inner(self) -> Arc<T> {
        self.0
    }
}

/// For calling a handler as a plain function, for instance in a test.
impl<T> From<T> for State<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[diagnostic::do_not_recommend]
impl<'c, T: Send + Sync + 'static> Param<'c> for State<T> {
    const DEPENDS_ON_CALLER: bool = false;

    fn describe(description: &mut Description<'_>) {
        description.needs_state::<T>();
    }

    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        // Unreachable in a served call: building fails without the state, and so does serving if the lifespan fails.
        let state = call.state().map(Self);
        Extraction::ready(state.ok_or_else(|| ToolError::new("the server has no such state")))
    }
}

/// The HTTP headers of the request.
///
/// Without HTTP they are those of [`ClientBuilder::header`](crate::ClientBuilder::header), of
/// [`TestContext::header`](crate::TestContext::header) or of the option `--header`, and otherwise empty.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use serde_json::json;
///
/// /// Return the name of the tenant.
/// #[tool(read_only)]
/// async fn tenant(headers: Headers) -> String {
///     headers.get("x-tenant").unwrap_or("nobody").to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let client = Server::new("app", "1.0.0").with(components![tenant]).client().header("X-Tenant", "acme").await;
/// assert_eq!(client.call("tenant", json!({})).await?.text(), "acme");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Headers(Option<Arc<dyn HeaderSource>>);

impl Headers {
    /// Returns the value of a header, or `None` if it is missing or not visible ASCII. Names are case-insensitive.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets.
        formatter.write_str("Headers(..)")
    }
}

#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Headers {
    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        Extraction::ready(Ok(Self(call.context.origin.headers.clone())))
    }
}

/// A value in the extensions of the request: that which an outer tower or axum layer around
/// [`Server::into_service`](crate::Server::into_service) inserted.
///
/// A call without the value is refused with an error that names the type. A handler that needs no value takes
/// [`Context`](crate::Context) and calls [`Context::extension`](crate::Context::extension), which also says where values come from.
///
/// ```
/// use mcp_runtime::{Extension, prelude::*};
///
/// #[derive(Clone)]
/// struct Tenant(String);
///
/// /// Return the name of the tenant.
/// #[tool]
/// async fn tenant(tenant: Extension<Tenant>) -> String {
///     tenant.0.0
/// }
/// ```
#[cfg(feature = "http")]
#[derive(Debug, Clone, Copy)]
pub struct Extension<T>(pub T);

#[cfg(feature = "http")]
impl<T> Deref for Extension<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(feature = "http")]
#[diagnostic::do_not_recommend]
impl<'c, T: Clone + Send + Sync + 'static> Param<'c> for Extension<T> {
    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        let value = call.context.origin.extensions.get::<T>().cloned();
        Extraction::ready(value.map(Self).ok_or_else(|| {
            ToolError::new(format!(
                "the request has no extension `{}`: a layer around `Server::into_service` inserts it",
                std::any::type_name::<T>()
            ))
        }))
    }
}

#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Cancel {
    const DEPENDS_ON_CALLER: bool = false;

    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        Extraction::ready(Ok(call.cancel()))
    }
}
