//! The id of a request.

use std::fmt;

use mcp_grammar::number::whole;
use serde::Serialize;

use super::json::{push_string, string};

/// The maximum length of an id or a progress token, in bytes of JSON: 256 bytes between two quotes. The server repeats it in
/// many messages.
pub(super) const LONGEST: usize = 256 + 2;

/// The id of a request: a string or an integer. A string never equals an integer.
///
/// ```
/// use mcp_runtime::{Id, prelude::*};
///
/// /// Return the id of the request.
/// #[tool(read_only)]
/// async fn id(context: Context) -> String {
///     match context.request_id() {
///         Id::Number(number) => number.to_string(),
///         Id::String(text) => text.clone(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer id.
    Number(i64),
    /// A string id.
    String(String),
}

impl Id {
    /// Parses an id from its JSON. `1.0` is the integer 1; a fraction, `null` or any other value is not an id, and neither is
    /// a string of more than 256 bytes.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        if json.len() > LONGEST {
            return None;
        }
        if json.starts_with('"') {
            return string(json).map(|text| Self::String(text.into_owned()));
        }
        json.parse()
            .ok()
            .or_else(|| whole_number(json))
            .map(Self::Number)
    }

    /// Appends the id as JSON.
    pub(crate) fn push(&self, out: &mut String) {
        match self {
            Self::Number(number) => out.push_str(itoa::Buffer::new().format(*number)),
            Self::String(text) => push_string(out, text),
        }
    }
}

fn whole_number(json: &str) -> Option<i64> {
    whole(json.parse().ok()?)
        .filter(|_| json.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::String(text) => write!(formatter, "{text:?}"),
        }
    }
}
