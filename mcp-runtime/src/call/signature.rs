//! The signature of a component: the names and schemas of its parameters, computed when the server is built.

use std::sync::Arc;

use mcp_grammar::near::nearest;
use serde_json::{Map, Value};

use super::renaming::Renamings;
use crate::json_path::{joined, member};
use crate::schema::{
    Budget, Patterns, Rules, Validator, WholeSchema, got, is_textual, read, required, shape, shown,
};

/// The parameters of a component, in the order of its function's parameters.
#[derive(Debug, Default)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<ParameterSpec>,
    /// The definitions that the schemas of recursive types refer to.
    pub(crate) definitions: Option<Value>,
    pub(crate) patterns: Patterns,
    /// The schema of all arguments together, for a tool that was created at run time.
    pub(crate) whole: Option<WholeSchema>,
    /// The arguments that transforms have changed, for a tool that was created at run time.
    pub(crate) renamings: Renamings,
    /// `true` if unknown arguments are ignored instead of refused.
    pub(crate) open: bool,
    /// `true` if all arguments are texts, as those of prompts are.
    pub(crate) texts: bool,
    /// `true` if values of the wrong type are refused instead of repaired.
    pub(crate) strict: bool,
    /// The name of the arguments in error messages: "arguments", or "variables of the URI".
    pub(crate) noun: &'static str,
}

/// A parameter of a component.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // they are independent
pub(crate) struct ParameterSpec {
    pub(crate) name: String,
    /// The JSON Schema of the argument; `None` for an injected parameter.
    pub(crate) schema: Option<Value>,
    /// `true` if deserialising the type refuses every value that the schema forbids.
    pub(crate) exact: bool,
    /// The validator of the schema's keywords that [`Rules`] does not support.
    pub(crate) validator: Option<Arc<Validator>>,
    pub(crate) required: bool,
    pub(crate) description: Option<String>,
    /// `true` if null is a value, and not the same as no argument.
    pub(crate) nullable: bool,
    /// `true` if the members of its object are arguments themselves.
    pub(crate) flattened: bool,
    /// The name that the component has for it, if a transform has given it another one.
    pub(crate) own_name: Option<String>,
    /// The value that a transform has fixed. Clients do not send the argument.
    pub(crate) fixed: Option<Value>,
}

/// An argument that clients send: a parameter, or a member of a flattened one.
pub(crate) struct Argument<'s> {
    pub(crate) name: &'s str,
    pub(crate) schema: &'s Value,
    pub(crate) required: bool,
    pub(crate) description: Option<&'s str>,
}

impl ParameterSpec {
    /// Returns the name that the component has for it.
    pub(crate) fn own_name(&self) -> &str {
        self.own_name.as_deref().unwrap_or(&self.name)
    }

    /// Returns `true` if this parameter has an argument of this name.
    #[inline]
    fn has(&self, name: &str) -> bool {
        match &self.schema {
            None => false,
            Some(_) if !self.flattened => self.name == name,
            Some(schema) => own(schema).is_some_and(|own| own.contains_key(name)),
        }
    }

    /// Returns the schema of the arguments that no parameter names, if this is the parameter that takes them.
    pub(crate) fn others(&self) -> Option<&Value> {
        let schema = self.schema.as_ref().filter(|_| self.flattened)?;
        let others = schema.get("additionalProperties");
        others.filter(|others| **others != false)
    }

    /// Returns its arguments. An injected parameter has none.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        let whole = self.schema.as_ref();
        let itself = whole.filter(|_| !self.flattened).map(|schema| Argument {
            name: &self.name,
            schema,
            required: self.required,
            description: self.description.as_deref(),
        });
        let flattened = whole.filter(|_| self.flattened);
        itself
            .into_iter()
            .chain(flattened.into_iter().flat_map(members))
    }

    /// Returns the schema of the argument of this name.
    fn schema_of(&self, name: &str) -> Option<&Value> {
        let schema = self.schema.as_ref()?;
        if self.flattened {
            own(schema).and_then(|own| own.get(name)).or(self.others())
        } else {
            Some(schema)
        }
    }

    /// Returns the path of its value in errors.
    pub(crate) fn path(&self) -> &str {
        if self.flattened { "" } else { &self.name }
    }
}

/// Returns the members of an object as arguments.
fn members(whole: &Value) -> impl Iterator<Item = Argument<'_>> {
    let members = own(whole).into_iter().flatten();
    members.map(|(name, schema)| Argument {
        name,
        schema,
        required: required(whole).any(|other| other == name),
        description: schema.get("description").and_then(Value::as_str),
    })
}

