//! Changes of arguments: in the schema for clients, and in the signature for calls.

use std::sync::Arc;

use mcp_grammar::near::nearest;
use serde_json::{Map, Value, json};

use super::super::header_params::header_params;
use super::super::prompt::PromptEntry;
use super::super::tool::ToolEntry;
use super::change::{ArgumentChange, Change, Removed};
use crate::call::{ParameterSpec, Renaming, Renamings, Signature};
use crate::schema::{Budget, WholeSchema, references};

/// The keywords of a schema that can name arguments in another place than `properties` and `required`, so that arguments
/// cannot be renamed or removed.
const CONNECTING: [&str; 15] = [
    "$dynamicRef",
    "$ref",
    "allOf",
    "anyOf",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
];

impl Change {
    pub(super) fn change_tool_arguments(&self, tool: &mut ToolEntry, problems: &mut Vec<String>) {
        if self.arguments.is_empty() {
            return;
        }
        let before = problems.len();
        let is_run_time = tool.tool.schema.is_some();
        self.check_names(&tool.input_schema, problems);
        if is_run_time {
            self.check_connections(&tool.input_schema, problems);
            self.check_values(problems, |name, value| {
                value_mistakes(&tool.input_schema, name, value)
            });
        } else {
            self.check_parameters(&tool.signature, problems);
        }
        if problems.len() > before {
            return;
        }
        let schema = self.changed_schema(&tool.input_schema);
        tool.renamings.add(self.renaming());
        let signature = if is_run_time {
            self.whole_signature(&schema, &tool.signature, tool.renamings.clone(), problems)
        } else {
            self.changed_signature(&tool.signature)
        };
        tool.header_params = header_params(&self.place(), &schema, problems);
        tool.input_schema = schema;
        tool.converted = Default::default();
        tool.signature = Arc::new(signature);
    }

    pub(super) fn change_prompt_arguments(
        &self,
        prompt: &mut PromptEntry,
        problems: &mut Vec<String>,
    ) {
        if self.arguments.is_empty() {
            return;
        }
        let before = problems.len();
        let mut schema = json!({ "properties": {}, "required": [] });
        for argument in prompt.signature.arguments() {
            schema["properties"][argument.name] = argument.schema.clone();
            if let Some(required) = schema["required"]
                .as_array_mut()
                .filter(|_| argument.required)
            {
                required.push(argument.name.into());
            }
        }
        self.check_names(&schema, problems);
        self.check_parameters(&prompt.signature, problems);
        if problems.len() > before {
            return;
        }
        prompt.renamings.add(self.renaming());
        prompt.signature = Arc::new(self.changed_signature(&prompt.signature));
        for (name, _) in &mut prompt.completers {
            if let Some(new) = self.change_of(name).and_then(|it| it.name.as_ref()) {
                name.clone_from(new);
            }
        }
    }

    fn change_of(&self, argument: &str) -> Option<&ArgumentChange> {
        self.arguments.iter().find(|it| it.key == argument)
    }

    fn problem(&self, argument: &str, what: &str) -> String {
        format!(
            "the transform of {}: the argument `{argument}` {what}",
            self.place()
        )
    }

    /// Records the mistakes in the names of arguments: of those that do not exist, and of two with one name.
    fn check_names(&self, schema: &Value, problems: &mut Vec<String>) {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        for change in &self.arguments {
            let name = &change.key;
            if !properties.contains_key(name) {
                problems.push(self.problem(name, &unknown(properties, name)));
                continue;
            }
            let is_required = required(schema).any(|it| it == name);
            if is_required && matches!(change.removed, Some(Removed::Missing)) {
                let fix = "is required, and cannot be removed: give it a value with `fix_argument`";
                problems.push(self.problem(name, fix));
            }
            if change.removed.is_some() && (change.name.is_some() || change.description.is_some()) {
                let fix = "is removed, and also renamed or described: do one of them";
                problems.push(self.problem(name, fix));
            }
            let Some(new) = &change.name else { continue };
            let is_taken = properties.keys().any(|other| {
                let other_change = self.change_of(other);
                let stays = other_change.is_none_or(|it| it.removed.is_none() && it.name.is_none());
                let also = other_change.is_some_and(|it| it.name.as_ref() == Some(new));
                other != name && ((stays && other == new) || also)
            });
            if is_taken {
                let fix = format!(
                    "is renamed to `{new}`, as another argument is called: choose another name"
                );
                problems.push(self.problem(name, &fix));
            }
        }
    }

    /// Records the mistakes about a schema that was created at run time.
    fn check_connections(&self, schema: &Value, problems: &mut Vec<String>) {
        let renames = self.arguments.iter();
        let mut renames = renames.filter(|it| it.name.is_some() || it.removed.is_some());
        let Some(first) = renames.next() else { return };
        let keyword = CONNECTING.iter().find(|it| schema.get(**it).is_some());
        let reference = references(schema).into_iter();
        let mut reference = reference.filter(|target| target.starts_with("#/properties/"));
        if let Some(found) = keyword.copied().or_else(|| reference.next()) {
            let fix = format!(
                "cannot be renamed or removed, because the schema has `{found}`, which may name it: change the tool itself"
            );
            problems.push(self.problem(&first.key, &fix));
        }
    }

