//! Values that may be one of several things: which of them was meant, and what is wrong with it as that.

use serde_json::{Map, Value};

use super::super::check::{has_type, keyword};
use super::super::words::{in_words, one_member_of, only_member, strings};
use super::{Look, Rules, missing, unknown, unlike};
use crate::json_path::Path;

impl Rules<'_> {
    pub(super) fn tell_choice(
        &self,
        value: &Value,
        branches: &[Value],
        schema: &Value,
        look: Look<'_>,
    ) {
        let possible: Vec<&Value> = branches
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| could_be(value, branch))
            .collect();
        let members = value.as_object();
        // What was meant is looked at once. Whether any fits is asked only where nobody knows what was meant.
        if let Some(meant) = only(&possible).or_else(|| by_member(members?, &possible)) {
            self.mend(value, meant, look);
            return;
        }
        if branches.iter().any(|branch| self.fits(value, branch)) {
            return;
        }
        if let Some(members) = members {
            if let Some(tag) = tag(&possible) {
                return self.tell_tag(members, &possible, tag, look);
            }
            let names = names(&possible).filter(|names| !names.is_empty());
            if let Some(names) = names {
                return tell_variant(members, &names, look);
            }
        }
        look.tell(|path| unlike(path, schema, value));
    }

    /// Tells of an object whose member that says which of the choices it is says none of them.
    fn tell_tag(
        &self,
        members: &Map<String, Value>,
        branches: &[&Value],
        tag: &str,
        look: Look<'_>,
    ) {
        let known = branches
            .iter()
            .map(|branch| branch["properties"][tag]["const"].clone());
        let choice = Value::from_iter([("enum", known.collect::<Value>())]);
        let look = look.part(Path::Member(look.path(), tag));
        match members.get(tag) {
            Some(chosen) => {
                self.mend(chosen, &choice, look);
            }
            None => look.tell(|path| missing(path, &in_words(&choice))),
        }
    }
}

/// Tells of an object whose only member should say which of the choices it is.
fn tell_variant(members: &Map<String, Value>, names: &[&str], look: Look<'_>) {
    if let Some(key) = only_key(members) {
        let look = look.part(Path::Member(look.path(), key));
        return look.tell(|path| unknown(path, names.iter().copied(), key));
    }
    let (expected, count) = (one_member_of(names), members.len());
    look.tell(|path| format!("`{path}`: expected {expected}, got {count} members"));
}

fn only_key(members: &Map<String, Value>) -> Option<&String> {
    members.keys().next().filter(|_| members.len() == 1)
}

fn only<'b>(branches: &[&'b Value]) -> Option<&'b Value> {
    match branches {
        [only] => Some(only),
        _ => None,
    }
}

/// The choice that an object names by one of its members.
fn by_member<'b>(members: &Map<String, Value>, branches: &[&'b Value]) -> Option<&'b Value> {
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

/// The only member of each choice.
fn names<'b>(branches: &[&'b Value]) -> Option<Vec<&'b str>> {
    branches.iter().map(|branch| only_member(branch)).collect()
}

/// The member that tells the choices apart: each has it, with one text of its own.
fn tag<'b>(branches: &[&'b Value]) -> Option<&'b str> {
    let members = branches.first()?.get("properties")?.as_object()?;
    members.keys().map(String::as_str).find(|name| {
        branches
            .iter()
            .all(|branch| branch["properties"][name]["const"].is_string())
    })
}

/// Whether a value is of the right kind for a choice, whatever else is wrong with it.
fn could_be(value: &Value, schema: &Value) -> bool {
    match (schema.get("type"), strings(schema)) {
        (None, Some(_)) => value.is_string(),
        (name, _) => has_type(value, name),
    }
}

/// Whether an object could be this choice by the member that tells choices apart, wherever in it that comes.
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
