//! Parses the arguments of a tool or prompt on the command line: `NAME=VALUE`, or JSON as a whole.

use std::io::{self, Read as _};

use serde_json::{Map, Value};

use crate::schema::wants;

/// The maximum size of arguments on stdin, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Parses the arguments: those of `whole`, a JSON object or `-` for one on stdin, and then pairs.
///
/// The schema of a tool decides which values are strings and which are JSON. Without a schema, as for prompts, all values
/// are strings.
pub(super) fn arguments<'a>(
    whole: Option<&str>,
    pairs: impl Iterator<Item = &'a String>,
    schema: Option<&Value>,
) -> Result<Value, String> {
    let value = |name: &str, text: &str| {
        let wanted = schema.map(|schema| &schema["properties"][name]["type"]);
        let is_text = schema.is_none() || wants(wanted, "string");
        match serde_json::from_str(text) {
            Ok(value) if !is_text => value,
            Ok(Value::Null) if wants(wanted, "null") => Value::Null,
            _ => text.into(),
        }
    };
    let mut arguments = whole.map_or_else(|| Ok(Map::new()), object)?;
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is not an argument: write `NAME=VALUE`"))?;
        if arguments
            .insert(name.to_owned(), value(name, text))
            .is_some()
        {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(arguments.into())
}

/// Parses a JSON object, which stdin contains if the text is `-`.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    let mut input = String::new();
    let text = match text {
        "-" => {
            let read = io::stdin().take(LARGEST).read_to_string(&mut input);
            read.map_err(|error| format!("the arguments on stdin cannot be read: {error}"))?;
            &input
        }
        text => text,
    };
    serde_json::from_str(text)
        .map_err(|error| format!("`--arguments` is not a JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_tells_texts_from_json() {
        let schema = json!({ "properties": { "text": { "type": "string" }, "count": { "type": "integer" } } });
        let pairs = ["text=5", "count=5", "other=a=b"].map(str::to_owned);
        assert_eq!(
            arguments(None, pairs.iter(), Some(&schema)),
            Ok(json!({ "text": "5", "count": 5, "other": "a=b" }))
        );
        let nullable = json!({ "properties": { "text": { "type": ["string", "null"] } } });
        for (pair, expected) in [("text=5", json!("5")), ("text=null", Value::Null)] {
            let arguments = arguments(None, [pair.to_owned()].iter(), Some(&nullable));
            assert_eq!(arguments, Ok(json!({ "text": expected })));
        }
        assert!(arguments(None, ["x".to_owned()].iter(), Some(&schema)).is_err());
        let both = arguments(Some(r#"{"deep":{"a":1}}"#), pairs.iter(), Some(&schema)).unwrap();
        assert_eq!((&both["deep"]["a"], &both["count"]), (&json!(1), &json!(5)));
        for (whole, pair) in [("[]", "a=1"), ("{", "a=1"), (r#"{"a":1}"#, "a=2")] {
            let pair = [pair.to_owned()];
            assert!(
                arguments(Some(whole), pair.iter(), Some(&schema)).is_err(),
                "{whole}"
            );
        }
        let texts = json!({ "text": "5", "count": "5", "other": "a=b" });
        assert_eq!(arguments(None, pairs.iter(), None), Ok(texts));
    }
}
