//! What a component takes: the names, schemas and defaults of its parameters, worked out when the server is built.

use mcp_grammar::near::nearest;
use serde_json::Value;

use crate::schema::{Budget, Patterns, Rules, Validator, got, shown};

/// The parameters of a component, in the order of its function.
#[derive(Debug, Default)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<ParameterSpec>,
    /// What the schemas of recursive types refer to.
    pub(crate) definitions: Option<Value>,
    pub(crate) patterns: Patterns,
    /// What keeps all arguments to a schema that was made at run time.
    pub(crate) whole: Option<Validator>,
    /// Arguments that no parameter takes are ignored instead of refused.
    pub(crate) open: bool,
    /// Values of the wrong type are refused even where what was meant is plain.
    pub(crate) strict: bool,
    /// What the user calls them: "arguments", or "variables" of a URI.
    pub(crate) noun: &'static str,
}

/// One parameter.
#[derive(Debug)]
pub(crate) struct ParameterSpec {
    pub(crate) name: String,
    /// JSON Schema of the argument; `None` for what is injected.
    pub(crate) schema: Option<Value>,
    /// Whether the type refuses by itself all that the schema forbids.
    pub(crate) exact: bool,
    /// What keeps the value to the part of the schema that [`Rules`] do not know.
    pub(crate) validator: Option<Validator>,
    pub(crate) required: bool,
    pub(crate) description: Option<String>,
}

impl Signature {
    /// The position of the argument of this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.parameters
            .iter()
            .position(|parameter| parameter.schema.is_some() && parameter.name == name)
    }

    pub(crate) fn schema(&self, index: usize) -> Option<&Value> {
        self.parameters.get(index)?.schema.as_ref()
    }

    /// Whether nobody but the type needs to look at the argument.
    pub(crate) fn is_exact(&self, index: usize) -> bool {
        self.parameters
            .get(index)
            .is_some_and(|parameter| parameter.exact)
    }

    /// What the schemas of arguments say.
    pub(crate) fn rules<'s>(&'s self, budget: &'s Budget) -> Rules<'s> {
        Rules::new(
            self.definitions.as_ref(),
            &self.patterns,
            self.strict,
            budget,
        )
    }

    /// What is said of arguments that break a schema that was made at run time.
    pub(crate) fn refuse_whole(&self, arguments: &Value) -> Option<String> {
        let mistakes = self.whole.as_ref()?.mistakes(arguments, self.noun);
        (!mistakes.is_empty())
            .then(|| format!("Invalid {}:\n- {}", self.noun, mistakes.join("\n- ")))
    }

    /// Repairs the argument at a position, and returns all that is wrong with it then.
    pub(crate) fn repair(&self, index: usize, value: &mut Value, budget: &Budget) -> Vec<String> {
        let parameter = self.parameters.get(index);
        let Some((parameter, schema)) = parameter.and_then(|one| Some((one, one.schema.as_ref()?)))
        else {
            return Vec::new();
        };
        let rules = self.rules(budget);
        let mistakes = if rules.repair(value, schema) {
            Vec::new()
        } else {
            rules.mistakes(value, schema, &parameter.name)
        };
        match &parameter.validator {
            // It would say the same in other words.
            Some(validator) if mistakes.is_empty() => validator.mistakes(value, &parameter.name),
            _ => mistakes,
        }
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.parameters
            .get(index)
            .map_or("", |parameter| &parameter.name)
    }

    /// What is said of an argument that no parameter takes.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self
            .parameters
            .iter()
            .filter(|parameter| parameter.schema.is_some())
            .map(|parameter| parameter.name.as_str())
            .collect();
        let near = nearest(known.iter().copied(), name);
        // A name that nobody asked for may be anything.
        let name = shown(name);
        match (near, known.as_slice()) {
            (Some(near), _) => format!("unknown argument `{name}`; did you mean `{near}`?"),
            (None, []) => format!("unknown argument `{name}`: it takes none"),
            (None, _) => format!("unknown argument `{name}`; known: `{}`", known.join("`, `")),
        }
    }
}

/// What is said of a prompt's argument that is no string, but this JSON.
pub(crate) fn not_a_string(name: &str, json: &str) -> String {
    let sent: Value = serde_json::from_str(json).unwrap_or_default();
    let sent = got(&sent);
    format!("`{name}`: expected a string, as all arguments of prompts are, got {sent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(names: &[&str]) -> Signature {
        Signature {
            parameters: names
                .iter()
                .map(|name| ParameterSpec {
                    name: (*name).to_owned(),
                    schema: Some(Value::Bool(true)),
                    exact: false,
                    validator: None,
                    required: true,
                    description: None,
                })
                .collect(),
            noun: "arguments",
            ..Signature::default()
        }
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let signature = signature(&["limit", "query"]);
        assert_eq!(
            signature.unknown("lim"),
            "unknown argument `lim`; did you mean `limit`?"
        );
        assert_eq!(
            signature.unknown("qeury"),
            "unknown argument `qeury`; did you mean `query`?"
        );
        assert_eq!(
            signature.unknown("colour"),
            "unknown argument `colour`; known: `limit`, `query`"
        );
    }
}
