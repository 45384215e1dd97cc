//! Validation of the headers `Mcp-Param-*` of a stateless call against its arguments.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation>.

use mcp_grammar::number::LARGEST_EXACT;
use serde_json::{Number, Value};

use super::core::Request;
use crate::protocol::HeaderSource;
use crate::protocol::error::RpcError;
use crate::protocol::header::decoded;
use crate::registry::HeaderParam;

/// Returns an error if the headers and the arguments of a call differ. Only stateless calls over HTTP have such headers.
pub(super) fn check(
    request: &Request,
    header_params: &[HeaderParam],
    arguments: &str,
) -> Result<(), RpcError> {
    let Some(headers) = request.origin.http_headers() else {
        return Ok(());
    };
    if !request.caller.features.stateless {
        return Ok(());
    }
    let arguments: Value = serde_json::from_str(arguments).map_err(|_| {
        RpcError::invalid_params(
            "`params.arguments` has a string that is not valid Unicode, or a number that is too large",
        )
    })?;
    header_params.iter().try_for_each(|param| {
        check_one(headers, param, &arguments).map_err(|detail| {
            RpcError::header_mismatch(format!("Header mismatch: {} {detail}", param.header))
        })
    })
}

fn check_one(
    headers: &dyn HeaderSource,
    param: &HeaderParam,
    arguments: &Value,
) -> Result<(), String> {
    let argument = param.path.join(".");
    let value = follow(arguments, &param.path)?;
    match (value, headers.contains(&param.header)) {
        (None, false) => Ok(()),
        (None, true) => Err(format!("is present, but the argument `{argument}` is not")),
        (Some(_), false) => Err(format!(
            "is missing, but the argument `{argument}` is present"
        )),
        (Some(value), true) => {
            let text = headers
                .get(&param.header)
                .ok_or("is repeated, or has characters other than visible ASCII")?
                .trim_matches([' ', '\t']);
            let text = decoded(text).ok_or("is not valid base64 of UTF-8")?;
            compare(&text, value).map_err(|reason| format!("is `{text}`, {reason} `{argument}`"))
        }
    }
}

/// Returns the value at the end of a path, or `None` if it is missing or null.
fn follow<'v>(mut value: &'v Value, path: &[String]) -> Result<Option<&'v Value>, String> {
    for key in path {
        match value {
            Value::Object(members) => match members.get(key) {
                Some(member) => value = member,
                None => return Ok(None),
            },
            Value::Null => return Ok(None),
            // Values that are repaired later, such as an object sent as a string, would otherwise bypass the check.
            _ => {
                return Err(format!(
                    "cannot be checked: the value that contains `{key}` is not an object"
                ));
            }
        }
    }
    Ok(Some(value).filter(|value| !value.is_null()))
}

/// Compares a header with an argument. The error describes how they differ.
fn compare(text: &str, value: &Value) -> Result<(), &'static str> {
    let same = match value {
        Value::String(value) => text == value,
        Value::Bool(value) => text == if *value { "true" } else { "false" },
        Value::Number(value) => same_number(text, value)?,
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err("which cannot represent the list or object in the argument");
        }
    };
    if same {
        Ok(())
    } else {
        Err("which differs from the argument")
    }
}

fn same_number(text: &str, value: &Number) -> Result<bool, &'static str> {
    let value = value.to_string();
    match integer(&value) {
        Some(value) if value.abs() > i128::from(LARGEST_EXACT) => {
            Err("which cannot represent integers beyond 2^53 - 1, such as the argument")
        }
        Some(value) => Ok(integer(text) == Some(value)),
        None => Ok(text == value),
    }
}

