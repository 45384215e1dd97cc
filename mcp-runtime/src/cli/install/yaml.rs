//! YAML.

use std::str::FromStr as _;

use serde_json::{Map, Value, json};
use yaml_edit::{Mapping, MappingBuilder, SequenceBuilder, YamlNode};

use super::document::{Document, not_a_table};

/// A parsed file with one document.
pub(super) struct YamlFile(yaml_edit::Document);

impl YamlFile {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(yaml_edit::Document::new_mapping()));
        }
        let file = yaml_edit::Document::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self(file))
    }

    /// Returns the mapping at a path, or `None` if a member on the way is missing.
    fn mapping(&self, path: &[&str]) -> Result<Option<Mapping>, String> {
        let mut mapping = self.0.as_mapping().ok_or_else(|| not_a_table(&[]))?;
        for (depth, name) in path.iter().enumerate() {
            mapping = match mapping.get(*name) {
                Some(YamlNode::Mapping(found)) => found,
                Some(_) => return Err(not_a_table(&path[..=depth])),
                None => return Ok(None),
            };
        }
        Ok(Some(mapping))
    }
}

impl Document for YamlFile {
    fn get(&self, path: &[&str]) -> Result<Option<Value>, String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(None);
        };
        let found = self.mapping(parents)?.and_then(|parent| parent.get(*name));
        Ok(found.map(|node| read(&node)))
    }

    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(());
        };
        if let Some(parent) = self.mapping(parents)? {
            set(&parent, name, value);
            return Ok(());
        }
        // The outermost missing member gets a mapping with all others.
        let Some((missing, parents)) = parents.split_last() else {
            return Err(not_a_table(&[]));
        };
        let mut members = Map::new();
        members.insert((*name).to_owned(), value.clone());
        self.set(&[parents, &[*missing]].concat(), &members.into())
    }

    fn remove(&mut self, path: &[&str]) -> Result<bool, String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(false);
        };
        let parent = self.mapping(parents)?;
        Ok(parent.is_some_and(|parent| parent.remove(*name).is_some()))
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

fn set(mapping: &Mapping, name: &str, value: &Value) {
    match value {
        Value::Null => mapping.set(name, None::<&str>),
        Value::Bool(value) => mapping.set(name, *value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => mapping.set(name, number),
            None => mapping.set(name, number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => mapping.set(name, text),
        Value::Array(items) => {
            if let Some(items) = list(items).build_document().as_sequence() {
                mapping.set(name, items);
            }
        }
        Value::Object(members) => {
            if let Some(members) = table(members).build_document().as_mapping() {
                mapping.set(name, members);
            }
        }
    }
}

fn table(members: &Map<String, Value>) -> MappingBuilder {
    let mut table = MappingBuilder::new();
    for (name, value) in members {
        table = match value {
            Value::Null => table.pair(name, None::<&str>),
            Value::Bool(value) => table.pair(name, *value),
            Value::Number(number) => match number.as_i64() {
                Some(number) => table.pair(name, number),
                None => table.pair(name, number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => table.pair(name, text),
            Value::Array(items) => table.insert_sequence(name, list(items)),
            Value::Object(members) => table.insert_mapping(name, self::table(members)),
        };
    }
    table
}

fn list(items: &[Value]) -> SequenceBuilder {
    let mut list = SequenceBuilder::new();
    for item in items {
        list = match item {
            Value::Object(members) => list.insert_mapping(table(members)),
            Value::Array(items) => list.insert_sequence(self::list(items)),
            Value::String(text) => list.item(text),
            other => list.item(other.to_string()),
        };
    }
    list
}

fn read(node: &YamlNode) -> Value {
    match node {
        YamlNode::Mapping(mapping) => {
            let members = mapping.iter();
            let members = members.map(|(name, value)| (text(&name), read(&value)));
            Value::Object(members.collect())
        }
        YamlNode::Sequence(items) => items.values().map(|item| read(&item)).collect(),
        YamlNode::Scalar(scalar) if scalar.is_quoted() => json!(scalar.as_string()),
        YamlNode::Scalar(scalar) if scalar.is_null() => Value::Null,
        YamlNode::Scalar(scalar) => match (scalar.as_bool(), scalar.as_i64()) {
            (Some(value), _) => json!(value),
            (_, Some(number)) => json!(number),
            _ => json!(scalar.as_string()),
        },
        other => json!(other.to_string()),
    }
}

fn text(node: &YamlNode) -> String {
    match node {
        YamlNode::Scalar(scalar) => scalar.as_string(),
        other => other.to_string(),
    }
}
