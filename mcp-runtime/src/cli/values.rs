//! `NAME=VALUE` on the command line, as arguments of a tool or prompt.

use serde_json::{Map, Value};

/// Reads the pairs of a tool: the schema says which values are texts and which are JSON.
pub(super) fn of_tool<'a>(
    pairs: impl Iterator<Item = &'a String>,
    schema: &Value,
) -> Result<Value, String> {
    read(pairs, |name, text| {
        let wants_text = schema["properties"][name]["type"] == "string";
        match serde_json::from_str(text) {
            Ok(value) if !wants_text => value,
            _ => text.into(),
        }
    })
}

/// Reads the pairs of a prompt, whose values are all texts.
pub(super) fn of_prompt<'a>(pairs: impl Iterator<Item = &'a String>) -> Result<Value, String> {
    read(pairs, |_, text| text.into())
}

fn read<'a>(
    pairs: impl Iterator<Item = &'a String>,
    value: impl Fn(&str, &str) -> Value,
) -> Result<Value, String> {
    let mut arguments = Map::new();
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is no argument: write `NAME=VALUE`"))?;
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
            of_tool(pairs.iter(), &schema),
            Ok(json!({ "text": "5", "count": 5, "other": "a=b" }))
        );
        assert!(of_tool(["x".to_owned()].iter(), &schema).is_err());
    }
}
