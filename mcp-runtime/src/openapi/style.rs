//! The styles of parameters: how a JSON value is written in a path, a query, a header or a cookie.
//!
//! See <https://spec.openapis.org/oas/v3.1.0#style-values>.

use mcp_grammar::percent::UNRESERVED;
use serde_json::Value;

use super::document::{encoded, push_encoded};

/// The style of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
    /// One JSON text, for a parameter with `content`.
    Json,
}

impl Style {
    /// Returns the style with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "simple" => Self::Simple,
            "label" => Self::Label,
            "matrix" => Self::Matrix,
            "form" => Self::Form,
            "spaceDelimited" => Self::SpaceDelimited,
            "pipeDelimited" => Self::PipeDelimited,
            "deepObject" => Self::DeepObject,
            _ => return None,
        })
    }
}

/// The way in which a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) style: Style,
    pub(super) explode: bool,
    /// `true` if reserved characters of values are written as they are.
    pub(super) allow_reserved: bool,
}

/// The characters that `allowReserved` keeps. Those that would end or split a query are always encoded.
fn is_kept_reserved(byte: u8) -> bool {
    UNRESERVED.contains(byte) || b":/?@!$'()*,;".contains(&byte)
}

impl Format {
    /// Writes a value into a path, with its prefix.
    pub(super) fn path(self, name: &str, value: &Value) -> String {
        match self.style {
            Style::Json => encoded(&value.to_string()),
            Style::Label => format!(".{}", self.joined(value, ".", ",", encoded)),
            Style::Matrix => self.matrix(name, value),
            _ => self.joined(value, ",", ",", encoded),
        }
    }

    /// Writes a value into a header.
    pub(super) fn header(self, value: &Value) -> String {
        match self.style {
            Style::Json => value.to_string(),
            _ => self.joined(value, ",", ",", str::to_owned),
        }
    }

    /// Writes a value as the pairs of a query, of a form or of cookies, encoded.
    pub(super) fn pairs(self, name: &str, value: &Value) -> Vec<(String, String)> {
        let encode = |text: &str| self.encode(text);
        let name = encoded(name);
        match (self.style, value) {
            (_, Value::Null) => Vec::new(),
            (Style::Json, value) => vec![(name, encode(&value.to_string()))],
            (Style::DeepObject, Value::Object(_) | Value::Array(_)) => {
                let mut pairs = Vec::new();
                self.deep(&name, value, &mut pairs);
                pairs
            }
            (_, Value::Array(items)) if self.explode => {
                let items = items.iter().map(|item| (name.clone(), encode(&text(item))));
                items.collect()
            }
            (Style::Form, Value::Object(members)) if self.explode => {
                let members = members.iter().filter(|(_, value)| !value.is_null());
                let members = members.map(|(name, value)| (encoded(name), encode(&text(value))));
                members.collect()
            }
            (_, Value::Array(items)) if items.is_empty() => Vec::new(),
            (style, value) => {
                let separator = match style {
                    Style::SpaceDelimited => "%20",
                    Style::PipeDelimited => "%7C",
                    _ => ",",
                };
                let format = Self {
                    explode: false,
                    ..self
                };
                vec![(name, format.joined(value, ",", separator, encode))]
            }
        }
    }

    fn encode(self, text: &str) -> String {
        if !self.allow_reserved {
            return encoded(text);
        }
        let mut out = String::new();
        push_encoded(&mut out, text, is_kept_reserved);
        out
    }

    /// Writes the members of an object as `name[member]=value`, at any depth.
    fn deep(self, name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (member, value) in members {
                    self.deep(&format!("{name}%5B{}%5D", encoded(member)), value, pairs);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if item.is_object() || item.is_array() {
                        self.deep(&format!("{name}%5B{index}%5D"), item, pairs);
                    } else {
                        self.deep(&format!("{name}%5B%5D"), item, pairs);
                    }
                }
            }
            value => pairs.push((name.to_owned(), self.encode(&text(value)))),
        }
    }

    fn matrix(self, name: &str, value: &Value) -> String {
        let name = encoded(name);
        let pair = |name: &str, value: &str| format!(";{name}={value}");
        match value {
            Value::Array(items) if self.explode => {
                let items = items.iter();
                items.map(|it| pair(&name, &encoded(&text(it)))).collect()
            }
            Value::Object(members) if self.explode => {
                let members = members.iter();
                let members = members.map(|(name, it)| pair(&encoded(name), &encoded(&text(it))));
                members.collect()
            }
            value => pair(&name, &self.joined(value, ",", ",", encoded)),
        }
    }

    /// Joins the parts of a value: with `exploded` if the format explodes, else with `separator`.
    fn joined(
        self,
        value: &Value,
        exploded: &str,
        separator: &str,
        encode: impl Fn(&str) -> String,
    ) -> String {
        let between = if self.explode { exploded } else { separator };
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| encode(&text(item)));
                items.collect::<Vec<_>>().join(between)
            }
            Value::Object(members) => {
                let equals = if self.explode { "=" } else { separator };
                let members = members.iter();
                let members = members.map(|(name, it)| encode(name) + equals + &encode(&text(it)));
                members.collect::<Vec<_>>().join(between)
            }
            value => encode(&text(value)),
        }
    }
}

