//! The types whose schemas are compared with files. Each is the argument and the result of a tool.

#![allow(clippy::zero_sized_map_values, clippy::option_option)] // these types are tested

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::{NonZeroI8, NonZeroU64};

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A struct with what structs have.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Plain {
    /// How many.
    pub(crate) count: u32,
    pub(crate) name: String,
    /// Perhaps a ratio.
    pub(crate) ratio: Option<f64>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Color,
}

/// A struct in a struct, in a list, in a map, and perhaps.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Nested {
    inner: Inner,
    list: Vec<Inner>,
    map: BTreeMap<String, Inner>,
    perhaps: Option<Inner>,
    holes: Vec<Option<Inner>>,
    color: Option<Color>,
    documented: Option<Documented>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unwritten: Option<u8>,
}

/// What is inside.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Inner {
    /// The price.
    price: f64,
    amount: u8,
}

/// A struct without members.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Empty {}

/// Nothing at all.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Unit;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Newtype(u16);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Pair(u8, String);

/// Members of another struct among its own.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Flat {
    id: u8,
    #[serde(flatten)]
    inner: Inner,
}

/// Members of an enum among its own.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FlatEnum {
    id: u8,
    #[serde(flatten)]
    shape: Internal,
}

/// Whatever else there is among its own.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FlatMap {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, i32>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Closed {
    id: u8,
}

/// Something with rules that only its schema knows.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ruled {
    #[schemars(range(min = 1, max = 10))]
    stars: i32,
    #[schemars(length(min = 2, max = 4))]
    code: String,
    #[schemars(length(min = 1, max = 3))]
    list: Vec<u8>,
}

/// A color.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Color {
    Red,
    Green,
    Blue,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Documented {
    /// As the crow flies.
    Straight,
    /// Along roads.
    Winding,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum External {
    Nothing,
    /// Only a number.
    One(u8),
    Two(u8, bool),
    Named {
        x: i32,
        y: Option<i32>,
    },
    Inside(Inner),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Internal {
    Nothing,
    /// With a radius.
    Circle {
        radius: f64,
    },
    Rectangle {
        width: f64,
        height: Option<f64>,
    },
    Inside(Inner),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "data")]
pub(crate) enum Adjacent {
    Nothing,
    One(u8),
    Two(u8, bool),
    Named { x: i32 },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Number(i64),
    Flag(bool),
    Text(String),
    Many(Vec<u8>),
    Named { x: i32 },
}

/// A node of a tree.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Node {
    name: String,
    children: Vec<Node>,
    next: Option<Box<Node>>,
}

/// An expression.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expression {
    Number(f64),
    Add(Box<Expression>, Box<Expression>),
    Negate { of: Box<Expression> },
}

/// Creates for each type a tool that takes and returns it, a strict one, and its name.
macro_rules! tools {
    ($($name:ident: $type:ty,)*) => {
        mod lenient {
            use super::*;
            $(
                #[tool]
                pub(super) async fn $name(value: $type) -> Json<$type> {
                    Json(value)
                }
            )*
        }

        mod strict {
            use super::*;
            $(
                #[tool(strict)]
                pub(super) async fn $name(value: $type) -> Json<$type> {
                    Json(value)
                }
            )*
        }

        /// The names of all types.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// A server with a tool for each type, forgiving or strict.
        pub(crate) fn server(is_strict: bool) -> Server {
            let server = Server::new("types", "1").page_size(1000);
            if is_strict {
                server.with(components![$(strict::$name),*])
            } else {
                server.with(components![$(lenient::$name),*])
            }
        }
    };
}

tools! {
    bool: bool,
    int8: i8,
    int16: i16,
    int32: i32,
    int64: i64,
    int128: i128,
    int_size: isize,
    uint8: u8,
    uint16: u16,
    uint32: u32,
    uint64: u64,
    uint128: u128,
    uint_size: usize,
    nonzero_int8: NonZeroI8,
    nonzero_uint64: NonZeroU64,
    float32: f32,
    float64: f64,
    char: char,
    string: String,
    path: std::path::PathBuf,
    unit: (),
    any: Value,
    object: serde_json::Map<String, Value>,
    option_int: Option<i32>,
    option_string: Option<String>,
    option_enum: Option<Color>,
    option_documented: Option<Documented>,
    option_struct: Option<Inner>,
    nullable_int: Option<Option<i32>>,
    nullable_enum: Option<Option<Color>>,
    nullable_struct: Option<Option<Inner>>,
    option_node: Option<Node>,
    vec_int: Vec<i64>,
    vec_string: Vec<String>,
    vec_option: Vec<Option<u8>>,
    vec_option_struct: Vec<Option<Inner>>,
    vec_option_enum: Vec<Option<Color>>,
    vec_vec: Vec<Vec<f64>>,
    array: [u8; 3],
    btree_set: BTreeSet<String>,
    hash_set: HashSet<String>,
    set_of_enum: BTreeSet<Color>,
    btree_map: BTreeMap<String, u16>,
    hash_map: HashMap<String, u16>,
    map_of_option: BTreeMap<String, Option<u16>>,
    map_of_uint: BTreeMap<u8, bool>,
    map_of_int: BTreeMap<i32, bool>,
    map_of_enum: BTreeMap<Color, u8>,
    map_of_struct: HashMap<String, Inner>,
    tuple_one: (u8,),
    tuple_two: (u8, String),
    tuple_option: (u8, Option<Inner>),
    plain_struct: Plain,
    nested_struct: Nested,
    empty_struct: Empty,
    unit_struct: Unit,
    newtype_struct: Newtype,
    tuple_struct: Pair,
    flat_struct: Flat,
    flat_enum: FlatEnum,
    flat_map: FlatMap,
    closed_struct: Closed,
    ruled_struct: Ruled,
    unit_enum: Color,
    documented_enum: Documented,
    external_enum: External,
    internal_enum: Internal,
    adjacent_enum: Adjacent,
    untagged_enum: Untagged,
    result: Result<u8, String>,
    recursive_struct: Node,
    recursive_enum: Expression,
    duration: std::time::Duration,
    ip: std::net::IpAddr,
    ip4: std::net::Ipv4Addr,
    ip6: std::net::Ipv6Addr,
    chrono_date_time: chrono::DateTime<chrono::Utc>,
    chrono_date_time_offset: chrono::DateTime<chrono::FixedOffset>,
    chrono_date: chrono::NaiveDate,
    chrono_time: chrono::NaiveTime,
    chrono_naive: chrono::NaiveDateTime,
    chrono_weekday: chrono::Weekday,
    jiff_timestamp: jiff::Timestamp,
    jiff_zoned: jiff::Zoned,
    jiff_date: jiff::civil::Date,
    jiff_time: jiff::civil::Time,
    jiff_naive: jiff::civil::DateTime,
    jiff_span: jiff::Span,
    jiff_duration: jiff::SignedDuration,
    uuid: uuid::Uuid,
    url: url::Url,
    decimal: rust_decimal::Decimal,
}
