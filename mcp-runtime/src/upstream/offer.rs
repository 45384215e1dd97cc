//! The components of the host: those definitions of an upstream server that are well-formed and accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::link::Opened;
use super::list::{Host, List};
use super::proxy::Proxy;
use super::review::{Refused, instructions};
use crate::lock_file::accept_command;

/// The number of withheld definitions of a list that the log names.
const MAX_NAMED: usize = 20;
/// The number of characters of a name, or of a reason, that the log shows.
const MAX_SHOWN: usize = 500;

/// Definitions by name or URI.
type Definitions = BTreeMap<String, Value>;

impl Proxy {
    /// Changes the components of the host to those of a list.
    /// Returns `true` if one of them has changed.
    pub(super) fn apply(
        self: &Arc<Self>,
        opened: &Opened,
        host: &dyn Host,
        list: List,
        definitions: Vec<Value>,
    ) -> bool {
        let completes = opened.info.has("completions");
        let generation = self.lock_generation();
        let (order, mut fresh) = self.by_key(list, definitions);
        self.withhold_unaccepted(list, &mut fresh);
        let mut has_changed = self.remove_old(host, list, &fresh);
        let mut listed = self.listed.lock();
        for key in order {
            let Some(definition) = fresh.remove(&key) else {
                continue;
            };
            let place = (list, key);
            if listed.all.contains_key(&place) {
                continue;
            }
            let added = list.component(self, &definition, completes);
            let added = added.and_then(|component| host.add(component));
            match &added {
                Ok(()) => has_changed = true,
                Err(why) => self.leave_out(list, &place.1, why),
            }
            listed
                .all
                .insert(place, (definition.to_string(), added.is_ok()));
        }
        drop(listed);
        // Another file may apply since the definitions were checked.
        if self.lock_generation() != generation {
            self.recheck(host);
        }
        has_changed
    }

    /// Returns the number of the lock file that applies.
    fn lock_generation(&self) -> Option<u64> {
        self.review().held().map(|held| held.generation())
    }

    /// Removes the components that the lock file no longer accepts. The server is not asked, because it may not answer.
    pub(super) fn recheck(&self, host: &dyn Host) {
        let Some(held) = self.review().held() else {
            return;
        };
        let upstream = &self.link.options.name;
        let mut refused: BTreeMap<List, BTreeMap<String, Refused>> = BTreeMap::new();
        let is_accepted = |(list, key): &(List, String), before: &mut (String, bool)| {
            let definition = serde_json::from_str(&before.0).unwrap_or_default();
            let Err(why) = held.check(upstream, &list.entry(key, &definition)) else {
                return true;
            };
            if before.1 {
                host.remove(list.kind(), key);
            }
            refused.entry(*list).or_default().insert(key.clone(), why);
            false
        };
        self.listed.lock().all.retain(is_accepted);
        for (list, mut refused) in refused {
            let mut withheld = self.withheld.lock();
            withheld.entry(list).or_default().extend(refused.clone());
            drop(withheld);
            refused.retain(|_, why| *why != Refused::Server);
            self.log_withheld(list, &refused);
        }
        self.pass_instructions_on(host);
    }

    /// Returns the definitions by name or URI, and their order.
    fn by_key(&self, list: List, definitions: Vec<Value>) -> (Vec<String>, Definitions) {
        let (mut order, mut fresh) = (Vec::new(), Definitions::new());
        for definition in definitions {
            match list.key_of(&definition) {
                Ok(key) if fresh.contains_key(&key) => {
                    self.leave_out(list, &key, "another definition has the same name");
                }
                Ok(key) => {
                    order.push(key.clone());
                    fresh.insert(key, definition);
                }
                Err(why) => self.leave_out(list, "", &why),
            }
        }
        (order, fresh)
    }

    /// Removes the components that are no longer there as they were. Returns `true` if the host had one of them.
    fn remove_old(&self, host: &dyn Host, list: List, fresh: &Definitions) -> bool {
        let mut has_changed = false;
        self.listed
            .lock()
            .all
            .retain(|(of, key), (before, was_added)| {
                let is_same = || fresh.get(key).map(Value::to_string).as_ref() == Some(before);
                if *of != list || is_same() {
                    return true;
                }
                if *was_added {
                    host.remove(list.kind(), key);
                    has_changed = true;
                }
                false
            });
        has_changed
    }

