//! Edits of a text, and the difference that they make.

use std::fmt::Write as _;
use std::path::Path;

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

/// The number of unchanged lines around a change.
const CONTEXT: usize = 4;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Edit {
    /// The text to replace: its first occurrence. If there is none, lines that differ only in their indentation.
    old_text: String,
    /// The text that takes its place.
    new_text: String,
}

#[cfg(test)]
impl Edit {
    pub(crate) fn new(old: &str, new: &str) -> Self {
        Self {
            old_text: old.to_owned(),
            new_text: new.to_owned(),
        }
    }
}

/// Returns the text with line feeds only.
pub(crate) fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Applies edits one after the other to a text with line feeds.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> Result<String, ToolError> {
    let mut text = text.to_owned();
    for edit in edits {
        if edit.old_text.is_empty() {
            return Err(ToolError::new(
                "`oldText` is empty: give the text to replace",
            ));
        }
        let (old, new) = (
            with_line_feeds(&edit.old_text),
            with_line_feeds(&edit.new_text),
        );
        text = if text.contains(&old) {
            text.replacen(&old, &new, 1)
        } else {
            replace_lines(&text, &old, &new).ok_or_else(|| {
                ToolError::new(format!(
                    "the file does not contain this text, also not with another indentation: read it again\n{old}"
                ))
            })?
        };
    }
    Ok(text)
}

/// Replaces the first lines that differ from `old` only in the white space at their ends. The new lines get the
/// indentation of the lines that they replace.
fn replace_lines(text: &str, old: &str, new: &str) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let old: Vec<&str> = old.split('\n').collect();
    let is_match = |lines: &[String]| {
        let mut pairs = lines.iter().zip(&old);
        pairs.all(|(line, old)| line.trim() == old.trim())
    };
    let at = lines.windows(old.len()).position(is_match)?;
    let indent = lines.get(at).map(|line| indent_of(line).to_owned())?;
    let new = new.split('\n').enumerate();
    let new: Vec<String> = new
        .map(|(index, line)| {
            let old = old.get(index).copied().unwrap_or_default();
            indented(line, if index == 0 { None } else { Some(old) }, &indent)
        })
        .collect();
    lines.splice(at..at + old.len(), new);
    Some(lines.join("\n"))
}

/// Indents a new line. `old` is the line of `oldText` at its position, `None` for the first.
fn indented(line: &str, old: Option<&str>, indent: &str) -> String {
    let Some(old) = old else {
        return format!("{indent}{}", line.trim_start());
    };
    let (before, after) = (indent_of(old), indent_of(line));
    if before.is_empty() || after.is_empty() {
        return line.to_owned();
    }
    let deeper = after.chars().count().saturating_sub(before.chars().count());
    format!("{indent}{}{}", " ".repeat(deeper), line.trim_start())
}

fn indent_of(line: &str) -> &str {
    line.split_at(line.len() - line.trim_start().len()).0
}

/// Returns the difference of two texts as a patch in a Markdown code block.
pub(crate) fn diff(path: &Path, before: &str, after: &str) -> String {
    let changes = patch(path, before, after);
    let mut fence = "```".to_owned();
    while changes.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}diff\n{changes}{fence}\n\n")
}

fn patch(path: &Path, before: &str, after: &str) -> String {
    let path = path.display();
    let mut text = format!(
        "Index: {path}\n{}\n--- {path}\toriginal\n+++ {path}\tmodified\n",
        "=".repeat(67)
    );
    let diff = TextDiff::from_lines(before, after);
    for group in diff.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let old = first.old_range().start..last.old_range().end;
        let new = first.new_range().start..last.new_range().end;
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "@@ -{} +{} @@", range(&old), range(&new));
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value();
            let end = if line.ends_with('\n') {
                ""
            } else {
                "\n\\ No newline at end of file\n"
            };
            let _ = write!(text, "{sign}{line}{end}");
        }
    }
    text
}

/// Returns the first line and the number of lines. An empty range begins after the line before it.
fn range(lines: &std::ops::Range<usize>) -> String {
    let first = lines.start + usize::from(!lines.is_empty());
    format!("{first},{}", lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_indented_otherwise_are_replaced_with_their_indentation() {
        let text = "fn f() {\n        one();\n        two();\n}\n";
        let edits = [Edit::new("  one();\n  two();", "  one();\n    three();")];
        let edited = apply(text, &edits).unwrap();
        assert_eq!(edited, "fn f() {\n        one();\n          three();\n}\n");
    }

    #[test]
    fn edits_follow_each_other_and_each_replaces_one_occurrence() {
        let edits = [Edit::new("a", "b"), Edit::new("b", "c")];
        assert_eq!(apply("a a b", &edits).unwrap(), "c a b");
        for (old, why) in [("", "empty"), ("missing", "missing")] {
            let error = apply("text", &[Edit::new(old, "x")]).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_patch_has_the_lines_around_a_change() {
        let lines: Vec<String> = (1..=15).map(|line| format!("{line}\n")).collect();
        let before = lines.concat();
        let after = before.replacen("5\n", "X\n", 1).replace("15\n", "Y");
        assert_eq!(
            diff(Path::new("/f"), &before, &after)
                .lines()
                .skip(5)
                .collect::<Vec<_>>(),
            [
                "@@ -1,9 +1,9 @@",
                " 1",
                " 2",
                " 3",
                " 4",
                "-5",
                "+X",
                " 6",
                " 7",
                " 8",
                " 9",
                "@@ -11,5 +11,5 @@",
                " 11",
                " 12",
                " 13",
                " 14",
                "-15",
                "+Y",
                "\\ No newline at end of file",
                "```",
                ""
            ]
        );
        let created = patch(Path::new("/f"), "", "x\n");
        assert!(created.ends_with("@@ -0,0 +1,1 @@\n+x\n"), "{created}");
        let fenced = diff(Path::new("/f"), "", "```\n");
        assert!(fenced.starts_with("````diff\n"), "{fenced}");
    }
}
