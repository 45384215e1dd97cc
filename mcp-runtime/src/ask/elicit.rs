//! Questions to the user.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation>.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;
use serde_json::{Value, json};

use super::fields::Elicit;
use super::{ask, form};
use crate::call::Asker;
use crate::content::is_uri;
use crate::context::Context;
use crate::error::AskError;
use crate::opaque::opaque_debug;
use crate::protocol::capability::Capability;
use crate::protocol::revision::Features;
use crate::questions::Question;

impl Context {
    /// Asks the user to fill in a form. The question is sent when the returned value is awaited.
    ///
    /// Never ask for passwords, keys or payment data in a form, because the client sees the answers. Use
    /// [`Context::elicit_url`] for these.
    ///
    /// `T` derives [`Elicit`](macro@crate::Elicit): it is a struct whose fields are strings, numbers, booleans, enums
    /// of unit variants, or lists of such enums. A question that is always asked, before any other code runs, can be
    /// a parameter instead: see [`AskParam`](crate::AskParam).
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema, Elicit)]
    /// struct Booking {
    ///     /// When, such as `19:30`.
    ///     time: String,
    ///     people: u8,
    /// }
    ///
    /// /// Book a table.
    /// #[tool]
    /// async fn book(context: Context, restaurant: String) -> Result<String, ToolError> {
    ///     let booking: Booking = context.elicit("When, and for how many?").await?;
    ///     Ok(format!("{restaurant}, {}, for {}", booking.time, booking.people))
    /// }
    /// ```
    pub fn elicit<T: Elicit>(&self, message: impl Into<String>) -> Elicitation<T> {
        Elicitation {
            context: self.clone(),
            message: message.into(),
            key: None,
            form: form::of::<T>,
            read: read::<T>,
        }
    }

    /// Asks the user to open a web page, for input that the client must not see, such as a password or a payment.
    /// Never ask for such input in a form.
    ///
    /// The URL begins with `https://`, or with `http://` if its host is this machine. Characters that URLs do not allow
    /// are percent-encoded. The client sees the URL, and its
    /// traffic may be logged. The URL must therefore not contain secrets or personal data, and must not grant access
    /// without signing in. The page must itself verify that its visitor is the user who was asked: the answer only means
    /// that the user agreed to open the page. Do not use this to sign users in to the MCP server itself.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#security-considerations>.
    ///
    /// # Errors
    /// Awaiting the returned value gives [`AskError::NoForm`] for any other URL.
    pub fn elicit_url(&self, message: impl Into<String>, url: impl Into<String>) -> UrlElicitation {
        UrlElicitation {
            context: self.clone(),
            message: message.into(),
            url: url.into(),
            key: None,
        }
    }
}

/// A form for the user: see [`Context::elicit`].
///
/// ```
/// use mcp_runtime::prelude::*;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Name {
///     name: String,
/// }
///
/// /// Greet the user.
/// #[tool]
/// async fn greet(context: Context) -> Result<String, ToolError> {
///     // Nothing is sent before the `await`.
///     let question = context.elicit::<Name>("What is your name?").key("user_name");
///     Ok(format!("Hello, {}!", question.await?.name))
/// }
/// ```
#[must_use = "it asks when it is awaited"]
pub struct Elicitation<T> {
    context: Context,
    message: String,
    pub(super) key: Option<String>,
    // Function pointers, so that only `Context::elicit` has the bound `T: Elicit`: one mistake causes one compile error.
    form: fn(&Features) -> Result<Value, AskError>,
    read: fn(&Value, &Value) -> Option<T>,
}

opaque_debug!(Elicitation<T>, |it| message: it.message, key: it.key);

impl<T> Elicitation<T> {
    /// Sets the name of the question on the wire, such as `user_name`. The default name is derived from the question.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl<T: 'static> IntoFuture for Elicitation<T> {
    type Output = Result<T, AskError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let form = (self.form)(self.context.call_context().caller.features)?;
            let params = json!({ "message": self.message, "requestedSchema": &form });
            let question = Question::new(Capability::ElicitationForm, params, self.key);
            let fill_in = |answer: &Value| (self.read)(&form, &answer["content"]);
            ask(&self.context, question, |answer| decision(answer, fill_in)).await
        })
    }
}

/// Parses the content of an answer. Returns `None` if it does not match the form.
fn read<T: Elicit>(form: &Value, content: &Value) -> Option<T> {
    let is_admitted = content.is_object() && form::admits(form, content);
    T::read(content).ok().filter(|_| is_admitted)
}

/// Parses the user's decision, and converts an accepted answer with `accept`.
fn decision<T>(
    answer: &Value,
    accept: impl FnOnce(&Value) -> Option<T>,
) -> Option<Result<T, AskError>> {
    match answer["action"].as_str()? {
        "accept" => accept(answer).map(Ok),
        "decline" => Some(Err(AskError::Declined)),
        "cancel" => Some(Err(AskError::Cancelled)),
        _ => None,
    }
}

/// Returns `true` if the user may be asked to open this URL. Plain HTTP is allowed for loopback hosts only, for
/// development.
fn is_page(url: &str) -> bool {
    if !is_uri(url) {
        return false;
    }
    if let Some(rest) = url.strip_prefix("http://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        return ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    }
    url.strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']))
}

/// A web page for the user: see [`Context::elicit_url`].
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Let the user pay.
/// #[tool]
/// async fn pay(order: u32, context: Context) -> Result<String, ToolError> {
///     let page = format!("https://pay.example.com/orders/{order}");
///     context.elicit_url("Please pay on our page.", page).await?;
///     Ok("The user opens the page.".to_owned())
/// }
/// ```
#[must_use = "it asks when it is awaited"]
#[derive(Debug)]
pub struct UrlElicitation {
    context: Context,
    message: String,
    url: String,
    key: Option<String>,
}

impl UrlElicitation {
    /// Sets the name of the question on the wire. The default name is derived from the question.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl IntoFuture for UrlElicitation {
    /// `Ok` means that the user agreed to open the page, not that they completed anything there.
    type Output = Result<(), AskError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if !is_page(&self.url) {
                let reason = "the URL of a page must begin with `https://`, and its special characters must be percent-encoded";
                return Err(AskError::NoForm(reason.to_owned()));
            }
            let call = self.context.call_context();
            let mut params = json!({ "mode": "url", "message": self.message, "url": self.url });
            if call.caller.features.elicitation_ids && matches!(call.asker, Asker::Live { .. }) {
                params["elicitationId"] = call.server.pending_requests.id().into();
            }
            let question = Question::new(Capability::ElicitationUrl, params, self.key);
            ask(&self.context, question, |answer| {
                decision(answer, |_| Some(()))
            })
            .await
        })
    }
}
