//! The questions of a task in its record.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::questions::TaskQuestion;
use crate::tasks::Record;

/// The questions in a record.
#[derive(Clone, Default)]
pub(super) struct Published {
    /// Those that the handler has asked: the number of invalid answers before, and the name on the wire, by identity.
    asked: BTreeMap<String, (u8, String)>,
    /// Those that an earlier run of it has asked: the name on the wire, by identity.
    restored: BTreeMap<String, String>,
}

impl Published {
    /// Returns the questions of a record that a run has not asked yet.
    pub(super) fn restored(record: &Record) -> Self {
        let asked = record.asked.iter();
        let restored = asked.map(|(name, asked)| (asked.id.clone(), name.clone()));
        Self {
            restored: restored.collect(),
            ..Self::default()
        }
    }

    /// Returns `true` if these are the questions that the handler had asked before.
    pub(super) fn are(&self, open: &[TaskQuestion]) -> bool {
        open.len() == self.asked.len() && open.iter().all(|question| self.is_asked(question))
    }

    fn is_asked(&self, question: &TaskQuestion) -> bool {
        let asked = self.asked.get(&question.id);
        asked.is_some_and(|(misses, _)| *misses == question.misses)
    }

    /// Makes the open questions of a handler those of the record, which has these new answers. Returns `true` if the record has
    /// changed.
    pub(super) fn publish(
        &mut self,
        open: &[TaskQuestion],
        answers: &[(String, Value)],
        record: &mut Record,
    ) -> bool {
        let mut is_changed = self.withdraw_lost(record);
        self.asked.retain(|id, (_, name)| {
            let is_open = open.iter().any(|question| question.id == *id);
            is_changed |= !is_open && record.asked.remove(name).is_some();
            is_open
        });
        for question in open {
            self.take_restored(question, answers, record);
            if self.is_asked(question) {
                continue;
            }
            let name = record.ask(&question.name, &question.id, question.request.clone());
            self.asked
                .insert(question.id.clone(), (question.misses, name));
            is_changed = true;
        }
        is_changed
    }

    /// Removes questions whose write had no reply: they are asked again under other names. Returns `true` if there are any.
    fn withdraw_lost(&self, record: &mut Record) -> bool {
        let before = record.asked.len();
        let names = self.asked.values().map(|(_, name)| name);
        let known: BTreeSet<&String> = names.chain(self.restored.values()).collect();
        record.asked.retain(|name, _| known.contains(name));
        record.asked.len() < before
    }

    /// Keeps the question of an earlier run that the handler asks again. If its answer was delivered before and is not valid, it
    /// is a new question.
    fn take_restored(
        &mut self,
        question: &TaskQuestion,
        answers: &[(String, Value)],
        record: &Record,
    ) {
        let Some(name) = self.restored.remove(&question.id) else {
            return;
        };
        let is_answered = || answers.iter().any(|(id, _)| *id == question.id);
        if record.asked.contains_key(&name) || is_answered() {
            self.asked
                .insert(question.id.clone(), (question.misses, name));
        }
    }
}
