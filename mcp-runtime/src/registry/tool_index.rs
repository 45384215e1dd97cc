//! The index in which tools are searched.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::tool::ToolEntry;
use crate::search::{Document, Index, ToolSearch};

/// The index of the tools of one snapshot, which is built by the first search.
#[derive(Default)]
pub(super) struct ToolIndex(OnceLock<Index>);

/// A clone does not copy the index, because it is made for other tools.
impl Clone for ToolIndex {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ToolIndex {
    /// Returns the index of these tools, which are always the same.
    pub(super) fn of<'t>(&self, tools: impl Iterator<Item = &'t Arc<ToolEntry>>) -> &Index {
        self.0
            .get_or_init(|| Index::new(tools.map(|tool| document(tool))))
    }
}

/// Returns the texts by which a tool is found. The tools of search itself have none, nor do those that are only for pages.
fn document(entry: &ToolEntry) -> Document<'_> {
    let definition = &entry.tool.definition;
    let mut document = Document::default();
    if ToolSearch::is_own(&definition.name) || !entry.is_for_models() {
        return document;
    }
    document.names.push(&definition.name);
    document.names.extend(definition.title.as_deref());
    document
        .descriptions
        .extend(definition.description.as_deref());
    let arguments = entry
        .input_schema
        .get("properties")
        .and_then(Value::as_object);
    for (name, schema) in arguments.into_iter().flatten() {
        document.arguments.push(name);
        let description = schema.get("description").and_then(Value::as_str);
        document.arguments.extend(description);
    }
    document
}
