//! What handlers take: every type that can be a parameter, and how it is had from a call.

mod extraction;
mod given;
mod injected;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::call::{Call, Slot, Tree};
use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::schema::{
    self, Location, Schemas, TypeSchema, got, in_words, locate, reason, wanted_by_type, wants,
    without_null,
};

pub use extraction::Extraction;
use given::TextValue;
pub use injected::{Headers, State};

/// A type that a handler can take as a parameter.
///
/// Every `Deserialize + JsonSchema` type is one: an *argument*, which the client gives and the schema shows.
/// Implement it for a type of your own that is *injected*: taken from the call's call_context and hidden from the
/// client.
///
/// ```
/// use mcp_runtime::{Call, Extraction, Param, prelude::*};
///
/// struct Tenant(String);
///
/// impl<'c> Param<'c> for Tenant {
///     fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
///         let name = call.header("x-tenant").map(|name| Self(name.to_owned()));
///         Extraction::ready(name.ok_or_else(|| "the header `X-Tenant` is missing".into()))
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

    /// Takes the value from a call. `index` is the parameter's position, which only arguments need.
    ///
    /// Parameters are extracted one after the other, in the order of the function, which runs only if all of them succeed.
    /// A parameter that has to wait uses [`Extraction::wait`]; a plain `fn` marked `inline` cannot have one.
    ///
    /// # Errors
    /// The extraction fails if the value is not available. The text of the error tells the model what to change.
    fn extract(call: &'c Call, index: usize) -> Extraction<'c, Self>;
}

/// What a parameter says of itself when the server is built.
pub struct Description<'d> {
    pub(crate) schemas: &'d mut Schemas,
    pub(crate) schema: Option<Value>,
    pub(crate) exact: bool,
    pub(crate) optional: bool,
    pub(crate) state: Option<(std::any::TypeId, &'static str)>,
}

opaque_debug!(Description<'d>, |it| schema: it.schema, optional: it.optional);

impl<'d> Description<'d> {
    pub(crate) fn new(schemas: &'d mut Schemas) -> Self {
        Self {
            schemas,
            schema: None,
            exact: false,
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
        let TypeSchema { mut schema, exact } = description.schemas.of::<T>();
        // What can be had from nothing may be left out. Asking the type, not its name, sees through aliases.
        description.optional = T::deserialize(TextValue::Nothing).is_ok();
        if description.optional {
            without_null(&mut schema);
        }
        description.schema = Some(schema);
        description.exact = exact;
    }

    fn extract(call: &'c Call, index: usize) -> Extraction<'c, Self> {
        Extraction::ready(match call.arguments.slot(index) {
            Slot::Missing => T::deserialize(TextValue::Nothing).map_err(|_| missing(call, index)),
            Slot::Json(_) => from_json(call, index),
            Slot::Text(text) => from_text(call, index, TextValue::Text(text), text.as_str()),
            Slot::List(texts) => from_text(call, index, TextValue::List(texts), texts.as_slice()),
        })
    }
}

/// Deserialises an argument straight from the request, or, where that fails, from a decoded and repaired copy.
///
/// The copy is looked at as well where serde takes more than the schema says, such as members that a struct does not have.
fn from_json<'c, T: Deserialize<'c>>(call: &'c Call, index: usize) -> Result<T, ToolError> {
    let json = call.json(index).unwrap_or_default();
    let is_null = json == "null";
    if is_null || call.signature.is_exact(index) {
        match serde_json::from_str(json) {
            Ok(value) => return Ok(value),
            // It stands for nothing, and whoever cannot be had from nothing wants to be given something.
            Err(_) if is_null => return Err(unlike(call, index, "null")),
            Err(_) => {}
        }
    }
    from_tree(call, index, json)
}

/// Takes what the schema allows, and only then asks the type, which may well try all choices within choices as the schema
/// does, but counts no steps.
fn from_tree<'c, T: Deserialize<'c>>(
    call: &'c Call,
    index: usize,
    json: &'c str,
) -> Result<T, ToolError> {
    let Some(tree) = call.tree(index) else {
        return Err(missing(call, index));
    };
    if !tree.mistakes.is_empty() {
        return Err(all(&tree.mistakes));
    }
    serde_json::from_str(json)
        .or_else(|_| T::deserialize(&tree.value))
        .map_err(|error| refused::<T>(call, index, tree, &error))
}

/// What a type takes from texts, unless its schema forbids it.
fn from_text<'c, T: Deserialize<'c>>(
    call: &'c Call,
    index: usize,
    given: TextValue<'c>,
    sent: impl Into<Value>,
) -> Result<T, ToolError> {
    let taken = T::deserialize(given);
    if taken.is_ok() && call.signature.is_exact(index) {
        return taken.map_err(ToolError::from);
    }
    let mut sent = sent.into();
    let shown = got(&sent);
    if let Some(schema) = call.signature.schema(index) {
        if sent.is_string() && schema.get("type").is_some_and(|name| name == "array") {
            sent = Value::Array(vec![sent]);
        }
        let budget = &call.arguments.budget;
        let mistakes = call.signature.repair(index, &mut sent, budget);
        if !mistakes.is_empty() {
            return Err(all(&mistakes));
        }
    }
    taken.map_err(|error| unlike(call, index, &(shown + &why(&error))))
}

/// What is said of an argument that is not what was expected.
fn unlike(call: &Call, index: usize, got: &str) -> ToolError {
    let (name, expected) = (call.signature.name(index), expected(call, index));
    ToolError::new(format!("`{name}`: expected {expected}, got {got}"))
}

fn missing(call: &Call, index: usize) -> ToolError {
    let expected = expected(call, index);
    ToolError::new(schema::missing(&call.signature.name(index), &expected))
}

fn all(mistakes: &[String]) -> ToolError {
    ToolError::new(mistakes.join("\n- "))
}

/// A value that its schema allows and its type refuses: which part of it, is known from how far the type had read.
fn refused<'c, T: Deserialize<'c>>(
    call: &'c Call,
    index: usize,
    tree: &'c Tree,
    error: &serde_json::Error,
) -> ToolError {
    let whole = Location {
        path: call.signature.name(index).to_owned(),
        value: &tree.value,
        schema: call.signature.schema(index),
        is_key: false,
    };
    let again = T::deserialize(&mut serde_json::Deserializer::from_str(tree.text()));
    let read = again.err().map_or(0, |error| error.column());
    let place = locate(whole, &call.signature.rules(&call.arguments.budget), read);
    let Location { path, value, .. } = place;
    if place.is_key {
        let expected =
            wanted_by_type(error).unwrap_or_else(|| "one that its type takes".to_owned());
        return ToolError::new(format!("`{path}`: expected a key that is {expected}"));
    }
    let expected = place
        .schema
        .map_or_else(|| "a value that fits".to_owned(), in_words);
    let wanted = place.schema.and_then(|schema| schema.get("type"));
    let why = if value.is_f64() && wants(wanted, "integer") {
        "; beyond 2^53 it is exact only without a fraction and an exponent".to_owned()
    } else {
        why(error)
    };
    ToolError::new(format!(
        "`{path}`: expected {expected}, got {}{why}",
        got(value)
    ))
}

/// Why a type refuses a value, as far as it says so itself.
fn why(error: &impl std::fmt::Display) -> String {
    match reason(error) {
        Some(reason) => format!(": {reason}"),
        None => ", which its type does not take".to_owned(),
    }
}

fn expected(call: &Call, index: usize) -> String {
    call.signature
        .schema(index)
        .map_or_else(|| "a value".to_owned(), in_words)
}
