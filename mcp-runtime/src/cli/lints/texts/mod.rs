//! Lints of all texts that models or people read: those that hide something, and those that give instructions to models.
//!
//! The texts are all strings and names of members in a definition, except in `icons` and `_meta`, which models do not read.

mod hidden;
mod lengths;
mod lookalikes;
mod phrases;

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::definitions::Definitions;
use super::finding::{Finding, Level};
use crate::json_path::Path;
use hidden::Kind;
pub(crate) use hidden::escape as escape_hidden;
use lookalikes::Deceptive;

/// The number of characters or words that one finding names.
const MAX_SHOWN: usize = 8;

/// The number of findings about the results of one listing function.
const MAX_LISTED: usize = 10;

/// Checks the texts of the server and of all components.
pub(super) fn check(definitions: &Definitions, found: &mut Vec<Finding>) {
    for component in definitions.components() {
        let label = component.to_string();
        check_definition(&hidden::escape(&label), component.definition, found);
    }
}

/// Returns the findings about the results of a listing function.
pub(crate) fn of_listed(template: &str, listed: &[Value]) -> Vec<Finding> {
    let mut found = Vec::new();
    for link in listed {
        let uri = hidden::escape(link["uri"].as_str().unwrap_or_default());
        let label = format!("resource `{template}`: its list function returns `{uri}`, and there");
        check_definition(&label, link, &mut found);
    }
    let more = found.len().saturating_sub(MAX_LISTED);
    found.truncate(MAX_LISTED);
    if more > 0 {
        found.push(Finding::new(format!(
            "resource `{template}`: {more} more texts that its list function returns have such problems: check its data"
        )));
    }
    found
}

/// Checks a definition, whose kind and name are in `component`.
fn check_definition(component: &str, definition: &Value, found: &mut Vec<Finding>) {
    lengths::check(component, definition, found);
    let members = definition.as_object().into_iter().flatten();
    for (name, value) in members.filter(|(name, _)| !["icons", "_meta"].contains(&name.as_str())) {
        walk(value, &Path::Member(&Path::Root(""), name), &mut |text| {
            check_text(component, &text, found);
            if text.is_inner {
                let place = text.place();
                lengths::check_inner(component, &place, text.content, found);
            }
        });
    }
}

/// A text of a definition.
struct Text<'t> {
    content: &'t str,
    /// The path of the text, or of the member that it names.
    path: &'t Path<'t>,
    /// `true` for the name of a member.
    is_name: bool,
    /// `true` within a schema or a list.
    is_inner: bool,
}

impl Text<'_> {
    fn place(&self) -> String {
        hidden::escape(&self.path.to_string())
    }
}

/// Calls a function with each string and each name in a value.
fn walk(value: &Value, path: &Path<'_>, visit: &mut impl FnMut(Text<'_>)) {
    let is_inner = !matches!(path, Path::Member(Path::Root(_), _));
    match value {
        Value::String(content) => visit(Text {
            content,
            path,
            is_name: false,
            is_inner,
        }),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &Path::Item(path, index), visit);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let path = Path::Member(path, name);
                visit(Text {
                    content: name,
                    path: &path,
                    is_name: true,
                    is_inner: true,
                });
                walk(value, &path, visit);
            }
        }
        _ => {}
    }
}

fn check_text(component: &str, text: &Text<'_>, found: &mut Vec<Finding>) {
    let start = || {
        let noun = if text.is_name { "the name of " } else { "" };
        format!("{component}: {noun}`{}`", text.place())
    };
    let add = |(level, problem): (Level, String)| {
        Finding::of_clients(level, format!("{} {problem}", start()), "")
    };
    found.extend(hidden_problems(text.content).into_iter().map(add));
    found.extend(word_problems(text.content).into_iter().map(add));
    if !text.is_name {
        found.extend(phrases::find(text.content).into_iter().map(|(level, phrase)| {
            let problem = format!(
                "has an instruction to the model, `{phrase}`: describe what the component does instead"
            );
            add((level, problem))
        }));
    }
}

/// Describes the hidden characters of a text, one problem for each kind.
fn hidden_problems(text: &str) -> Vec<(Level, String)> {
    let hidden = hidden::find(text);
    let problem = |(kind, nouns, fix): (Kind, &str, &str)| {
        let points = hidden.iter().filter(|(it, _)| *it == kind);
        let points = distinct(points.map(|(_, letter)| code_point(*letter)));
        let problem = format!("has {nouns} ({points}): {fix}");
        (!points.is_empty()).then_some((Level::Error, problem))
    };
    let kinds = [
        (
            Kind::Invisible,
            "invisible characters",
            "remove them, because models read them and people do not see them",
        ),
        (
            Kind::Direction,
            "characters that change the direction of text",
            "remove them, because people see the text in a different order than models read it",
        ),
        (Kind::Control, "control characters", "remove them"),
    ];
    kinds.into_iter().filter_map(problem).collect()
}

/// Describes the words that look like others.
fn word_problems(text: &str) -> Vec<(Level, String)> {
    let words = lookalikes::find(text);
    let problem = |word: &Deceptive<'_>| match word {
        Deceptive::Mixed(word) => (
            Level::Error,
            format!(
                "has the word `{word}` with letters that look like Latin ones ({}): write it in one script",
                resembled(word)
            ),
        ),
        Deceptive::Foreign(word) => (
            Level::Warning,
            format!(
                "has the word `{word}`, which looks like a Latin one ({}): write it in Latin letters, or translate it",
                resembled(word)
            ),
        ),
        Deceptive::Styled(word) => (
            Level::Warning,
            format!(
                "has the word `{word}` in letters of mathematics ({}): write plain letters",
                distinct(word.chars().map(code_point))
            ),
        ),
    };
    words.iter().take(MAX_SHOWN).map(problem).collect()
}

/// Lists the letters of a word that look like Latin ones: ``U+0430 like `a` ``.
fn resembled(word: &str) -> String {
    let pairs = word
        .chars()
        .filter_map(|it| Some((it, lookalikes::latin(it)?)));
    distinct(pairs.map(|(letter, latin)| format!("{} like `{latin}`", code_point(letter))))
}

fn code_point(letter: char) -> String {
    format!("U+{:04X}", u32::from(letter))
}

/// Lists the first different texts.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if all.len() == MAX_SHOWN {
            return all.join(", ") + ", ..";
        }
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.join(", ")
}
