//! What handlers take: every type that can be a parameter, and how it is had from a call.

mod absent;
mod injected;
mod text;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::call::{Call, Slot};
use crate::error::ToolError;
use crate::schema::{Schemas, in_words, without_null, without_optional_nulls};

pub use injected::{Headers, State};

/// A type that a handler can take as a parameter.
///
/// Every `Deserialize + JsonSchema` type is one: an *argument*, which the client gives and the schema shows.
/// Implement it for a type of your own that is *injected*: taken from the call's surroundings and hidden from the
/// client.
///
/// ```
/// use mcp_runtime::{Call, Param, ToolError, prelude::*};
///
/// struct Tenant(String);
///
/// impl<'c> Param<'c> for Tenant {
///     fn extract(call: &'c Call, _index: usize) -> Result<Self, ToolError> {
///         let name = call.header("x-tenant").ok_or("the header `X-Tenant` is missing")?;
///         Ok(Self(name.to_owned()))
///     }
/// }
///
/// /// Who asks.
/// #[tool]
/// async fn whoami(tenant: Tenant) -> String {
///     tenant.0
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a tool, resource or prompt",
    label = "neither an argument nor something that is injected",
    note = "an argument, and every type in it, needs `#[derive(serde::Deserialize, schemars::JsonSchema)]`",
    note = "to use a value of the application, take `State<T>` of a `T: Send + Sync`, and give it to the server with `.state(..)`",
    note = "everything but `&str` is taken by value: `Vec<T>` for `&[T]`, `Context` for `&Context`"
)]
pub trait Param<'c>: Sized {
    /// Whether the value is injected, and so no part of the schema.
    const INJECTED: bool = true;

    /// Whether the value depends on who asks, as what headers say does. A result made of it is never offered to caches
    /// that others share. What is injected depends on it unless this says otherwise.
    const DEPENDS_ON_CALLER: bool = true;

    /// Says what the parameter needs, when the server is built. What is injected needs nothing by default.
    fn describe(description: &mut Description<'_>) {
        let _ = description;
    }

    /// Takes the value from a call; `index` is the parameter's position, which only arguments need.
    ///
    /// # Errors
    /// The value cannot be had; the text tells the model what to do about it.
    fn extract(call: &'c Call, index: usize) -> Result<Self, ToolError>;
}

/// What a parameter says of itself when the server is built.
pub struct Description<'d> {
    pub(crate) schemas: &'d mut Schemas,
    pub(crate) schema: Option<Value>,
    pub(crate) optional: bool,
    pub(crate) state: Option<(std::any::TypeId, &'static str)>,
}

impl<'d> Description<'d> {
    pub(crate) fn new(schemas: &'d mut Schemas) -> Self {
        Self {
            schemas,
            schema: None,
            optional: false,
            state: None,
        }
    }

    /// Asks for a value of type `T` among the server's states.
    pub fn needs_state<T: 'static>(&mut self) {
        self.state = Some((std::any::TypeId::of::<T>(), std::any::type_name::<T>()));
    }
}

#[diagnostic::do_not_recommend]
impl<'c, T: Deserialize<'c> + JsonSchema> Param<'c> for T {
    const INJECTED: bool = false;
    const DEPENDS_ON_CALLER: bool = false;

    fn describe(description: &mut Description<'_>) {
        let mut schema = description.schemas.of::<T>();
        // What can be had from nothing may be left out. Asking the type, not its name, sees through aliases.
        description.optional = T::deserialize(absent::Absent).is_ok();
        if description.optional {
            without_null(&mut schema);
        }
        without_optional_nulls(&mut schema);
        description.schema = Some(schema);
    }

    fn extract(call: &'c Call, index: usize) -> Result<Self, ToolError> {
        match call.arguments.slot(index) {
            Slot::Missing => T::deserialize(absent::Absent).map_err(|_| missing(call, index)),
            Slot::Json(_) => from_json(call, index),
            Slot::Text(value) => T::deserialize(text::Text(value))
                .map_err(|error| wrong(call, index, &error.to_string())),
            Slot::List(values) => T::deserialize(text::List(values))
                .map_err(|error| wrong(call, index, &error.to_string())),
        }
    }
}

/// Deserialises an argument straight from the request, or, where that fails, from a decoded and repaired copy.
fn from_json<'c, T: Deserialize<'c>>(call: &'c Call, index: usize) -> Result<T, ToolError> {
    let json = call.json(index).unwrap_or_default();
    let error = match serde_json::from_str(json) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if json == "null" {
        return Err(missing(call, index));
    }
    match call.tree(index).map(T::deserialize) {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(wrong(call, index, &error.to_string())),
        None => Err(wrong(call, index, &error.to_string())),
    }
}

fn missing(call: &Call, index: usize) -> ToolError {
    let name = call.signature.name(index);
    let expected = expected(call, index);
    ToolError::new(format!("`{name}` is missing; expected {expected}"))
}

fn wrong(call: &Call, index: usize, reason: &str) -> ToolError {
    let name = call.signature.name(index);
    let expected = expected(call, index);
    ToolError::new(format!("`{name}`: expected {expected}; {reason}"))
}

fn expected(call: &Call, index: usize) -> String {
    call.signature
        .schema(index)
        .map_or_else(|| "a value".to_owned(), in_words)
}

/// What a generated call does for each parameter: takes it, or notes why it could not.
pub(crate) fn take<'c, T: Param<'c>>(call: &'c Call, index: usize) -> Option<T> {
    T::extract(call, index)
        .map_err(|reason| call.reject(&reason))
        .ok()
}

/// [`take`] for a parameter with a default, which null stands for as well.
pub(crate) fn take_or<'c, T: Param<'c>>(
    call: &'c Call,
    index: usize,
    default: impl FnOnce() -> T,
) -> Option<T> {
    match call.arguments.slot(index) {
        Slot::Missing => Some(default()),
        Slot::Json(_) if call.json(index) == Some("null") => Some(default()),
        _ => take(call, index),
    }
}
