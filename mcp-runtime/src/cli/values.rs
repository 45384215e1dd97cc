//! Parses `NAME=VALUE` on the command line into arguments of a tool or prompt.

use serde_json::{Map, Value};

use crate::schema::wants;

/// Parses pairs.
///
/// The schema of a tool decides which values are strings and which are JSON. Without a schema, as for prompts, all values
/// are strings.
pub(super) fn arguments<'a>(
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
    let mut arguments = Map::new();
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_tells_texts_from_json() {
        let schema = json!({ "properties": { "text": { "type": "string" }, "count": { "type": "integer" } } });
        let pairs = ["text=5", "count=5", "other=a=b"].map(str::to_owned);
        assert_eq!(
            arguments(pairs.iter(), Some(&schema)),
            Ok(json!({ "text": "5", "count": 5, "other": "a=b" }))
        );
        let nullable = json!({ "properties": { "text": { "type": ["string", "null"] } } });
        for (pair, expected) in [("text=5", json!("5")), ("text=null", Value::Null)] {
            let arguments = arguments([pair.to_owned()].iter(), Some(&nullable));
            assert_eq!(arguments, Ok(json!({ "text": expected })));
        }
        assert!(arguments(["x".to_owned()].iter(), Some(&schema)).is_err());
        let texts = json!({ "text": "5", "count": "5", "other": "a=b" });
        assert_eq!(arguments(pairs.iter(), None), Ok(texts));
    }
}
