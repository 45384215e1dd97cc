//! Schemas of a specification as JSON Schema 2020-12, for the arguments and results of one tool.
//!
//! References become references into `$defs`, which contains what a tool needs. Each schema of the specification is converted
//! once per direction.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::document::Document;
use super::keywords::{self, Kind};
use super::names::valid_name;

/// The maximum number of JSON values in the definitions of one schema of arguments. Definitions beyond it allow all values.
const INPUT_VALUES: usize = 1500;

/// The same for the schema of a result.
const OUTPUT_VALUES: usize = 500;

/// The maximum number of parts of an `allOf`, also of those within its parts, that are read to find the members that are removed.
const MOST_PARTS: usize = 64;

/// The direction of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Arguments: without `readOnly` members.
    Input,
    /// Results: without `writeOnly` members, and without constraints that real APIs break, so that a result is not lost.
    Output,
}

/// A schema of the specification that others refer to.
struct Definition<'d> {
    name: String,
    source: &'d Value,
    converted: Option<Part>,
}

/// A converted schema, and the definitions that it refers to.
#[derive(Clone, Default)]
struct Part {
    schema: Value,
    references: Vec<usize>,
    values: usize,
}

/// Converts the schemas of a specification in one direction.
pub(super) struct Converter<'d> {
    document: &'d Document,
    direction: Direction,
    definitions: Vec<Definition<'d>>,
    by_reference: HashMap<&'d str, usize>,
    by_name: HashMap<String, usize>,
    problems: Vec<String>,
}

/// The schemas of one tool while they are converted.
#[derive(Default)]
pub(super) struct References(Vec<usize>);

impl<'d> Converter<'d> {
    pub(super) fn new(document: &'d Document, direction: Direction) -> Self {
        Self {
            document,
            direction,
            definitions: Vec::new(),
            by_reference: HashMap::new(),
            by_name: HashMap::new(),
            problems: Vec::new(),
        }
    }

    /// Returns the mistakes of the schemas that were converted since the last call.
    pub(super) fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Converts a schema, and records the definitions that it needs.
    pub(super) fn convert(&mut self, schema: &'d Value, references: &mut References) -> Value {
        self.part(schema, &[], &mut references.0)
    }

    /// Converts the target of a schema that may be a reference, without the reference.
    pub(super) fn convert_target(
        &mut self,
        schema: &'d Value,
        references: &mut References,
    ) -> Value {
        match self.document.resolve(schema) {
            Ok(schema) => self.convert(schema, references),
            Err(problem) => {
                self.problems.push(problem);
                json!({})
            }
        }
    }

    /// Adds `$defs` to a schema: the nearest definitions first, and those beyond the limit without their constraints.
    pub(super) fn define(&mut self, schema: &mut Map<String, Value>, references: References) {
        let limit = match self.direction {
            Direction::Input => INPUT_VALUES,
            Direction::Output => OUTPUT_VALUES,
        };
        let (mut queue, mut values) = (references.0, 0);
        let mut definitions = Map::new();
        let mut next = 0;
        while let Some(&id) = queue.get(next) {
            next += 1;
            if definitions.contains_key(&self.definitions[id].name) {
                continue;
            }
            let part = self.definition(id);
            values += part.values;
            if values > limit && next > 1 {
                definitions.insert(self.definitions[id].name.clone(), json!({}));
                continue;
            }
            let part = part.clone();
            definitions.insert(self.definitions[id].name.clone(), part.schema);
            queue.extend(part.references);
        }
        if !definitions.is_empty() {
            schema.insert("$defs".to_owned(), definitions.into());
        }
    }

    /// Returns a definition, which is converted for its first use.
    fn definition(&mut self, id: usize) -> &Part {
        if self.definitions[id].converted.is_none() {
            let mut references = Vec::new();
            let schema = self.part(self.definitions[id].source, &[], &mut references);
            let values = count(&schema);
            self.definitions[id].converted = Some(Part {
                schema,
                references,
                values,
            });
        }
        self.definitions[id].converted.get_or_insert_default()
    }