/// Returns a value as text: a string as it is, and arrays and objects, which no style can nest, as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn format(style: Style, explode: bool) -> Format {
        Format {
            style,
            explode,
            allow_reserved: false,
        }
    }

    fn query(style: Style, explode: bool, value: &Value) -> String {
        let pairs = format(style, explode).pairs("color", value);
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The values of the table of styles of the specification, with characters that must be encoded.
    fn values() -> [Value; 3] {
        [
            json!("a/b"),
            json!(["blue", "black", "b,r"]),
            json!({ "R": 100, "G": 200, "B": "1 5" }),
        ]
    }

    #[test]
    fn the_styles_of_paths() {
        let [one, many, object] = values();
        for (style, explode, expected) in [
            (
                Style::Simple,
                false,
                ["a%2Fb", "blue,black,b%2Cr", "R,100,G,200,B,1%205"],
            ),
            (
                Style::Simple,
                true,
                ["a%2Fb", "blue,black,b%2Cr", "R=100,G=200,B=1%205"],
            ),
            (
                Style::Label,
                false,
                [".a%2Fb", ".blue,black,b%2Cr", ".R,100,G,200,B,1%205"],
            ),
            (
                Style::Label,
                true,
                [".a%2Fb", ".blue.black.b%2Cr", ".R=100.G=200.B=1%205"],
            ),
            (
                Style::Matrix,
                false,
                [
                    ";color=a%2Fb",
                    ";color=blue,black,b%2Cr",
                    ";color=R,100,G,200,B,1%205",
                ],
            ),
            (
                Style::Matrix,
                true,
                [
                    ";color=a%2Fb",
                    ";color=blue;color=black;color=b%2Cr",
                    ";R=100;G=200;B=1%205",
                ],
            ),
        ] {
            let written = [&one, &many, &object].map(|it| format(style, explode).path("color", it));
            assert_eq!(written, expected, "{style:?} {explode}");
        }
    }

    #[test]
    fn the_styles_of_queries() {
        let [one, many, object] = values();
        for (style, explode, expected) in [
            (
                Style::Form,
                false,
                [
                    "color=a%2Fb",
                    "color=blue,black,b%2Cr",
                    "color=R,100,G,200,B,1%205",
                ],
            ),
            (
                Style::Form,
                true,
                [
                    "color=a%2Fb",
                    "color=blue&color=black&color=b%2Cr",
                    "R=100&G=200&B=1%205",
                ],
            ),
            (
                Style::SpaceDelimited,
                false,
                [
                    "color=a%2Fb",
                    "color=blue%20black%20b%2Cr",
                    "color=R%20100%20G%20200%20B%201%205",
                ],
            ),
            (
                Style::PipeDelimited,
                false,
                [
                    "color=a%2Fb",
                    "color=blue%7Cblack%7Cb%2Cr",
                    "color=R%7C100%7CG%7C200%7CB%7C1%205",
                ],
            ),
            (
                Style::DeepObject,
                true,
                [
                    "color=a%2Fb",
                    "color%5B%5D=blue&color%5B%5D=black&color%5B%5D=b%2Cr",
                    "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=1%205",
                ],
            ),
            (
                Style::Json,
                false,
                [
                    "color=%22a%2Fb%22",
                    "color=%5B%22blue%22%2C%22black%22%2C%22b%2Cr%22%5D",
                    "color=%7B%22R%22%3A100%2C%22G%22%3A200%2C%22B%22%3A%221%205%22%7D",
                ],
            ),
        ] {
            let written = [&one, &many, &object].map(|it| query(style, explode, it));
            assert_eq!(written, expected, "{style:?} {explode}");
        }
    }

    #[test]
    fn nested_values_and_missing_ones() {
        let nested = json!({ "a": { "b": [1, 2], "c": [{ "d": true }] }, "n": null });
        assert_eq!(
            query(Style::DeepObject, true, &nested),
            "color%5Ba%5D%5Bb%5D%5B%5D=1&color%5Ba%5D%5Bb%5D%5B%5D=2&color%5Ba%5D%5Bc%5D%5B0%5D%5Bd%5D=true"
        );
        assert_eq!(query(Style::Form, true, &json!([])), "");
        assert_eq!(query(Style::Form, false, &json!([])), "");
        assert_eq!(query(Style::Form, true, &Value::Null), "");
        assert_eq!(
            format(Style::Simple, false).header(&json!(["a b", 2])),
            "a b,2"
        );
        let reserved = Format {
            allow_reserved: true,
            ..format(Style::Form, true)
        };
        let pairs = reserved.pairs("u", &json!("http://x/?a=1&b#c"));
        assert_eq!(
            pairs,
            [("u".to_owned(), "http://x/?a%3D1%26b%23c".to_owned())]
        );
    }
}
