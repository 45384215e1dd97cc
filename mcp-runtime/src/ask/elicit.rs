//! Questions to the user.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation>.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ask, form};
use crate::context::Context;
use crate::error::AskError;
use crate::protocol::capability::Capability;
use crate::questions::Question;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Context {
    /// Asks the user to fill in a form: await what this gives.
    ///
    /// `T` is a struct whose members are texts, numbers, booleans, enums of unit variants, or lists of such enums.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
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
    pub fn elicit<T>(&self, message: impl Into<String>) -> Elicitation<T> {
        Elicitation {
            context: self.clone(),
            message: message.into(),
            key: None,
            form: PhantomData,
        }
    }

    /// Sends the user to a page, where something happens that is none of the client's business: a password, a payment.
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
#[must_use = "it asks when it is awaited"]
pub struct Elicitation<T> {
    context: Context,
    message: String,
    key: Option<String>,
    form: PhantomData<fn() -> T>,
}

impl<T> Elicitation<T> {
    /// Names the question on the wire, such as `user_name`. Otherwise its name is made of what is asked.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> IntoFuture for Elicitation<T> {
    type Output = Result<T, AskError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let call = self.context.surroundings();
            let schema = form::of::<T>(call.revision.features())?;
            let params = json!({ "message": self.message, "requestedSchema": &schema });
            let question = Question {
                method: "elicitation/create",
                params: params.to_string(),
                needs: Capability::ElicitationForm,
                key: self.key,
            };
            let answer = ask(call, question, |answer| is_valid::<T>(answer, &schema)).await?;
            accepted(&answer)?;
            serde_json::from_value(answer["content"].clone())
                .map_err(|error| AskError::Json(error.to_string()))
        })
    }
}

/// Whether an answer is one: yes with the form filled in, or no.
fn is_valid<T: DeserializeOwned>(answer: &Value, form: &Value) -> bool {
    match answer["action"].as_str() {
        Some("accept") => {
            let content = &answer["content"];
            content.is_object() && form::admits(form, content) && T::deserialize(content).is_ok()
        }
        action => is_no(action),
    }
}

fn is_no(action: Option<&str>) -> bool {
    matches!(action, Some("decline" | "cancel"))
}

fn accepted(answer: &Value) -> Result<(), AskError> {
    match answer["action"].as_str() {
        Some("accept") => Ok(()),
        Some("decline") => Err(AskError::Declined),
        _ => Err(AskError::Cancelled),
    }
}

/// A page for the user: see [`Context::elicit_url`].
#[must_use = "it asks when it is awaited"]
pub struct UrlElicitation {
    context: Context,
    message: String,
    url: String,
    key: Option<String>,
}

impl UrlElicitation {
    /// Names the question on the wire. Otherwise its name is made of what is asked.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl IntoFuture for UrlElicitation {
    /// `Ok` says that the user agreed to go there, not that anything has happened.
    type Output = Result<(), AskError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let call = self.context.surroundings();
            let mut params = json!({ "mode": "url", "message": self.message, "url": self.url });
            if call.revision.features().elicitation_ids {
                let id = call.id.to_string();
                params["elicitationId"] = format!("{id}:{}", self.url).into();
            }
            let question = Question {
                method: "elicitation/create",
                params: params.to_string(),
                needs: Capability::ElicitationUrl,
                key: self.key,
            };
            let is_valid = |answer: &Value| {
                let action = answer["action"].as_str();
                action == Some("accept") || is_no(action)
            };
            let answer = ask(call, question, is_valid).await?;
            accepted(&answer)
        })
    }
}