/// Returns the members that a schema names.
fn own(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

impl Signature {
    /// Returns the position of the parameter that takes the argument of this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let parameters = || self.parameters.iter();
        parameters()
            .position(|parameter| parameter.has(name))
            .or_else(|| parameters().position(|parameter| parameter.others().is_some()))
    }

    /// Returns all arguments that have a name.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.parameters.iter().flat_map(ParameterSpec::arguments)
    }

    pub(crate) fn schema(&self, index: usize) -> Option<&Value> {
        self.parameters.get(index)?.schema.as_ref()
    }

    /// Returns `true` if the argument needs no check beyond deserialising it.
    #[inline]
    pub(crate) fn is_exact(&self, index: usize) -> bool {
        self.parameters
            .get(index)
            .is_some_and(|parameter| parameter.exact)
    }

    /// Returns `true` if the argument must be sent.
    pub(crate) fn is_required(&self, index: usize) -> bool {
        self.parameters.get(index).is_some_and(|it| it.required)
    }

    /// Returns `true` if null is a value of the argument, and not the same as no argument.
    pub(crate) fn is_nullable(&self, index: usize) -> bool {
        self.parameters.get(index).is_some_and(|it| it.nullable)
    }

    /// Returns the rules that check arguments against their schemas.
    pub(crate) fn rules<'s>(&'s self, budget: &'s Budget) -> Rules<'s> {
        Rules::new(
            self.definitions.as_ref(),
            &self.patterns,
            self.strict,
            budget,
        )
    }

    /// Returns `true` if the text of an argument of a prompt is JSON, because its schema asks for more than a text.
    pub(crate) fn is_json(&self, index: usize) -> bool {
        let parameter = self.parameters.get(index);
        parameter.is_some_and(|it| {
            it.flattened || it.schema.as_ref().is_some_and(|schema| !is_textual(schema))
        })
    }

    /// Parses an argument. Returns the value, and a message for each repeated member. If the arguments are texts, and the
    /// schema asks for more than a text, the text is parsed as JSON.
    ///
    /// # Errors
    /// Returns a message if the argument cannot be read.
    pub(super) fn read(
        &self,
        index: usize,
        name: &str,
        json: &str,
        budget: &Budget,
    ) -> Result<(Value, Vec<String>), String> {
        let parameter = self.parameters.get(index);
        let path = match parameter {
            Some(parameter) if parameter.flattened => joined("", &member(name)),
            _ => name.to_owned(),
        };
        let sent = read(json, &path, budget)?;
        let schema = parameter.and_then(|it| it.schema_of(name));
        let schema = schema.filter(|schema| self.texts && !is_textual(schema));
        match (&sent.0, schema) {
            (Value::String(text), Some(schema)) => self.read_text(text, &path, schema, budget),
            _ => Ok(sent),
        }
    }

    /// Parses a text as JSON. A text that is not JSON may be a string itself.
    fn read_text(
        &self,
        text: &str,
        path: &str,
        schema: &Value,
        budget: &Budget,
    ) -> Result<(Value, Vec<String>), String> {
        let string = Value::from(text);
        match read(text, path, budget) {
            Ok(parsed) => Ok(parsed),
            Err(mistake) if budget.is_spent() => Err(mistake),
            Err(_) if self.rules(budget).fits(&string, schema) => Ok((string, Vec::new())),
            Err(_) => {
                let (form, got) = (shape(schema), got(&string));
                Err(format!(
                    "`{path}`: expected JSON of the form `{form}`, got {got}"
                ))
            }
        }
    }

    /// Reads all arguments of a tool that was created at run time, from one JSON object.
    ///
    /// # Errors
    /// Returns the text for the model if the arguments violate the schema.
    pub(crate) fn read_whole(&self, json: &str, budget: &Budget) -> Result<Value, String> {
        let (value, mut mistakes) =
            read(json, self.noun, budget).unwrap_or_else(|mistake| (Value::Null, vec![mistake]));
        if let Some(schema) = self.whole.as_ref().filter(|_| mistakes.is_empty()) {
            mistakes = schema.mistakes(&value, self.noun, budget);
        }
        let renamed = if mistakes.is_empty() {
            self.renamings.apply(value)
        } else {
            Err(mistakes)
        };
        renamed.map_err(|mistakes| format!("Invalid {}:\n- {}", self.noun, mistakes.join("\n- ")))
    }

    /// Repairs the argument at a position, and returns the mistakes that remain.
    pub(crate) fn repair(&self, index: usize, value: &mut Value, budget: &Budget) -> Vec<String> {
        let parameter = self.parameters.get(index);
        let Some((parameter, schema)) = parameter.and_then(|it| Some((it, it.schema.as_ref()?)))
        else {
            return Vec::new();
        };
        let rules = self.rules(budget);
        let mistakes = if rules.repair(value, schema) {
            Vec::new()
        } else {
            rules.mistakes(value, schema, parameter.path())
        };
        match &parameter.validator {
            // Skipped if there are mistakes, because it would report the same ones in other words.
            Some(validator) if mistakes.is_empty() => validator.mistakes(value, parameter.path()),
            _ => mistakes,
        }
    }

    /// Returns the name that the component has for an argument.
    pub(crate) fn own_name<'s>(&'s self, name: &'s str) -> &'s str {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|parameter| parameter.has(name));
        found.map_or(name, |found| {
            if found.flattened {
                name
            } else {
                found.own_name()
            }
        })
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.parameters
            .get(index)
            .map_or("", |parameter| &parameter.name)
    }

    /// Returns the path of a parameter's value in errors.
    pub(crate) fn path(&self, index: usize) -> &str {
        self.parameters.get(index).map_or("", ParameterSpec::path)
    }

    /// Returns the error message for an unknown argument.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self.arguments().map(|argument| argument.name).collect();
        let near = nearest(known.iter().copied(), name);
        // An unknown name can be any text, so that it is shortened and escaped.
        let name = shown(name);
        match (near, known.as_slice()) {
            (Some(near), _) => format!("unknown argument `{name}`; did you mean `{near}`?"),
            (None, []) => format!("unknown argument `{name}`: no arguments are expected"),
            (None, _) => format!("unknown argument `{name}`; known: `{}`", known.join("`, `")),
        }
    }
}

/// Returns the error message for an argument of a prompt that is not a string, but this JSON.
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
                    ..ParameterSpec::default()
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
