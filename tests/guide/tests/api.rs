//! The public API, from its snapshot.

use std::fs;

use crate::markdown::root;

/// The snapshot of the public API, one item a line.
pub(crate) struct Api(String);

impl Api {
    pub(crate) fn read() -> Self {
        let path = root().join("tests/api/mcp-runtime.txt");
        Self(fs::read_to_string(path).expect("the snapshot of the API"))
    }

    /// Returns what is wrong with a link, without the address of the crate.
    pub(crate) fn problem(&self, link: &str) -> Option<String> {
        let Some(page) = link.strip_prefix("latest/mcp_runtime/") else {
            return Some("write `latest/mcp_runtime/` and the page".to_owned());
        };
        let (page, anchor) = page.split_once('#').unwrap_or((page, ""));
        let Some(item) = page.strip_suffix(".html") else {
            return Some("the page of an item ends with `.html`".to_owned());
        };
        let is_known = match item.split_once('.') {
            _ if item == "index" => true,
            None => self.has(&format!(
                "pub mod mcp_runtime::{}",
                item.trim_end_matches("/index")
            )),
            Some(("attr" | "derive", name)) => self.has(&format!("pub use mcp_runtime::{name}")),
            Some(("macro", name)) => self.has(&format!("pub macro mcp_runtime::{name}!")),
            Some((kind, name)) => self.has(&format!("pub {kind} mcp_runtime::{name}")),
        };
        if !is_known {
            return Some(format!("the API has no {item}"));
        }
        let name = item.split_once('.').map_or("", |(_, name)| name);
        let has_member = match anchor.split_once('.') {
            _ if anchor.is_empty() => true,
            Some(("method" | "tymethod", method)) => {
                let ways = ["pub fn", "pub async fn"];
                ways.iter()
                    .any(|way| self.has(&format!("{way} mcp_runtime::{name}::{method}")))
            }
            Some(("variant" | "structfield" | "associatedconstant", member)) => {
                self.has(&format!("pub mcp_runtime::{name}::{member}"))
                    || self.has(&format!("pub const mcp_runtime::{name}::{member}"))
            }
            _ => return Some("link to an item, and not to a section of its page".to_owned()),
        };
        (!has_member).then(|| format!("{name} has no {anchor}"))
    }

    /// Returns `true` if a line begins with an item. `#[non_exhaustive]` may precede it.
    fn has(&self, item: &str) -> bool {
        self.0.lines().any(|line| {
            let line = line.trim_start_matches("#[non_exhaustive] ");
            let rest = line.strip_prefix(item);
            rest.is_some_and(|rest| {
                !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_')
            })
        })
    }
}
