//! A documented crate, because `missing_docs` is an error here.
#![deny(warnings, missing_docs, unused, nonstandard_style, future_incompatible, rust_2018_idioms)]
#![deny(unused_qualifications, unused_results, unreachable_pub, trivial_casts, single_use_lifetimes)]
#![forbid(unsafe_code)]

use mcp_runtime::{ElicitField, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;

type Text = String;
type Perhaps<T> = Option<T>;
type Extras = Vec<Extra>;

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct Booking {
    name: Text,
    r#type: Perhaps<Seats>,
    people: u64,
    tip: f32,
    extras: Extras,
    #[serde(rename = "flatten", alias = "untagged")]
    other: Perhaps<Extras>,
    date: Date,
    #[serde(skip)]
    skipped: std::collections::HashMap<u8, (u8, u8)>,
    #[cfg(any())]
    absent: Unknown,
    #[serde(deserialize_with = "yes", default)]
    #[schemars(with = "bool")]
    sure: bool,
}

fn yes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    bool::deserialize(deserializer)
}

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Seats {
    Inside,
    #[schemars(title = "In the garden")]
    Outside = 7,
}

#[derive(Deserialize, JsonSchema, Elicit)]
enum Extra {
    HighChair,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Date(String);

impl ElicitField for Date {}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Nothing {}

macro_rules! forms {
    ($($name:ident { $field:ident: $type:ty })*) => {$(
        #[derive(Deserialize, JsonSchema, Elicit)]
        struct $name {
            $field: $type,
        }
    )*};
}

forms! {
    First { text: String }
    Second { choice: Option<Seats> }
}

async fn ask(context: Context) -> Result<(), ToolError> {
    #[derive(Deserialize, JsonSchema, Elicit)]
    struct Inner {
        sure: bool,
    }
    let Inner { sure } = context.elicit("Sure?").key("sure").await?;
    let Nothing {} = context.elicit("Go on?").await?;
    let First { text } = context.elicit("What?").await?;
    let Second { choice } = context.elicit("Which?").await?;
    let booking = context.elicit::<Booking>(format!("{sure} {text}")).await?;
    drop((booking.name, booking.r#type, booking.people, booking.tip, booking.extras, booking.other));
    drop((booking.date.0, booking.skipped, booking.sure, choice));
    Ok(())
}

#[test]
fn it_runs() {
    let _ = ask;
}