    fn leave_out(&self, list: List, key: &str, why: &str) {
        let (upstream, kind) = (&self.link.options.name, list.kind().singular());
        // The reason may repeat the name.
        let (key, why) = (shown(key), shown(why));
        tracing::warn!(upstream, "the {kind} `{key}` is left out: {why}");
    }

    /// Removes the definitions that the lock file does not accept, and logs those that were not withheld before.
    fn withhold_unaccepted(&self, list: List, fresh: &mut Definitions) {
        let upstream = &self.link.options.name;
        #[cfg(feature = "cli")]
        if let Some(record) = self.review().record() {
            let entries = fresh.iter();
            let entries = entries.map(|(key, definition)| list.entry(key, definition));
            record.replace(upstream, list.entry_kind(), entries);
        }
        let Some(held) = self.review().held() else {
            return;
        };
        let mut refused = BTreeMap::new();
        fresh.retain(|key, definition| {
            let checked = held.check(upstream, &list.entry(key, definition));
            if let Err(why) = checked {
                refused.insert(key.clone(), why);
            }
            checked.is_ok()
        });
        let mut withheld = self.withheld.lock();
        let before = withheld.insert(list, refused.clone()).unwrap_or_default();
        drop(withheld);
        // One line says so for a server that is not in the file.
        refused.retain(|key, why| *why != Refused::Server && before.get(key) != Some(why));
        self.log_withheld(list, &refused);
    }

    fn log_withheld(&self, list: List, refused: &BTreeMap<String, Refused>) {
        let kind = list.entry_kind();
        for (key, why) in refused.iter().take(MAX_NAMED) {
            let why = match why {
                Refused::Server | Refused::New => "is not in the lock file",
                Refused::Changed => "has changed since the lock file was written",
            };
            self.warn_withheld(&format!(
                "the definition of the {kind} `{}` {why}: it is not offered",
                shown(key)
            ));
        }
        let more = refused.len().saturating_sub(MAX_NAMED);
        if more > 0 {
            self.warn_withheld(&format!("the definitions of {more} more components of the kind {kind} are not accepted: they are not offered"));
        }
    }

    fn warn_withheld(&self, what: &str) {
        let Some(held) = self.review().held() else {
            return;
        };
        let (upstream, path) = (&self.link.options.name, held.path());
        let accept = accept_command(path);
        let path = path.display();
        tracing::warn!(
            upstream,
            "{what}; `check --lock {path}` shows the difference; to accept it, {accept}"
        );
    }

    /// Keeps the instructions of a connection, and passes them on if they are accepted.
    pub(super) fn instruct(&self, opened: &Opened, host: &dyn Host) {
        *self.introduced.lock() = Some(Arc::clone(&opened.info));
        #[cfg(feature = "cli")]
        if let Some(record) = self.review().record() {
            let upstream = &self.link.options.name;
            let entry = instructions(upstream, opened.info.instructions.as_deref());
            record.replace(upstream, &entry.kind.clone(), [entry.clone()]);
            record.finish(upstream);
        }
        self.pass_instructions_on(host);
    }

    /// Passes the instructions on, if there are some and they are accepted.
    fn pass_instructions_on(&self, host: &dyn Host) {
        // Held until the host knows them, so that two checks do not end in another order than they began.
        let introduced = self.introduced.lock();
        let Some(info) = &*introduced else { return };
        let text = info.instructions.as_deref();
        let checked = match self.review().held() {
            Some(held) => {
                let upstream = &self.link.options.name;
                held.check(upstream, &instructions(upstream, text))
            }
            None => Ok(()),
        };
        host.instructed(text.filter(|_| checked.is_ok()));
        let before = std::mem::replace(&mut *self.uninstructed.lock(), checked.err());
        if checked.err() == before {
            return;
        }
        match checked {
            Ok(()) => {}
            Err(Refused::Server) => {
                self.warn_withheld("it is not in the lock file: nothing of it is offered");
            }
            Err(Refused::New | Refused::Changed) => {
                self.warn_withheld("its instructions have changed since the lock file was written: they are not passed on");
            }
        }
    }
}

/// Returns a text of the other server for the log: control, invisible and bidirectional characters are escaped.
fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown = String::new();
    for letter in chars.by_ref().take(MAX_SHOWN) {
        if matches!(letter, '\'' | '"' | '\\') {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_debug());
        }
    }
    if chars.next().is_some() {
        shown.push_str("..");
    }
    shown
}
