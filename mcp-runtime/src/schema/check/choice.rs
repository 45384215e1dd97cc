//! Values that may be one of several things: which of them was meant, and what is wrong with it as that.

use serde_json::{Map, Value};

use super::super::words::{in_words, one_member_of, only_member, strings};
use super::{Found, Rules, has_type, keyword, meant, missing, strings_of, unknown, unlike};
use crate::json_path;

impl Rules<'_> {
    pub(super) fn check_choice(
        &self,
        value: &Value,
        branches: &[Value],
        schema: &Value,
        found: &mut Found,
    ) {
        let possible: Vec<&Value> = branches
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| could_be(value, branch))
            .collect();
        let members = value.as_object();
        // What was meant is looked at once. Whether any fits is asked only where nobody knows what was meant.
        if let Some(meant) = only(&possible).or_else(|| by_member(members?, &possible)) {
            return self.check(value, meant, found);
        }
        if branches.iter().any(|branch| self.fits(value, branch)) {
            return;
        }
        if let Some(members) = members {
            if let Some(tag) = tag(&possible) {
                return self.check_tag(members, &possible, tag, found);
            }
            let names = names(&possible).filter(|names| !names.is_empty());
            if let Some(names) = names {
                return check_variant(members, &names, found);
            }
        }
        found.note(|path| {
            let known = strings_of(schema).unwrap_or_default();
            let near = value
                .as_str()
                .and_then(|text| meant(known.iter().map(String::as_str), text));
            unlike(path, &in_words(schema), value) + &near.unwrap_or_default()
        });
    }

    /// Tells of an object whose member that says which of the choices it is says none of them.
    fn check_tag(
        &self,
        members: &Map<String, Value>,
        branches: &[&Value],
        tag: &str,
        found: &mut Found,
    ) {
        let of_branch = |branch: &&Value| {
            branch["properties"][tag]["const"]
                .as_str()
                .map(str::to_owned)
        };
        let known: Vec<String> = branches.iter().filter_map(of_branch).collect();
        let choice = Value::from_iter([("enum", Value::from(known))]);
        found.within(&json_path::member(tag), |found| match members.get(tag) {
            Some(chosen) => self.check(chosen, &choice, found),
            None => found.note(|path| missing(path, &in_words(&choice))),
        });
    }
}

/// Tells of an object whose only member should say which of the choices it is.
fn check_variant(members: &Map<String, Value>, names: &[&str], found: &mut Found) {
    let mut keys = members.keys();
    if let (Some(key), None) = (keys.next(), keys.next()) {
        return found.within(&json_path::member(key), |found| {
            found.note(|path| unknown(path, names.iter().copied(), key));
        });
    }
    let expected = one_member_of(names);
    found.note(|path| {
        format!(
            "`{path}`: expected {expected}, got {} members",
            members.len()
        )
    });
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
    let mut keys = members.keys();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return None;
    };
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
pub(in super::super) fn could_have_tag(value: &Value, schema: &Value) -> bool {
    let Some(members) = value.as_object() else {
        return true;
    };
    let own = schema.get("properties").and_then(Value::as_object);
    own.into_iter().flatten().all(|(name, schema)| {
        let only = keyword(schema, "const");
        only.is_none_or(|only| members.get(name).is_none_or(|member| member == only))
    })
}
