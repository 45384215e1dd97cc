//! Arguments that a transform has renamed, fixed or removed: from the names that clients use to those of the component.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::schema::shown;

/// The changed arguments of one transform.
#[derive(Debug, Default)]
pub(crate) struct Renaming {
    /// The names that clients use, each with that of the component.
    pub(crate) renamed: Vec<(String, String)>,
    /// The arguments that clients do not send, with the value of those that have one.
    pub(crate) removed: Vec<(String, Option<Value>)>,
}

impl Renaming {
    /// Returns the name of the component for an argument, or `None` if clients must not send it: it is a name of the component,
    /// and clients use another one or none.
    fn own_name<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        if let Some((_, own)) = self.renamed.iter().find(|(new, _)| new == name) {
            return Some(own);
        }
        let is_renamed = self.renamed.iter().any(|(_, own)| own == name);
        let is_removed = self.removed.iter().any(|(removed, _)| removed == name);
        (!is_renamed && !is_removed).then_some(name)
    }

    /// Returns the arguments by the names of the component.
    ///
    /// # Errors
    /// Returns a message for each argument that clients must not send.
    fn apply(&self, sent: Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
        let (mut arguments, mut unknown) = (Map::new(), Vec::new());
        for (name, value) in sent {
            match self.own_name(&name) {
                Some(own) => drop(arguments.insert(own.to_owned(), value)),
                None => unknown.push(format!("unknown argument `{}`", shown(&name))),
            }
        }
        for (name, value) in &self.removed {
            if let Some(value) = value {
                arguments.insert(name.clone(), value.clone());
            }
        }
        (arguments, unknown)
    }
}

/// The changed arguments of all transforms of a component, from the one nearest to the client on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renamings(Vec<(usize, Arc<Renaming>)>);

impl Renamings {
    /// Adds the changes of a transform of the outermost server, which follows all others.
    pub(crate) fn add(&mut self, renaming: Renaming) {
        self.0.insert(0, (0, Arc::new(renaming)));
    }

    /// Returns the changes in the server around that of the component.
    pub(crate) fn mounted(&self) -> Self {
        let all = self.0.iter();
        Self(all.map(|(level, it)| (level + 1, Arc::clone(it))).collect())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns arguments as the component receives them.
    ///
    /// # Errors
    /// Returns a message for each argument that clients must not send.
    pub(crate) fn apply(&self, sent: Value) -> Result<Value, Vec<String>> {
        let Value::Object(mut arguments) = sent else {
            return Ok(sent);
        };
        for (_, renaming) in &self.0 {
            let (next, unknown) = renaming.apply(arguments);
            if !unknown.is_empty() {
                return Err(unknown);
            }
            arguments = next;
        }
        Ok(arguments.into())
    }

    /// Returns arguments after the changes of each transform, with the level of its server.
    pub(crate) fn stages(&self, sent: &Value) -> Vec<(usize, Value)> {
        let mut arguments = sent.as_object().cloned().unwrap_or_default();
        let mut stages = Vec::new();
        for (level, renaming) in &self.0 {
            (arguments, _) = renaming.apply(arguments);
            stages.push((*level, arguments.clone().into()));
        }
        stages
    }
}
