//! Values that may be one of several things: which of them was meant, and what is wrong with it as that.

use serde_json::{Map, Value};

use super::super::words::{in_words, one_member_of, only_member, strings};
use super::{Found, Rules, has_type, meant, missing, strings_of, unknown, unlike};
use crate::json_path;

impl Rules<'_> {
    pub(super) fn check_choice(
        &self,
        value: &Value,
        branches: &[Value],
        schema: &Value,
        found: &mut Found,
    ) {
        if branches.iter().any(|branch| self.fits(value, branch)) {
            return;
        }
        let branches: Vec<&Value> = branches
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| could_be(value, branch))
            .collect();
        if let [only] = branches.as_slice() {
            return self.check(value, only, found);
        }
        if let Some(members) = value.as_object() {
            if let Some(tag) = tag(&branches) {
                return self.check_tag(value, members, &branches, tag, found);
            }
            let names: Option<Vec<&str>> =
                branches.iter().map(|branch| only_member(branch)).collect();
            if let Some(names) = names.filter(|names| !names.is_empty()) {
                return check_variant(value, members, &branches, &names, self, found);
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

    /// Checks an object that says by a member of itself which of the choices it is.
    fn check_tag(
        &self,
        value: &Value,
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
        let Some(chosen) = members.get(tag) else {
            return found.within(&json_path::member(tag), |found| {
                found.note(|path| missing(path, &in_words(&choice)));
            });
        };
        match branches
            .iter()
            .find(|branch| branch["properties"][tag]["const"] == *chosen)
        {
            Some(branch) => self.check(value, branch, found),
            None => found.within(&json_path::member(tag), |found| {
                self.check(chosen, &choice, found);
            }),
        }
    }
}

/// Checks an object whose only member says which of the choices it is.
fn check_variant(
    value: &Value,
    members: &Map<String, Value>,
    branches: &[&Value],
    names: &[&str],
    rules: &Rules<'_>,
    found: &mut Found,
) {
    let mut keys = members.keys();
    if let (Some(key), None) = (keys.next(), keys.next()) {
        match names.iter().position(|name| name == key) {
            Some(index) => rules.check(value, branches[index], found),
            None => found.within(&json_path::member(key), |found| {
                found.note(|path| unknown(path, names.iter().copied(), key));
            }),
        }
        return;
    }
    let expected = one_member_of(names);
    found.note(|path| {
        format!(
            "`{path}`: expected {expected}, got {} members",
            members.len()
        )
    });
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
