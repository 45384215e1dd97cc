//! The value of a flattened parameter: the arguments that are the members of its object.

use std::sync::OnceLock;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::signature::Signature;
use super::tree::Tree;
use crate::protocol::text::Span;
use crate::schema::{Budget, Mistakes, shown};

/// The arguments of a flattened parameter, in the order of the message.
#[derive(Debug, Default)]
pub(crate) struct Flattened {
    members: Vec<(String, Span)>,
    /// The object of all members.
    tree: OnceLock<Tree>,
}

impl Flattened {
    pub(super) fn add(&mut self, name: &str, place: Span) {
        self.members.push((name.to_owned(), place));
    }

    /// Returns the members as they were sent. A member that cannot be parsed is left out.
    pub(crate) fn as_sent<'a>(
        &'a self,
        message: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a RawValue)> {
        self.members.iter().filter_map(|(name, place)| {
            let json = serde_json::from_str(place.of_text(message));
            json.ok().map(|json| (name.as_str(), json))
        })
    }

    /// Returns the object, which is made on first use.
    pub(super) fn tree(
        &self,
        message: &str,
        signature: &Signature,
        index: usize,
        budget: &Budget,
    ) -> &Tree {
        self.tree.get_or_init(|| {
            let (members, mut mistakes) = self.read(message, signature, index, budget);
            let mut value = Value::Object(members);
            if mistakes.is_empty() {
                mistakes = signature.repair(index, &mut value, budget);
            }
            Tree::new(value, mistakes)
        })
    }

    /// Parses the members. Returns those that are unreadable or repeated as mistakes.
    fn read(
        &self,
        message: &str,
        signature: &Signature,
        index: usize,
        budget: &Budget,
    ) -> (Map<String, Value>, Vec<String>) {
        let mut members = Map::new();
        let mut mistakes = Mistakes::default();
        for (name, place) in &self.members {
            let (value, repeated) = signature
                .read(index, name, place.of_text(message), budget)
                .unwrap_or_else(|mistake| (Value::Null, vec![mistake]));
            for mistake in repeated {
                mistakes.note(|| mistake);
            }
            if members.insert(name.clone(), value).is_some() {
                mistakes.note(|| format!("`{}` is given twice", shown(name)));
            }
        }
        (members, mistakes.told())
    }
}