    /// Records the mistakes about the parameters of a function.
    fn check_parameters(&self, signature: &Signature, problems: &mut Vec<String>) {
        for change in &self.arguments {
            let parameters = || signature.parameters.iter();
            let known = |it: &&ParameterSpec| it.schema.is_some() && !it.flattened;
            let exists = signature.arguments().any(|it| it.name == change.key);
            if exists && !parameters().filter(known).any(|it| it.name == change.key) {
                let fix = "is a member of a flattened parameter, which no transform can change: change the function";
                problems.push(self.problem(&change.key, fix));
            }
        }
        self.check_values(problems, |name, value| {
            let budget = Budget::default();
            let index = signature.position(name);
            let parameter = index.and_then(|index| signature.parameters.get(index));
            let Some((parameter, schema)) =
                parameter.and_then(|it| Some((it, it.schema.as_ref()?)))
            else {
                return Vec::new();
            };
            let mistakes = signature.rules(&budget).mistakes(value, schema, name);
            match &parameter.validator {
                Some(validator) if mistakes.is_empty() => validator.mistakes(value, name),
                _ => mistakes,
            }
        });
    }

    /// Records the mistakes in fixed values.
    fn check_values(
        &self,
        problems: &mut Vec<String>,
        mistakes: impl Fn(&str, &Value) -> Vec<String>,
    ) {
        for change in &self.arguments {
            if let Some(Removed::Fixed(value)) = &change.removed {
                let mistakes = mistakes(&change.key, value);
                if !mistakes.is_empty() {
                    let what = format!(
                        "has a fixed value that its schema refuses: {}",
                        mistakes.join("; ")
                    );
                    problems.push(self.problem(&change.key, &what));
                }
            }
        }
    }

    /// Returns the changes of names and values.
    fn renaming(&self) -> Renaming {
        let changes = || self.arguments.iter();
        let renamed = changes().filter_map(|it| Some((it.name.clone()?, it.key.clone())));
        let removed = changes().filter_map(|it| {
            let removed = it.removed.as_ref()?;
            Some((it.key.clone(), removed.value().cloned()))
        });
        Renaming {
            renamed: renamed.collect(),
            removed: removed.collect(),
        }
    }

    /// Returns the schema for clients.
    fn changed_schema(&self, schema: &Value) -> Value {
        let mut changed = schema.clone();
        let Some(members) = changed.as_object_mut() else {
            return changed;
        };
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            let mut new = Map::new();
            for (name, mut property) in std::mem::take(properties) {
                let change = self.change_of(&name);
                if change.is_some_and(|it| it.removed.is_some()) {
                    continue;
                }
                if let Some(description) = change.and_then(|it| it.description.as_ref()) {
                    describe(&mut property, description);
                }
                let name = change.and_then(|it| it.name.clone()).unwrap_or(name);
                new.insert(name, property);
            }
            *properties = new;
        }
        let names = required(schema).filter_map(|name| match self.change_of(name) {
            Some(change) if change.removed.is_some() => None,
            Some(change) => Some(change.name.as_deref().unwrap_or(name)),
            None => Some(name),
        });
        let names: Vec<Value> = names.map(Value::from).collect();
        if names.is_empty() {
            members.shift_remove("required");
        } else {
            members.insert("required".to_owned(), names.into());
        }
        changed
    }

    /// Returns the signature of a tool that was created at run time.
    fn whole_signature(
        &self,
        schema: &Value,
        old: &Signature,
        renamings: Renamings,
        problems: &mut Vec<String>,
    ) -> Signature {
        let whole = WholeSchema::new(schema).map_err(|mistakes| {
            problems.push(format!(
                "the transform of {}: the changed schema is invalid: {}",
                self.place(),
                mistakes.join("; ")
            ));
        });
        Signature {
            whole: whole.ok(),
            renamings,
            open: old.open,
            strict: old.strict,
            noun: old.noun,
            ..Signature::default()
        }
    }

    /// Returns the signature of a function.
    fn changed_signature(&self, old: &Signature) -> Signature {
        Signature {
            parameters: old
                .parameters
                .iter()
                .map(|it| self.changed_spec(it))
                .collect(),
            definitions: old.definitions.clone(),
            patterns: old.patterns.clone(),
            whole: None,
            renamings: Renamings::default(),
            open: old.open,
            texts: old.texts,
            strict: old.strict,
            noun: old.noun,
        }
    }

    fn changed_spec(&self, old: &ParameterSpec) -> ParameterSpec {
        let mut spec = old.clone();
        let change = old.schema.as_ref().and_then(|_| self.change_of(&old.name));
        let Some(change) = change.filter(|_| !old.flattened) else {
            return spec;
        };
        if let Some(removed) = &change.removed {
            // Without a schema it is not an argument of clients, as an injected parameter is not.
            spec.schema = None;
            spec.validator = None;
            spec.required = false;
            spec.fixed = removed.value().cloned();
        }
        if let (Some(description), Some(schema)) = (&change.description, &mut spec.schema) {
            describe(schema, description);
            spec.description = Some(description.clone());
        }
        if let Some(name) = &change.name {
            spec.own_name.get_or_insert_with(|| old.name.clone());
            spec.name.clone_from(name);
        }
        spec
    }
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// Sets the description of a schema. The schema `true` has no members.
fn describe(schema: &mut Value, description: &str) {
    if *schema == true {
        *schema = json!({});
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), description.into());
    }
}

fn unknown(properties: &Map<String, Value>, name: &str) -> String {
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    match (nearest(names.iter().copied(), name), names.as_slice()) {
        (Some(near), _) => format!("does not exist: did you mean `{near}`?"),
        (None, []) => "does not exist: there are no arguments".to_owned(),
        (None, _) => format!("does not exist: there are `{}`", names.join("`, `")),
    }
}

/// Returns the mistakes of a value of one property.
fn value_mistakes(schema: &Value, name: &str, value: &Value) -> Vec<String> {
    let mut one = schema.clone();
    if let Some(one) = one.as_object_mut() {
        one.shift_remove("required");
    }
    match WholeSchema::new(&one) {
        Ok(rules) => rules.mistakes(&json!({ name: value }), "arguments", &Budget::default()),
        Err(mistakes) => mistakes,
    }
}
