//! What a form may be, as traits: the compiler refuses what the protocol cannot ask for.
//!
//! The form itself is made of the schema, in `form`.

use std::collections::{BTreeSet, HashSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema::Schemas;

/// A form: a type that [`Context::elicit`](crate::Context::elicit) and `#[ask]` can ask for.
///
/// `#[derive(Elicit)]` makes a form of a struct, if each of its fields is an [`ElicitField`], and makes such a field of an
/// enum of unit variants. Do not implement it by hand: the derive is what checks the fields.
///
/// What the user sees is taken from where it stands anyway:
///
/// | in the form | from |
/// |---|---|
/// | names | the fields and variants, as `#[serde(rename)]` and `#[serde(rename_all)]` have them |
/// | descriptions | doc comments |
/// | titles, also of variants | `#[schemars(title = "..")]`; a variant without one shows its doc comment |
/// | formats of texts | `#[schemars(email)]`, `#[schemars(url)]`, `#[schemars(extend("format" = "date"))]` or `"date-time"` |
/// | bounds | `#[schemars(range(min = 1, max = 20))]` of numbers, `#[schemars(length(..))]` of texts and lists |
/// | may be left out | `Option<T>`, or `#[serde(default)]`, whose value the user finds filled in |
///
/// An answer beyond the bounds, or of another type, is asked for again; the third such is [`AskError::Invalid`](crate::AskError::Invalid). Formats and
/// patterns are not checked: clients do not all keep to them, so look at what matters.
///
/// What older revisions do not know:
///
/// | revision | what it gets |
/// |---|---|
/// | 2026-07-28, 2025-11-25 | everything |
/// | 2025-06-18 | titles of variants as `enumNames`; only booleans are filled in, although all defaults count; a form with a `Vec` or set is [`AskError::NoForm`](crate::AskError::NoForm) |
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
/// These are text, integers of up to 64 bits, `f32` and `f64`, `bool`, enums of unit variants that derive [`Elicit`](macro@crate::Elicit), a `Vec`
/// or set of such an enum, and an `Option` of any of these. Implement it for a type of your own whose schema is that of one of them,
/// such as a date that is written as a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a form",
    label = "the protocol cannot ask for this",
    note = "a form is flat: its fields are `String`, integers of up to 64 bits, `f32`, `f64`, `bool`, enums of unit variants, a `Vec` or set of such an enum, and an `Option` of any of these",
    note = "an enum of unit variants needs `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
pub trait ElicitField {}

/// An enum of unit variants: a choice, of which a form can also have several. `#[derive(Elicit)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no enum that a form can have several values of",
    label = "not an enum of unit variants",
    note = "it needs `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
pub trait ElicitChoice: ElicitField + Answerable {}

/// What an answer can be read into: every type that is `Deserialize` and `JsonSchema`.
#[diagnostic::on_unimplemented(
    message = "no answer can be read into `{Self}`",
    label = "neither `Deserialize` nor `JsonSchema`, or only one of them",
    note = "what is asked for, and every type in it, needs `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_runtime::Elicit)]`"
)]
// What it stands for is behind methods: of supertraits, each that is missing would be an error of its own.
pub trait Answerable: Sized + 'static {
    /// The schema of an answer.
    #[doc(hidden)]
    fn schema(schemas: &mut Schemas) -> Value;

    /// Reads an answer.
    ///
    /// # Errors
    /// It is none to this question.
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
