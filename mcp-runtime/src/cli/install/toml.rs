//! TOML.

use serde_json::{Map, Value, json};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

use super::document::{Document, not_a_table};

/// A parsed file.
pub(super) struct TomlFile(DocumentMut);

impl TomlFile {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file = text
            .parse()
            .map_err(|error: toml_edit::TomlError| error.to_string())?;
        Ok(Self(file))
    }

    fn item(&self, path: &[&str]) -> Result<Option<&Item>, String> {
        let mut item = self.0.as_item();
        for (depth, name) in path.iter().enumerate() {
            let table = item.as_table_like();
            let table = table.ok_or_else(|| not_a_table(&path[..depth]))?;
            match table.get(name) {
                Some(found) => item = found,
                None => return Ok(None),
            }
        }
        Ok(Some(item))
    }

    /// Returns the table at a path. Missing tables are created.
    fn table(&mut self, path: &[&str]) -> Result<&mut dyn TableLike, String> {
        let mut item = self.0.as_item_mut();
        for (depth, name) in path.iter().enumerate() {
            let table = item.as_table_like_mut();
            let table = table.ok_or_else(|| not_a_table(&path[..depth]))?;
            item = table.entry(name).or_insert_with(|| {
                let mut table = Table::new();
                // Without members of its own, it has no heading.
                table.set_implicit(true);
                Item::Table(table)
            });
        }
        item.as_table_like_mut().ok_or_else(|| not_a_table(path))
    }
}

impl Document for TomlFile {
    fn get(&self, path: &[&str]) -> Result<Option<Value>, String> {
        Ok(self.item(path)?.and_then(read))
    }

    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(());
        };
        // The members of an inline table cannot have a heading.
        let is_inline = matches!(self.item(parents)?, Some(Item::Value(_)));
        let item = match value {
            Value::Object(members) if !is_inline => Item::Table(heading(members)),
            value => Item::Value(inline(value)),
        };
        let table = self.table(parents)?;
        // The comments before the value, and after it, stay.
        match (table.get_mut(name), item) {
            (Some(Item::Value(old)), Item::Value(mut new)) => {
                *new.decor_mut() = old.decor().clone();
                *old = new;
            }
            (_, item) => {
                table.insert(name, item);
            }
        }
        Ok(())
    }

    fn remove(&mut self, path: &[&str]) -> Result<bool, String> {
        let Some((name, parents)) = path.split_last() else {
            return Ok(false);
        };
        if self.item(path)?.is_none() {
            return Ok(false);
        }
        Ok(self.table(parents)?.remove(name).is_some())
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

fn heading(members: &Map<String, Value>) -> Table {
    let mut table = Table::new();
    for (name, value) in members {
        let item = match value {
            Value::Object(members) => Item::Table(heading(members)),
            value => Item::Value(inline(value)),
        };
        table.insert(name, item);
    }
    table
}

/// Returns a value of TOML, which has no null: it becomes an empty text.
fn inline(value: &Value) -> toml_edit::Value {
    match value {
        Value::Null => "".into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => items.iter().map(inline).collect::<Array>().into(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name, inline(value)));
            members.collect::<InlineTable>().into()
        }
    }
}

fn read(item: &Item) -> Option<Value> {
    if let Some(table) = item.as_table_like() {
        let members = table.iter();
        let members = members.filter_map(|(name, item)| Some((name.to_owned(), read(item)?)));
        return Some(Value::Object(members.collect()));
    }
    match item {
        Item::Value(value) => Some(read_value(value)),
        Item::ArrayOfTables(tables) => {
            let tables = tables.iter().map(|table| Item::Table(table.clone()));
            Some(tables.filter_map(|table| read(&table)).collect())
        }
        Item::None | Item::Table(_) => None,
    }
}

fn read_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => json!(text.value()),
        toml_edit::Value::Integer(number) => json!(number.value()),
        toml_edit::Value::Float(number) => json!(number.value()),
        toml_edit::Value::Boolean(value) => json!(value.value()),
        toml_edit::Value::Datetime(time) => json!(time.value().to_string()),
        toml_edit::Value::Array(items) => items.iter().map(read_value).collect(),
        toml_edit::Value::InlineTable(table) => {
            let members = table.iter();
            let members = members.map(|(name, value)| (name.to_owned(), read_value(value)));
            Value::Object(members.collect())
        }
    }
}
