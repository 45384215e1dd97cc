//! Finds the choice that a value is meant to be.

use serde_json::{Map, Value};

use super::check::{has_type, keyword};
use super::words::{only_member, strings};

pub(super) fn only_key(members: &Map<String, Value>) -> Option<&String> {
    members.keys().next().filter(|_| members.len() == 1)
}

pub(super) fn only<'b>(branches: &[&'b Value]) -> Option<&'b Value> {
    match branches {
        [only] => Some(only),
        _ => None,
    }
}

/// Returns the choice that an object names by one of its members.
pub(super) fn by_member<'b>(
    members: &Map<String, Value>,
    branches: &[&'b Value],
) -> Option<&'b Value> {
    if let Some(tag) = tag(branches) {
        let chosen = members.get(tag)?;
        let mut named = branches
            .iter()
            .filter(|branch| branch["properties"][tag]["const"] == *chosen);
        return named.next().filter(|_| named.next().is_none()).copied();
    }
    let names = names(branches)?;
    let key = only_key(members)?;
    let index = names.iter().position(|name| name == key)?;
    branches.get(index).copied()
}

/// Returns the only member of each choice.
pub(super) fn names<'b>(branches: &[&'b Value]) -> Option<Vec<&'b str>> {
    branches.iter().map(|branch| only_member(branch)).collect()
}

/// Returns the tag: a member that each choice has with a text of its own.
pub(super) fn tag<'b>(branches: &[&'b Value]) -> Option<&'b str> {
    let members = branches.first()?.get("properties")?.as_object()?;
    members.keys().map(String::as_str).find(|name| {
        branches
            .iter()
            .all(|branch| branch["properties"][name]["const"].is_string())
    })
}

/// Returns `true` if a value has the type of a choice, even if other parts of it are wrong.
pub(super) fn could_be(value: &Value, schema: &Value) -> bool {
    match (schema.get("type"), strings(schema)) {
        (None, Some(_)) => value.is_string(),
        (name, _) => has_type(value, name),
    }
}

/// Returns `true` if an object could be this choice by its tag, at any position in the object.
pub(super) fn could_have_tag(value: &Value, schema: &Value) -> bool {
    let Some(members) = value.as_object() else {
        return true;
    };
    let own = schema.get("properties").and_then(Value::as_object);
    own.into_iter().flatten().all(|(name, schema)| {
        let only = keyword(schema, "const");
        only.is_none_or(|only| members.get(name).is_none_or(|member| member == only))
    })
}
