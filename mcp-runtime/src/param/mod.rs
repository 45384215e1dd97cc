//! The parameters of handlers: the types that can be parameters, and their extraction from a call.

mod caller;
mod extraction;
mod injected;
mod text_value;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde_json::Value;

use crate::call::{Call, Slot, Tree};
use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::schema::{
    self, Location, Schemas, TypeSchema, got, in_words, locate, reason, shown, wanted_by_type,
    wants,
};

#[cfg(feature = "auth")]
pub use caller::Claims;
pub use extraction::Extraction;
#[cfg(feature = "http")]
pub use injected::Extension;
pub use injected::{Headers, State};
use text_value::TextValue;

/// A type that a handler can take as a parameter.
///
/// It is implemented for every `Deserialize + JsonSchema` type. Such a parameter is an *argument*: the client sends it, and
/// the schema describes it. Implement it for your own type to make the parameter *injected*: taken from the context of the
/// call and hidden from the client.
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
/// /// Return the name of the tenant.
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
    /// `true` if the value is injected and therefore not part of the schema.
    const INJECTED: bool = true;

    /// `true` if the value depends on the caller, such as the value of a header. The result of a component with such a
    /// parameter is never marked as cacheable by shared caches. The default is `true`.
    const DEPENDS_ON_CALLER: bool = true;

    /// Describes the requirements of the parameter when the server is built. By default there are none.
    fn describe(description: &mut Description<'_>) {
        let _ = description;
    }

    /// Extracts the value from a call. `index` is the position of the parameter; only arguments use it.
    ///
    /// Parameters are extracted one after the other, in the order of the function, which runs only if all of them succeed.
    /// A parameter that has to wait uses [`Extraction::wait`]; a plain `fn` marked `inline` cannot have one.
    ///
    /// # Errors
    /// The extraction fails if the value is not available. The message should tell the model how to correct the call.
    fn extract(call: &'c Call, index: usize) -> Extraction<'c, Self>;
}

/// The requirements of a parameter, collected when the server is built.
///
/// ```
/// use mcp_runtime::{Call, Description, Extraction, Param, ToolError};
///
/// struct Settings {
///     currency: String,
/// }
///
/// /// The currency of the server.
/// struct Currency(String);
///
/// impl<'c> Param<'c> for Currency {
///     fn describe(description: &mut Description<'_>) {
///         // A server without settings cannot be built.
///         description.needs_state::<Settings>();
///     }
///
///     fn extract(call: &'c Call, _: usize) -> Extraction<'c, Self> {
///         let settings = call.state::<Settings>().ok_or_else(|| ToolError::new("no settings"));
///         Extraction::ready(settings.map(|settings| Self(settings.currency.clone())))
///     }
/// }
/// ```
pub struct Description<'d> {
    pub(crate) schemas: &'d mut Schemas,
    pub(crate) schema: Option<Value>,
    pub(crate) exact: bool,
    pub(crate) optional: bool,
    /// `true` if the type tells null from a missing value.
    pub(crate) nullable: bool,
    pub(crate) states: Vec<(std::any::TypeId, &'static str)>,
    /// The adjective of the only functions that can take the parameter, such as "completing".
    pub(crate) only_in: Option<&'static str>,
}

opaque_debug!(Description<'d>, |it| schema: it.schema, optional: it.optional);

impl<'d> Description<'d> {
    pub(crate) fn new(schemas: &'d mut Schemas) -> Self {
        Self {
            schemas,
            schema: None,
            exact: false,
            optional: false,
            nullable: false,
            states: Vec::new(),
            only_in: None,
        }
    }

    /// Requires a state of type `T` from the server.
    pub fn needs_state<T: 'static>(&mut self) {
        self.states
            .push((std::any::TypeId::of::<T>(), std::any::type_name::<T>()));
    }

    /// Restricts the parameter to the functions with this adjective.
    pub(crate) fn only_in(&mut self, role: &'static str) {
        self.only_in = Some(role);
    }
}

#[diagnostic::do_not_recommend]
impl<'c, T: Deserialize<'c> + JsonSchema> Param<'c> for T {
    const INJECTED: bool = false;
    const DEPENDS_ON_CALLER: bool = false;

    fn describe(description: &mut Description<'_>) {
        let TypeSchema { schema, exact } = description.schemas.of::<T>();
        // A type that deserialises from a missing value is optional. Testing the type, not its name, also handles aliases.
        description.optional = T::deserialize(TextValue::Missing).is_ok();
        description.nullable = T::deserialize(TextValue::Null).is_ok();
        description.schema = Some(schema);
        description.exact = exact;
    }

    fn extract(call: &'c Call, index: usize) -> Extraction<'c, Self> {
        Extraction::ready(match call.arguments.slot(index) {
            Slot::Missing => from_nothing(call, index),
            Slot::Json(_) | Slot::Fixed(_) => from_json(call, index),
            Slot::Flattened(_) => from_members(call, index),
            Slot::Text(text) => from_text(call, index, TextValue::Text(text), text.as_str()),
            Slot::List(texts) => from_text(call, index, TextValue::List(texts), texts.as_slice()),
        })
    }
}

/// Returns the value of a type that needs no argument, unless the argument is required.
fn from_nothing<'c, T: Deserialize<'c>>(call: &'c Call, index: usize) -> Result<T, ToolError> {
    let value = T::deserialize(TextValue::Missing).ok();
    let value = value.filter(|_| !call.signature.is_required(index));
    value.ok_or_else(|| missing(call, index))
}

