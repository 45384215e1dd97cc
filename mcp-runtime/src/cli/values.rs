//! Parses `NAME=VALUE` on the command line into arguments of a tool or prompt.

use serde_json::{Map, Value};

/// Parses pairs.
///
/// The schema of a tool decides which values are strings and which are JSON. Without a schema, as for prompts, all values
/// are strings.
pub(super) fn arguments<'a>(
    pairs: impl Iterator<Item = &'a String>,
    schema: Option<&Value>,
) -> Result<Value, String> {
    let value = |name: &str, text: &str| {
        let is_text = |schema: &Value| schema["properties"][name]["type"] == "string";
        match serde_json::from_str(text) {
            Ok(value) if !schema.is_none_or(is_text) => value,
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
        assert!(arguments(["x".to_owned()].iter(), Some(&schema)).is_err());
        let texts = json!({ "text": "5", "count": "5", "other": "a=b" });
        assert_eq!(arguments(pairs.iter(), None), Ok(texts));
    }
}
