//! Selection of the components of a server by their tags.

use mcp_grammar::near::nearest;

use super::components::{Component, Components};

/// A selection of components by tag. By default all are selected.
#[derive(Default)]
pub(crate) struct Selection {
    /// Tags of which a selected component must have at least one.
    only: Option<Vec<String>>,
    /// Tags of which a selected component must not have any.
    without: Vec<String>,
}

impl Selection {
    pub(crate) fn only(&mut self, tags: impl IntoIterator<Item = impl Into<String>>) {
        let only = self.only.get_or_insert_default();
        only.extend(tags.into_iter().map(Into::into));
    }

    pub(crate) fn without(&mut self, tags: impl IntoIterator<Item = impl Into<String>>) {
        self.without.extend(tags.into_iter().map(Into::into));
    }

    /// Removes the components that are not selected. Reports a tag that no component has, because it is probably
    /// misspelled.
    ///
    /// The first components are those of the server itself, and the others those of mounted servers.
    pub(crate) fn apply(&self, servers: &mut [&mut Components]) {
        let all = || servers.iter().flat_map(|components| &components.all);
        let known: Vec<&str> = all()
            .flat_map(|component| &component.definition().tags)
            .map(String::as_str)
            .collect();
        let named = self.only.iter().flatten().chain(&self.without);
        let unknown = named.filter(|tag| !known.contains(&tag.as_str()));
        let mut problems: Vec<String> = unknown.map(|tag| no_such_tag(tag, &known)).collect();
        let leaves_some = all().any(|component| self.selects(&component.definition().tags));
        if problems.is_empty() && all().next().is_some() && !leaves_some {
            problems.push(
                "`only_tagged` and `without_tagged` leave no component: add a tag to `only_tagged`, or remove one from `without_tagged`"
                    .to_owned(),
            );
        }
        for components in servers.iter_mut() {
            let is_selected = |it: &Component| self.selects(&it.definition().tags);
            components.all.retain(is_selected);
        }
        if let Some(own) = servers.first_mut() {
            own.problems.extend(problems);
        }
    }

    fn selects(&self, tags: &[String]) -> bool {
        let has_one = |selected: &Vec<String>| tags.iter().any(|tag| selected.contains(tag));
        self.only.as_ref().is_none_or(has_one) && !has_one(&self.without)
    }
}

fn no_such_tag(tag: &str, known: &[&str]) -> String {
    let fix = nearest(known.iter().copied(), tag).map_or_else(
        || format!("add `tags(\"{tag}\")` to a component, or choose another tag"),
        |near| format!("did you mean `{near}`?"),
    );
    format!("no component has the tag `{tag}`; {fix}")
}