/// Parses an integer, also with an empty fraction or an exponent: `42.0` is 42.
fn integer(text: &str) -> Option<i128> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if let Ok(integer) = text.parse() {
        return Some(integer);
    }
    let number: f64 = text.parse().ok()?;
    #[allow(clippy::cast_possible_truncation)]
    // The number has no fraction. The cast saturates, so a number that is too large stays too large.
    (number.fract() == 0.0).then_some(number as i128)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct OneHeader(Option<&'static str>);

    impl HeaderSource for OneHeader {
        fn contains(&self, _: &str) -> bool {
            self.0.is_some()
        }

        fn get(&self, _: &str) -> Option<&str> {
            self.0.filter(|value| *value != "unreadable")
        }

        fn single(&self, name: &str) -> Result<Option<&str>, String> {
            match self.get(name) {
                None if self.contains(name) => Err("unreadable".to_owned()),
                value => Ok(value),
            }
        }
    }

    fn check(header: Option<&'static str>, value: &Value) -> Result<(), String> {
        let param = HeaderParam {
            header: "Mcp-Param-X".to_owned(),
            path: vec!["outer".to_owned(), "x".to_owned()],
        };
        let arguments = json!({ "outer": { "x": value } });
        check_one(&OneHeader(header), &param, &arguments)
    }

    #[test]
    fn headers_say_what_arguments_say() {
        for (header, value) in [
            (Some("us-west1"), json!("us-west1")),
            (Some(" us-west1\t"), json!("us-west1")),
            (
                Some("=?base64?SGVsbG8sIOS4lueVjA==?="),
                json!("Hello, 世界"),
            ),
            (Some("=?base64?IHBhZGRlZCA=?="), json!(" padded ")),
            (Some("=?BASE64?YQ==?="), json!("=?BASE64?YQ==?=")),
            (Some(""), json!("")),
            (Some("true"), json!(true)),
            (Some("false"), json!(false)),
            (Some("42"), json!(42)),
            (Some("42.0"), json!(42)),
            (Some("42"), json!(42.0)),
            (Some("4.2e1"), json!(42)),
            (Some("-7"), json!(-7)),
            (Some("-7.0"), json!(-7)),
            (Some("1.5"), json!(1.5)),
            (Some("9007199254740991"), json!(9_007_199_254_740_991_i64)),
            (None, json!(null)),
        ] {
            assert_eq!(check(header, &value), Ok(()), "{header:?} {value}");
        }
    }

    #[test]
    fn a_path_leads_through_objects_only() {
        let path = ["outer".to_owned(), "x".to_owned()];
        for missing in [json!({}), json!({ "outer": null }), json!({ "outer": {} })] {
            assert_eq!(follow(&missing, &path), Ok(None));
        }
        for hidden in [json!({ "outer": "{\"x\":1}" }), json!({ "outer": [1] })] {
            assert!(follow(&hidden, &path).is_err(), "{hidden}");
        }
    }

    #[test]
    fn headers_that_do_not_are_refused() {
        for (header, value, part) in [
            (None, json!("a"), "is missing"),
            (None, json!(false), "is missing"),
            (Some("a"), json!(null), "the argument `outer.x` is not"),
            (Some("unreadable"), json!("a"), "visible ASCII"),
            (Some("=?base64?YQ?="), json!("a"), "base64"),
            (Some("=?base64?/w==?="), json!("a"), "base64"),
            (Some("A"), json!("a"), "differs"),
            (Some("42.0"), json!("42"), "differs"),
            (Some("True"), json!(true), "differs"),
            (Some("1"), json!(true), "differs"),
            (Some("43"), json!(42), "differs"),
            (Some("42.5"), json!(42), "differs"),
            (Some("0x2a"), json!(42), "differs"),
            (Some("+42"), json!(42), "differs"),
            (Some("1.25"), json!(1.5), "differs"),
            (Some("NaN"), json!(42), "differs"),
            (Some("inf"), json!(42), "differs"),
            (Some(""), json!(42), "differs"),
            (
                Some("9007199254740993"),
                json!(9_007_199_254_740_993_i64),
                "2^53",
            ),
            (Some("1,2"), json!([1, 2]), "list or object"),
        ] {
            let refused = check(header, &value).unwrap_err();
            assert!(refused.contains(part), "{header:?} {value}: {refused}");
        }
    }
}
