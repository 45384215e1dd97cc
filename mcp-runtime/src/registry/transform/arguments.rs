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
        if self.arguments.is_empty() || !self.fits_tool(tool, problems) {
            return;
        }
        let schema = self.changed_schema(&tool.input_schema);
        tool.renamings.add(self.renaming());
        let signature = if tool.typed {
            self.changed_signature(&tool.signature)
        } else {
            self.whole_signature(&schema, &tool.signature, tool.renamings.clone(), problems)
        };
        tool.header_params = header_params(&self.place(), &schema, problems);
        tool.input_schema = schema;
        tool.signature = Arc::new(signature);
    }

    /// Returns `true` if the changes of arguments fit a tool, or else records why not.
    fn fits_tool(&self, tool: &ToolEntry, problems: &mut Vec<String>) -> bool {
        let before = problems.len();
        let schema = &tool.input_schema;
        self.check_names(schema, problems);
        if tool.typed {
            self.check_parameters(&tool.signature, problems);
        } else {
            self.check_connections(schema, problems);
            self.check_values(problems, |name, value| value_mistakes(schema, name, value));
        }
        problems.len() == before
    }

    pub(super) fn change_prompt_arguments(
        &self,
        prompt: &mut PromptEntry,
        problems: &mut Vec<String>,
    ) {
        let before = problems.len();
        self.check_names(&arguments_schema(&prompt.signature), problems);
        self.check_parameters(&prompt.signature, problems);
        if self.arguments.is_empty() || problems.len() > before {
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
            let mistake = change.mistake(is_required).map(str::to_owned);
            let mistake = mistake.or_else(|| self.conflict(change, properties));
            problems.extend(mistake.map(|mistake| self.problem(name, &mistake)));
        }
    }

    /// Returns the mistake of a new name that another argument has, too.
    fn conflict(&self, change: &ArgumentChange, properties: &Map<String, Value>) -> Option<String> {
        let new = change.name.as_ref()?;
        let has_new = |other: &String| match self.change_of(other) {
            Some(change) if change.removed.is_some() => false,
            Some(change) => change.name.as_ref().unwrap_or(other) == new,
            None => other == new,
        };
        let mut others = properties.keys().filter(|other| **other != change.key);
        others.any(has_new).then(|| {
            format!("is renamed to `{new}`, as another argument is called: choose another name")
        })
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
            let mut arguments = signature.arguments();
            let exists = arguments.any(|it| it.name == change.key);
            if exists && parameter(signature, &change.key).is_none() {
                let fix = "is a member of a flattened parameter, which no transform can change: change the function";
                problems.push(self.problem(&change.key, fix));
            }
        }
        self.check_values(problems, |name, value| {
            let found = parameter(signature, name);
            found.map_or_else(Vec::new, |found| spec_mistakes(signature, found, value))
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
            let old = std::mem::take(properties).into_iter();
            *properties = old
                .filter_map(|(name, schema)| self.changed_property(name, schema))
                .collect();
        }
        let names: Vec<Value> = required(schema)
            .filter_map(|name| Some(self.new_name(name)?.into()))
            .collect();
        if names.is_empty() {
            members.shift_remove("required");
        } else {
            members.insert("required".to_owned(), names.into());
        }
        changed
    }

    /// Returns the name of an argument for clients, or `None` if they do not send it.
    fn new_name<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        match self.change_of(name) {
            Some(change) if change.removed.is_some() => None,
            Some(change) => Some(change.name.as_deref().unwrap_or(name)),
            None => Some(name),
        }
    }

    /// Returns an argument for clients, or `None` if they do not send it.
    fn changed_property(&self, name: String, mut schema: Value) -> Option<(String, Value)> {
        let new = self.new_name(&name)?.to_owned();
        let change = self.change_of(&name);
        if let Some(description) = change.and_then(|it| it.description.as_ref()) {
            describe(&mut schema, description);
        }
        Some((new, schema))
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
        let is_argument = old.schema.is_some() && !old.flattened;
        if let Some(change) = self.change_of(&old.name).filter(|_| is_argument) {
            change.apply(&mut spec);
        }
        spec
    }
}

impl ArgumentChange {
    fn apply(&self, spec: &mut ParameterSpec) {
        if let Some(removed) = &self.removed {
            // Without a schema it is not an argument of clients, as an injected parameter is not.
            spec.schema = None;
            spec.validator = None;
            spec.required = false;
            spec.fixed = removed.value().cloned();
        }
        if let (Some(description), Some(schema)) = (&self.description, &mut spec.schema) {
            describe(schema, description);
            spec.description = Some(description.clone());
        }
        if let Some(name) = &self.name {
            let old = std::mem::replace(&mut spec.name, name.clone());
            spec.own_name.get_or_insert(old);
        }
    }

    /// Returns the mistake of a change that does not fit the argument.
    fn mistake(&self, is_required: bool) -> Option<&'static str> {
        let also = self.name.is_some() || self.description.is_some();
        match &self.removed {
            Some(Removed::Missing) if is_required => {
                Some("is required, and cannot be removed: give it a value with `fix_argument`")
            }
            Some(_) if also => Some("is removed, and also renamed or described: do one of them"),
            _ => None,
        }
    }
}

/// Returns the parameter of an argument, unless it is a member of a flattened one.
fn parameter<'s>(signature: &'s Signature, name: &str) -> Option<&'s ParameterSpec> {
    let mut parameters = signature.parameters.iter();
    parameters.find(|it| it.schema.is_some() && !it.flattened && it.name == name)
}

/// Returns the mistakes of a value of a parameter.
fn spec_mistakes(signature: &Signature, spec: &ParameterSpec, value: &Value) -> Vec<String> {
    let (budget, schema) = (Budget::default(), spec.schema.as_ref());
    let mistakes = schema.map_or_else(Vec::new, |schema| {
        signature.rules(&budget).mistakes(value, schema, &spec.name)
    });
    match &spec.validator {
        Some(validator) if mistakes.is_empty() => validator.mistakes(value, &spec.name),
        _ => mistakes,
    }
}

/// Returns the names and the required ones of arguments in the form of a schema.
fn arguments_schema(signature: &Signature) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for argument in signature.arguments() {
        properties.insert(argument.name.to_owned(), argument.schema.clone());
        required.extend(argument.required.then(|| argument.name.into()));
    }
    json!({ "properties": properties, "required": required })
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
