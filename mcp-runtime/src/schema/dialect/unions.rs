//! The forms of choices.

use serde_json::{Map, Value, json};

use super::convert::{Converter, Level};
use super::form::{Dialect, Members, describe, description_of, members_of};
use super::merge::{REST, merge};
use super::notes::{json_text, rest};

impl Converter<'_> {
    /// Returns the form of `anyOf` and `oneOf`. The keywords beside them apply to each branch.
    pub(super) fn union(&mut self, mut members: Members, level: Level) -> Members {
        let first = members.shift_remove("anyOf");
        let mut branches = items(first);
        let second = members.shift_remove("oneOf");
        if branches.is_empty() {
            branches = items(second);
        } else if let Some(second) = second {
            members.insert(REST.to_owned(), json!([{ "oneOf": second }]));
        }
        let about = annotations(&mut members);
        if let Some(texts) = described_texts(&members, &branches) {
            return self.texts(&texts, &about);
        }
        let merged = branches.into_iter().map(|branch| match branch {
            Value::Object(branch) => Value::Object(merge(branch, members.clone())),
            other => other,
        });
        let is_null = |branch: &Value| branch.get("type").is_some_and(|name| name == "null");
        let (nulls, others): (Vec<Value>, Vec<Value>) = merged.partition(is_null);
        let forms: Vec<Members> = others.iter().map(|it| self.part(it, level)).collect();
        match (forms.is_empty(), nulls.is_empty()) {
            (true, true) => json_text(&json!({}), Some(&about), None),
            (true, false) => self.null(&about),
            (false, true) => self.any_of(forms, Some((&about, rest(&about)))),
            (false, false) => self.nullable(self.any_of(forms, Some((&about, rest(&about))))),
        }
    }

    /// Returns the form of a schema with several types.
    pub(super) fn several(&mut self, members: &Members, names: &[String], level: Level) -> Members {
        let branches = names
            .iter()
            .map(|name| json!({ "type": name }))
            .collect::<Vec<_>>();
        let mut members = members.clone();
        members.shift_remove("type");
        members.insert("anyOf".to_owned(), branches.into());
        self.union(members, level)
    }

    /// Returns a choice of forms, with the description of the whole and its notes.
    pub(super) fn any_of(
        &self,
        mut forms: Vec<Members>,
        about: Option<(&Members, Vec<String>)>,
    ) -> Members {
        let about = about.map(|(members, notes)| (description_of(members), notes));
        let (text, notes) = about.unwrap_or_default();
        if forms.len() == 1 {
            return add_text(forms.remove(0), text, &notes);
        }
        // Beside a choice, Gemini takes no other keyword.
        if self.dialect == Dialect::Gemini {
            let forms = forms.into_iter().flat_map(flat);
            let described = forms.map(|form| add_text(form, text.clone(), &notes));
            return members_of(json!({ "anyOf": described.collect::<Vec<_>>() }));
        }
        let mut choice = members_of(json!({ "anyOf": forms }));
        describe(&mut choice, text.as_deref(), &notes);
        choice
    }

    /// Returns the form of a choice between texts.
    fn texts(&mut self, texts: &[DescribedText], about: &Members) -> Members {
        let values: Vec<&String> = texts.iter().map(|(text, _)| text).collect();
        let mut members = about.clone();
        members.insert("enum".to_owned(), json!(values));
        let mut form = self.enumeration(&members);
        let own = form.get("description").and_then(Value::as_str);
        let own = own.map(str::to_owned);
        let each = texts.iter().filter_map(|(text, about)| {
            Some(format!("`{text}`: {}", about.as_ref()?.replace('\n', " ")))
        });
        let lines: Vec<String> = own.into_iter().chain(each).collect();
        describe(&mut form, Some(lines.join("\n").as_str()), &[]);
        form
    }
}

/// A text, and its description.
type DescribedText = (String, Option<String>);

/// Returns the texts of a choice between single texts.
fn described_texts(members: &Members, branches: &[Value]) -> Option<Vec<DescribedText>> {
    let is_plain = members.keys().all(|keyword| keyword == "type");
    let texts: Option<Vec<_>> = branches.iter().map(described_text).collect();
    texts.filter(|texts| is_plain && !texts.is_empty())
}

/// Returns the only value of a schema, if that is a text.
fn described_text(branch: &Value) -> Option<DescribedText> {
    let known = ["const", "description", "enum", "title", "type"];
    let mut keywords = branch.as_object()?.keys();
    let is_plain = keywords.all(|keyword| known.contains(&keyword.as_str()));
    let text = |keyword: &str| branch.get(keyword).and_then(Value::as_str);
    let values = branch.get("enum").and_then(Value::as_array);
    let only = values.filter(|values| values.len() == 1);
    let only = only.and_then(|values| values.first()?.as_str());
    let value = text("const").or(only)?;
    is_plain.then(|| (value.to_owned(), text("description").map(str::to_owned)))
}

/// Removes the annotations of a schema, and returns them.
fn annotations(members: &mut Members) -> Members {
    let mut about = Map::new();
    for keyword in ["title", "description", "default", "examples"] {
        if let Some(value) = members.shift_remove(keyword) {
            about.insert(keyword.to_owned(), value);
        }
    }
    about
}

fn items(branches: Option<Value>) -> Vec<Value> {
    match branches {
        Some(Value::Array(branches)) => branches,
        _ => Vec::new(),
    }
}

/// Returns the branches of a choice, or the form itself.
fn flat(mut form: Members) -> Vec<Members> {
    match form.get_mut("anyOf") {
        Some(Value::Array(branches)) => std::mem::take(branches)
            .into_iter()
            .map(members_of)
            .collect(),
        _ => vec![form],
    }
}

/// Adds a text before the description of a form, and notes after it.
fn add_text(mut form: Members, text: Option<String>, notes: &[String]) -> Members {
    if let Some(Value::Array(branches)) = form.get_mut("anyOf")
        && let Some(first) = branches.first_mut()
    {
        // The description of a nested choice is that of its first branch, for the same reason.
        let described = add_text(members_of(first.take()), text, notes);
        *first = described.into();
        return form;
    }
    let own = form
        .get("description")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let texts: Vec<String> = text.into_iter().chain(own).collect();
    describe(&mut form, Some(texts.join("\n").as_str()), notes);
    form
}
