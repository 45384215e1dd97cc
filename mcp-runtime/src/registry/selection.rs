//! Which components a server offers, chosen by their tags.

use mcp_grammar::near::nearest;

use super::components::Components;

/// What is chosen. By itself it is everything.
#[derive(Default)]
pub(crate) struct Selection {
    /// Only components with one of these.
    only: Option<Vec<String>>,
    /// And of those none with one of these.
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

    /// Takes away what is not chosen, and notes each tag that nothing has: it would choose something else than was meant.
    pub(crate) fn apply(&self, components: &mut Components) {
        let known: Vec<&str> = components
            .all
            .iter()
            .flat_map(|component| &component.definition().tags)
            .map(String::as_str)
            .collect();
        let named = self.only.iter().flatten().chain(&self.without);
        let unknown = named.filter(|tag| !known.contains(&tag.as_str()));
        let problems: Vec<String> = unknown.map(|tag| no_such_tag(tag, &known)).collect();
        let before = components.all.len();
        let chosen = |tags: &[String]| self.chooses(tags);
        components.all.retain(|it| chosen(&it.definition().tags));
        if problems.is_empty() && before > 0 && components.all.is_empty() {
            components.problem(
                "`only_tagged` and `without_tagged` leave no component: choose fewer tags to leave out, or more to keep"
                    .to_owned(),
            );
        }
        components.problems.extend(problems);
    }

    fn chooses(&self, tags: &[String]) -> bool {
        let has_one = |chosen: &Vec<String>| tags.iter().any(|tag| chosen.contains(tag));
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