/// Deserialises an argument directly from the request or, if that fails, from a decoded and repaired copy.
///
/// The copy is also used for types of which serde accepts more than the schema allows, such as unknown members of a struct.
fn from_json<'c, T: Deserialize<'c>>(call: &'c Call, index: usize) -> Result<T, ToolError> {
    let json = call.json(index).unwrap_or_default();
    if json == "null" {
        // For most types null means that the argument is missing.
        return T::deserialize(TextValue::Null)
            .or_else(|_| serde_json::from_str(json))
            .map_err(|_| mismatch(call, index, "null"));
    }
    if call.signature.is_exact(index)
        && let Ok(value) = serde_json::from_str(json)
    {
        return Ok(value);
    }
    from_tree(call, index, || serde_json::from_str(json).ok())
}

/// Deserialises a flattened parameter from its members.
fn from_members<'c, T: Deserialize<'c>>(call: &'c Call, index: usize) -> Result<T, ToolError> {
    from_tree(call, index, || {
        let members = MapDeserializer::<_, serde_json::Error>::new(call.members(index)?);
        T::deserialize(members).ok()
    })
}

/// Deserialises a value only after the schema allows it: the type may try nested choices exhaustively, as the schema check
/// does, but without a limit on steps. The value as it was sent comes first, because a tree loses the digits of large numbers.
fn from_tree<'c, T: Deserialize<'c>>(
    call: &'c Call,
    index: usize,
    as_sent: impl FnOnce() -> Option<T>,
) -> Result<T, ToolError> {
    let Some(tree) = call.tree(index) else {
        return Err(missing(call, index));
    };
    if !tree.mistakes.is_empty() {
        return Err(joined(&tree.mistakes));
    }
    // The text of a prompt's argument contains the value.
    let as_sent = if call.signature.texts {
        None
    } else {
        as_sent()
    };
    as_sent
        .map_or_else(|| T::deserialize(&tree.value), Ok)
        .map_err(|error| refused_by_type::<T>(call, index, tree, &error))
}

/// Deserialises an argument from texts, unless its schema forbids the value.
fn from_text<'c, T: Deserialize<'c>>(
    call: &'c Call,
    index: usize,
    text: TextValue<'c>,
    sent: impl Into<Value>,
) -> Result<T, ToolError> {
    let value = T::deserialize(text);
    if value.is_ok() && call.signature.is_exact(index) {
        return value.map_err(ToolError::from);
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
            return Err(joined(&mistakes));
        }
    }
    value.map_err(|error| mismatch(call, index, &(shown + &type_reason(&error))))
}

/// Returns the error for an argument that is not of the expected kind.
fn mismatch(call: &Call, index: usize, got: &str) -> ToolError {
    let (name, expected) = (call.signature.name(index), expected(call, index));
    ToolError::new(format!("`{name}`: expected {expected}, got {got}"))
}

fn missing(call: &Call, index: usize) -> ToolError {
    let expected = expected(call, index);
    ToolError::new(schema::missing(&call.signature.name(index), &expected))
}

fn joined(mistakes: &[String]) -> ToolError {
    ToolError::new(mistakes.join("\n- "))
}

/// Returns the error for a value that its schema allows and its type refuses. The refused part is located by the column at
/// which deserialisation stopped.
fn refused_by_type<'c, T: Deserialize<'c>>(
    call: &'c Call,
    index: usize,
    tree: &'c Tree,
    error: &serde_json::Error,
) -> ToolError {
    let whole = Location {
        path: call.signature.path(index).to_owned(),
        value: &tree.value,
        schema: call.signature.schema(index),
        is_key: false,
    };
    let again = T::deserialize(&mut serde_json::Deserializer::from_str(tree.text()));
    let read = again.err().map_or(0, |error| error.column());
    let place = locate(whole, &call.signature.rules(&call.arguments.budget), read);
    let Location { path, value, .. } = place;
    if path.is_empty() {
        return refused_together(value, error);
    }
    if place.is_key {
        let expected =
            wanted_by_type(error).unwrap_or_else(|| "one that its type accepts".to_owned());
        return ToolError::new(format!("`{path}`: expected a key that is {expected}"));
    }
    let expected = place
        .schema
        .map_or_else(|| "a value that fits".to_owned(), in_words);
    let wanted = place.schema.and_then(|schema| schema.get("type"));
    let reason = if value.is_f64() && wants(wanted, "integer") {
        "; beyond 2^53 it is exact only without a fraction and an exponent".to_owned()
    } else {
        type_reason(error)
    };
    ToolError::new(format!(
        "`{path}`: expected {expected}, got {}{reason}",
        got(value)
    ))
}

/// Returns the error for arguments of a flattened parameter that its type refuses as a whole.
fn refused_together(arguments: &Value, error: &serde_json::Error) -> ToolError {
    let names = arguments.as_object().into_iter().flatten();
    let names: Vec<String> = names
        .map(|(name, _)| format!("`{}`", shown(name)))
        .collect();
    let reason = reason(error).unwrap_or_else(|| "their type does not accept them".to_owned());
    ToolError::new(format!("{}: {reason}", names.join(", ")))
}

/// Returns the reason that a type gives for refusing a value, if it gives one.
fn type_reason(error: &impl std::fmt::Display) -> String {
    match reason(error) {
        Some(reason) => format!(": {reason}"),
        None => ", which its type does not accept".to_owned(),
    }
}

fn expected(call: &Call, index: usize) -> String {
    call.signature
        .schema(index)
        .map_or_else(|| "a value".to_owned(), in_words)
}
