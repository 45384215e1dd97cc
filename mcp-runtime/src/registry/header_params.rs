//! Arguments that are repeated in HTTP headers, so that intermediaries between client and server can route by them.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header>. `dispatch` checks that the
//! headers of a call match its arguments.

use mcp_grammar::name::is_token;
use serde_json::Value;

use crate::schema::parts;

/// The keyword of a schema that requests a header.
pub(super) const HEADER_PARAM: &str = "x-mcp-header";

/// An argument that is repeated in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderParam {
    /// The full name of the header.
    pub(crate) header: String,
    /// The path of keys from the arguments to the value.
    pub(crate) path: Vec<String>,
}

/// Returns the arguments that are repeated in headers. Each violation of the rules is a problem, because clients omit a tool
/// that violates one.
pub(super) fn header_params(
    place: &str,
    schema: &Value,
    problems: &mut Vec<String>,
) -> Vec<HeaderParam> {
    let mut search = Search {
        place,
        problems,
        found: Vec::new(),
    };
    search.schema(schema, Some(&[]));
    search.found
}

struct Search<'s> {
    place: &'s str,
    problems: &'s mut Vec<String>,
    found: Vec<HeaderParam>,
}

impl Search<'_> {
    /// Searches a schema. `path` is the path of its values, if they can be reached by `properties` alone.
    fn schema(&mut self, schema: &Value, path: Option<&[String]>) {
        if let Some(name) = schema.get(HEADER_PARAM) {
            self.add(name, schema, path.unwrap_or_default());
        }
        for part in parts(schema) {
            let name = part.name.filter(|_| part.keyword == "properties");
            let path = path.zip(name);
            let path = path.map(|(path, name)| [path, &[name.to_owned()]].concat());
            self.schema(part.schema, path.as_deref());
        }
    }

    fn add(&mut self, name: &Value, schema: &Value, path: &[String]) {
        let shown = name
            .as_str()
            .map_or_else(|| name.to_string(), str::to_owned);
        let argument = if path.is_empty() {
            String::new()
        } else {
            format!(" of the argument `{}`", path.join("."))
        };
        match self.mistake(name, schema, path) {
            None => self.found.push(HeaderParam {
                header: format!("Mcp-Param-{shown}"),
                path: path.to_vec(),
            }),
            Some(mistake) => self.problems.push(format!(
                "{}: the header `{shown}`{argument} {mistake}",
                self.place
            )),
        }
    }

    fn mistake(&self, name: &Value, schema: &Value, path: &[String]) -> Option<String> {
        let Some(name) = name.as_str().filter(|name| is_token(name)) else {
            let mistake = "is not a name: write letters, digits and the characters !#$%&'*+-.^_`|~";
            return Some(mistake.to_owned());
        };
        if path.is_empty() {
            return Some(
                "must belong to a property that is reached from the top by `properties` alone, not through a list, \
                 a `$ref` or a choice"
                    .to_owned(),
            );
        }
        let header = format!("Mcp-Param-{name}");
        let same = |other: &&HeaderParam| other.header.eq_ignore_ascii_case(&header);
        if let Some(other) = self.found.iter().find(same) {
            return Some(format!(
                "is that of the argument `{}` already: rename one",
                other.path.join(".")
            ));
        }
        let kind = schema.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("string" | "integer" | "boolean")) {
            return Some(format!(
                "can repeat a string, an integer or a boolean, and the argument is {}",
                crate::schema::in_words(schema)
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn search(schema: &Value) -> (Vec<HeaderParam>, Vec<String>) {
        let mut problems = Vec::new();
        let found = header_params("tool `x`", schema, &mut problems);
        (found, problems)
    }

    #[test]
    fn annotations_are_found_along_properties() {
        let (found, problems) = search(&json!({
            "type": "object",
            "properties": {
                "region": { "type": "string", "x-mcp-header": "Region" },
                "place": { "type": "object", "properties": { "level": { "type": "integer", "x-mcp-header": "Level" } } },
                // A property and values that have the same name as the keyword.
                "x-mcp-header": { "type": "string" },
                "plain": { "type": "object", "default": { "x-mcp-header": "no" }, "enum": [{ "x-mcp-header": "no" }] },
            },
        }));
        assert_eq!(problems, [""; 0]);
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.header.as_str(), one.path.join(".")))
            .collect();
        assert_eq!(
            found,
            [
                ("Mcp-Param-Region", "region".to_owned()),
                ("Mcp-Param-Level", "place.level".to_owned())
            ]
        );
    }

    #[test]
    fn each_rule_has_its_problem() {
        let one = |property: Value| json!({ "type": "object", "properties": { "a": property } });
        let bad = |name: Value| one(json!({ "type": "string", "x-mcp-header": name }));
        let misplaced = json!({ "type": "string", "x-mcp-header": "A" });
        for (schema, part) in [
            (bad(json!("")), "argument `a` is not a name"),
            (bad(json!("my region")), "is not a name"),
            (bad(json!("a\r\nb")), "is not a name"),
            (bad(json!("Größe")), "is not a name"),
            (bad(json!(7)), "`7` of the argument `a` is not a name"),
            (
                one(json!({ "type": "number", "x-mcp-header": "A" })),
                "and the argument is a number",
            ),
            (
                one(json!({ "type": "array", "x-mcp-header": "A" })),
                "can repeat a string",
            ),
            (
                one(json!({ "type": ["string", "null"], "x-mcp-header": "A" })),
                "can repeat a string",
            ),
            (one(json!({ "x-mcp-header": "A" })), "can repeat a string"),
            (
                one(json!({ "type": "array", "items": misplaced })),
                "by `properties` alone",
            ),
            (
                one(json!({ "anyOf": [misplaced, { "type": "null" }] })),
                "by `properties` alone",
            ),
            (
                json!({ "type": "object", "$defs": { "b": { "type": "object", "properties": { "c": misplaced } } } }),
                "by `properties` alone",
            ),
            (
                json!({ "type": "object", "x-mcp-header": "A" }),
                "by `properties` alone",
            ),
            (
                json!({ "type": "object", "properties": { "a": misplaced, "b": { "type": "string", "x-mcp-header": "a" } } }),
                "argument `b` is that of the argument `a` already",
            ),
        ] {
            let (_, problems) = search(&schema);
            assert!(
                problems.len() == 1 && problems[0].contains(part),
                "{schema}: {problems:?}"
            );
        }
    }
}
