//! Traits of forms and their fields. The compiler rejects types that the protocol cannot ask for.
//!
//! The `form` module builds the form from the schema of the type.

use std::collections::{BTreeSet, HashSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema::Schemas;

/// A form: a type that [`Context::elicit`](crate::Context::elicit) and `#[ask]` can ask for.
///
/// `#[derive(Elicit)]` implements this trait for a struct whose fields are all [`ElicitField`]s. For an enum of unit
/// variants, it implements [`ElicitField`] and [`ElicitChoice`]. Do not implement this trait by hand: the derive macro
/// checks the fields.
///
/// The contents of the form are taken from the type:
///
/// | in the form | from |
/// |---|---|
/// | names | fields and variants, after `#[serde(rename)]` and `#[serde(rename_all)]` |
/// | descriptions | doc comments |
/// | titles, also of variants | `#[schemars(title = "..")]`; a variant without it uses its doc comment |
/// | string formats | `#[schemars(email)]`, `#[schemars(url)]`, `#[schemars(extend("format" = "date"))]` or `"date-time"` |
/// | bounds | `#[schemars(range(min = 1, max = 20))]` for numbers, `#[schemars(length(..))]` for strings and lists |
/// | optional fields | `Option<T>`, or `#[serde(default)]`, whose value is filled in for the user |
///
/// If an answer exceeds the bounds or has another type, the question is repeated. The third such answer is
/// [`AskError::Invalid`](crate::AskError::Invalid). Formats and patterns are not checked, and not all clients enforce
/// them: validate the values that matter.
///
/// Older revisions support less:
///
/// | revision | support |
/// |---|---|
/// | 2026-07-28, 2025-11-25 | everything |
/// | 2025-06-18 | titles of variants are sent as `enumNames`; only defaults of booleans are filled in, although all defaults apply; a form with a `Vec` or set is [`AskError::NoForm`](crate::AskError::NoForm) |
/// | 2025-03-26, 2024-11-05 | no questions: [`AskError::CannotBeAsked`](crate::AskError::CannotBeAsked) |
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
///     seats: Option<Seats>,
///     extras: Vec<Extra>,
/// }
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// enum Seats {
///     Inside,
///     Outside,
/// }
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// enum Extra {
///     HighChair,
///     WheelchairAccess,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no form that the protocol can ask for",
    label = "not a form",
    note = "a form is a struct with `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
pub trait Elicit: Answerable {}

/// A field of a form.
///
/// It is implemented for `String`, integers of up to 64 bits, `f32`, `f64`, `bool`, enums of unit variants that derive
/// [`Elicit`](macro@crate::Elicit), a `Vec` or set of such an enum, and an `Option` of any of these. Implement it for
/// your own type if its schema equals the schema of one of these, such as a date that is serialised as a string.
///
/// ```
/// use std::borrow::Cow;
///
/// use mcp_runtime::{ElicitField, prelude::*};
/// use schemars::{JsonSchema, Schema, SchemaGenerator};
/// use serde::Deserialize;
///
/// /// A date as a text, whose schema is that of a string.
/// #[derive(Deserialize)]
/// struct Day(String);
///
/// impl JsonSchema for Day {
///     fn schema_name() -> Cow<'static, str> {
///         "Day".into()
///     }
///
///     fn json_schema(_: &mut SchemaGenerator) -> Schema {
///         schemars::json_schema!({ "type": "string", "format": "date" })
///     }
/// }
///
/// impl ElicitField for Day {}
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Booking {
///     day: Day,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a form",
    label = "the protocol cannot ask for this",
    note = "a form is flat: its fields are `String`, integers of up to 64 bits, `f32`, `f64`, `bool`, enums of unit variants, a `Vec` or set of such an enum, and an `Option` of any of these",
    note = "an enum of unit variants needs `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
pub trait ElicitField {}

/// An enum of unit variants. A field of a form can have one value of it, or a list of values. `#[derive(Elicit)]`
/// implements it.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// /// An enum of unit variants can be a field, or a list in a field.
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// enum Extra {
///     HighChair,
///     Terrace,
/// }
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Booking {
///     extras: Vec<Extra>,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no enum that a form can have several values of",
    label = "not an enum of unit variants",
    note = "it needs `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
pub trait ElicitChoice: ElicitField + Answerable {}

/// A type that an answer can be deserialised into: every type that is `Deserialize` and `JsonSchema`.
#[diagnostic::on_unimplemented(
    message = "no answer can be read into `{Self}`",
    label = "neither `Deserialize` nor `JsonSchema`, or only one of them",
    note = "what is asked for, and every type in it, needs `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
// Methods replace the supertraits `Deserialize` and `JsonSchema`: each missing supertrait would be a compile error of
// its own.
pub trait Answerable: Sized + 'static {
    /// Returns the schema of an answer.
    #[doc(hidden)]
    fn schema(schemas: &mut Schemas) -> Value;

    /// Deserialises an answer.
    ///
    /// # Errors
    /// Returns an error if the answer does not match the type.
    #[doc(hidden)]
    fn read(answer: &Value) -> serde_json::Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + 'static> Answerable for T {
    fn schema(schemas: &mut Schemas) -> Value {
        schemas.of::<T>().schema
    }

    fn read(answer: &Value) -> serde_json::Result<Self> {
        T::deserialize(answer)
    }
}

macro_rules! fields {
    ($($scalar:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl ElicitField for $scalar {}
    )*};
}

fields!(String bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64);

#[diagnostic::do_not_recommend]
impl<T: ElicitField> ElicitField for Option<T> {}

#[diagnostic::do_not_recommend]
impl<T: ElicitChoice> ElicitField for Vec<T> {}

#[diagnostic::do_not_recommend]
impl<T: ElicitChoice> ElicitField for BTreeSet<T> {}

#[diagnostic::do_not_recommend]
impl<T: ElicitChoice, S> ElicitField for HashSet<T, S> {}