    /// Returns the number of the definition with this reference, and its name.
    fn refer(&mut self, reference: &'d str) -> Option<usize> {
        if let Some(id) = self.by_reference.get(reference) {
            return Some(*id);
        }
        let source = match self.document.target(reference) {
            Ok(source) => source,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let last = reference.rsplit('/').next().unwrap_or_default();
        let base = valid_name(last);
        let (mut name, mut number) = (base.clone(), 2);
        while self.by_name.contains_key(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        let id = self.definitions.len();
        self.by_name.insert(name.clone(), id);
        self.by_reference.insert(reference, id);
        self.definitions.push(Definition {
            name,
            source,
            converted: None,
        });
        Some(id)
    }

    /// Converts a schema. `removed` are members that another part of an `allOf` around it has lost.
    fn part(&mut self, schema: &'d Value, removed: &[&str], references: &mut Vec<usize>) -> Value {
        let source = match schema {
            Value::Object(source) => source,
            Value::Bool(_) => return schema.clone(),
            _ => return json!({}),
        };
        let mut out = Map::new();
        if let Some(reference) = source.get("$ref").and_then(Value::as_str) {
            if let Some(id) = self.refer(reference) {
                references.push(id);
                let target = format!("#/$defs/{}", self.definitions[id].name);
                out.insert("$ref".to_owned(), target.into());
            }
            if self.document.is_3_0 {
                // Other members beside a reference have no meaning in this version.
                let description = source.get("description").filter(|it| it.is_string());
                out.extend(description.map(|it| ("description".to_owned(), it.clone())));
                return out.into();
            }
        }
        let mut gone = self.removed_members(schema);
        gone.extend(removed);
        for (keyword, value) in source {
            self.keyword(keyword, value, &gone, references, &mut out);
        }
        self.discriminate(source, &mut out);
        keywords::finish(
            &mut out,
            source,
            self.document.is_3_0,
            self.direction == Direction::Output,
        );
        out.into()
    }

    fn keyword(
        &mut self,
        keyword: &'d str,
        value: &'d Value,
        gone: &[&str],
        references: &mut Vec<usize>,
        out: &mut Map<String, Value>,
    ) {
        let is_output = self.direction == Direction::Output;
        let converted = match keywords::kind(keyword) {
            Kind::Schema => self.part(value, &[], references),
            Kind::Schemas => {
                let Some(list) = value.as_array() else { return };
                let list = list.iter();
                let list = list.map(|it| self.part(it, gone, references));
                Value::Array(list.collect())
            }
            Kind::Map => {
                let Some(members) = value.as_object() else {
                    return;
                };
                let is_properties = keyword == "properties";
                let members = members
                    .iter()
                    .filter(|(name, _)| !(is_properties && gone.contains(&name.as_str())));
                let members =
                    members.map(|(name, it)| (name.clone(), self.part(it, &[], references)));
                Value::Object(members.collect())
            }
            Kind::Constraint if is_output => return,
            Kind::Constraint | Kind::Annotation => value.clone(),
            Kind::Required => {
                let Some(names) = value.as_array().filter(|_| !is_output) else {
                    return;
                };
                let names = names.iter().filter_map(Value::as_str);
                let names: Vec<_> = names.filter(|name| !gone.contains(name)).collect();
                if names.is_empty() {
                    return;
                }
                names.into()
            }
            Kind::Dropped => return,
        };
        out.insert(keyword.to_owned(), converted);
    }

    /// Returns the members of an object that this direction does not have, also those of the parts of `allOf`.
    fn removed_members(&self, schema: &'d Value) -> Vec<&'d str> {
        let flag = match self.direction {
            Direction::Input => "readOnly",
            Direction::Output => "writeOnly",
        };
        let mut removed = Vec::new();
        let (mut parts, mut next) = (vec![schema], 0);
        while let Some(part) = parts.get(next).filter(|_| next < MOST_PARTS) {
            next += 1;
            let members = part.get("properties").and_then(Value::as_object);
            for (name, member) in members.into_iter().flatten() {
                let is_flagged = |schema: &Value| schema.get(flag) == Some(&Value::Bool(true));
                if is_flagged(member) || self.document.resolve(member).is_ok_and(is_flagged) {
                    removed.push(name.as_str());
                }
            }
            let inner = part.get("allOf").and_then(Value::as_array);
            let inner = inner.into_iter().flatten();
            let inner = inner.filter_map(|it| self.document.resolve(it).ok());
            let inner: Vec<_> = inner.take(MOST_PARTS).collect();
            parts.extend(inner);
        }
        removed
    }

    /// Adds the value of the discriminator to each variant.
    ///
    /// See <https://spec.openapis.org/oas/v3.1.0#discriminator-object>.
    fn discriminate(&self, source: &'d Map<String, Value>, out: &mut Map<String, Value>) {
        let discriminator = source.get("discriminator");
        let name = discriminator.and_then(|it| it.get("propertyName")?.as_str());
        let Some(name) = name.filter(|_| self.direction == Direction::Input) else {
            return;
        };
        let mapping = discriminator.and_then(|it| it.get("mapping")?.as_object());
        let keyword = ["oneOf", "anyOf"]
            .into_iter()
            .find(|it| source.contains_key(*it));
        let Some(keyword) = keyword else {
            // The schema that all variants extend.
            let values: Vec<_> = mapping.into_iter().flat_map(Map::keys).collect();
            if let Some(Value::Object(member)) =
                out.get_mut("properties").and_then(|it| it.get_mut(name))
                && !values.is_empty()
                && !member.contains_key("$ref")
            {
                member.entry("enum").or_insert_with(|| json!(values));
            }
            return;
        };
        let sources = source.get(keyword).and_then(Value::as_array);
        let variants = out.get_mut(keyword).and_then(Value::as_array_mut);
        for (source, variant) in sources
            .into_iter()
            .flatten()
            .zip(variants.into_iter().flatten())
        {
            let Some(variant) = variant.as_object_mut() else {
                continue;
            };
            if let Some(values) = self.discriminating(source, name, mapping) {
                let rule = match &values[..] {
                    [value] => json!({ "const": value }),
                    values => json!({ "enum": values }),
                };
                variant.insert("properties".to_owned(), json!({ name: rule }));
                variant.insert("required".to_owned(), json!([name]));
            }
        }
    }

    /// Returns the values of the discriminator for a variant, unless its own schema has them.
    fn discriminating<'v>(
        &self,
        variant: &'v Value,
        name: &str,
        mapping: Option<&'v Map<String, Value>>,
    ) -> Option<Vec<&'v str>> {
        let reference = variant.get("$ref")?.as_str()?;
        let last = reference.rsplit('/').next()?;
        let is_target = |target: &Value| target == reference || target == last;
        let mapped = mapping.into_iter().flatten();
        let mapped = mapped.filter(|(_, target)| is_target(target));
        let values: Vec<_> = mapped.map(|(value, _)| value.as_str()).collect();
        if !values.is_empty() {
            return Some(values);
        }
        let target = self.document.resolve(variant).ok()?;
        let own = target.get("properties").and_then(|it| it.get(name));
        let own = own.and_then(|it| self.document.resolve(it).ok());
        let has_values =
            own.is_some_and(|it| it.get("enum").is_some() || it.get("const").is_some());
        (!has_values && target.get("allOf").is_none()).then(|| vec![last])
    }
}

/// Returns the number of JSON values in a value.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}
