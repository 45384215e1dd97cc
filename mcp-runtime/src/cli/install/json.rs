//! JSON with comments, as editors write their settings.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

use super::document::{Document, not_a_table};

/// A parsed file.
pub(super) struct JsonFile(CstRootNode);

impl JsonFile {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let options = ParseOptions {
            allow_comments: true,
            allow_trailing_commas: true,
            allow_loose_object_property_names: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            ..ParseOptions::default()
        };
        let file = CstRootNode::parse(text, &options).map_err(|error| error.to_string())?;
        Ok(Self(file))
    }

    /// Returns the object at a path, or `None` if a member on the way is missing.
    fn object(&self, path: &[&str]) -> Result<Option<CstObject>, String> {
        let Some(root) = self.0.value() else {
            return Ok(None);
        };
        let mut object = root.as_object().ok_or_else(|| not_a_table(&[]))?;
        for (depth, name) in path.iter().enumerate() {
            let Some(member) = object.get(name) else {
                return Ok(None);
            };
            object = member
                .object_value()
                .ok_or_else(|| not_a_table(&path[..=depth]))?;
        }
        Ok(Some(object))
    }

    fn member(&self, path: &[&str]) -> Result<Option<CstObjectProp>, String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(None);
        };
        Ok(self.object(parents)?.and_then(|parent| parent.get(name)))
    }
}

impl Document for JsonFile {
    fn get(&self, path: &[&str]) -> Result<Option<Value>, String> {
        let member = self.member(path)?;
        Ok(member.and_then(|member| member.to_serde_value()))
    }

    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(());
        };
        // An error is found before anything is created.
        self.object(parents)?;
        let mut object = self.0.object_value_or_set();
        object.ensure_multiline();
        for parent in parents {
            object = object.object_value_or_set(parent);
            object.ensure_multiline();
        }
        match object.get(name) {
            Some(member) => member.set_value(input(value)),
            None => {
                object.append(name, input(value));
            }
        }
        Ok(())
    }

    fn remove(&mut self, path: &[&str]) -> Result<bool, String> {
        let member = self.member(path)?;
        let is_there = member.is_some();
        if let Some(member) = member {
            member.remove();
        }
        Ok(is_there)
    }

    fn text(&self) -> String {
        let text = self.0.to_string();
        if text.is_empty() || text.ends_with('\n') {
            text
        } else {
            text + "\n"
        }
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => CstInputValue::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), input(value)))
                .collect(),
        ),
    }
}
