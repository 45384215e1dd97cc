//! The questions of a call that is a task. They are asked through the record of the task, and the handler waits for the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use serde_json::{Value, json};

use super::{Effects, Question, QuestionKey, Questions, Round};
use crate::protocol::capability::Capability;
use crate::protocol::meta::RELATED_TASK;

impl Question {
    /// Returns a question in the record of a task as a request to the client of a session. `elicitation` returns an id for a page.
    /// Returns `None` if the record has no such question.
    pub(crate) fn of_task(
        request: &Value,
        task: &str,
        elicitation: impl FnOnce() -> String,
    ) -> Option<Self> {
        let mut params = request["params"].clone();
        let needs = match request["method"].as_str()? {
            "roots/list" => Capability::Roots,
            "sampling/createMessage" => Capability::Sampling,
            "elicitation/create" if params["mode"] == "url" => Capability::ElicitationUrl,
            "elicitation/create" => Capability::ElicitationForm,
            _ => return None,
        };
        if needs == Capability::ElicitationUrl {
            params["elicitationId"] = elicitation().into();
        }
        params["_meta"][RELATED_TASK] = json!({ "taskId": task });
        Some(Self::new(needs, params, None))
    }
}

/// A question that waits for an answer.
pub(crate) struct TaskQuestion {
    /// The identity of the question, which is the same when the handler runs again.
    pub(crate) id: QuestionKey,
    /// The number of invalid answers so far.
    pub(crate) misses: u8,
    /// The preferred name on the wire. Another question may already have used it.
    pub(crate) name: String,
    /// The request on the wire.
    pub(crate) request: Value,
}

impl Questions {
    /// Returns the answers and the outcomes of effects so far.
    pub(crate) fn known(&self) -> (Vec<(QuestionKey, Value)>, BTreeMap<String, Value>) {
        let Some(round) = self.round.get() else {
            return Default::default();
        };
        let round = round.lock();
        let answers = round.journal.answers.clone().into_iter().collect();
        let mut outcomes = round.journal.effects.clone();
        if let Some(Ok(effects)) = &round.effects {
            outcomes.extend(effects.outcomes());
        }
        (answers, outcomes)
    }

    /// Adds the answers and the outcomes of an earlier run of the task.
    pub(crate) fn restore(
        &self,
        answers: Vec<(QuestionKey, Value)>,
        outcomes: BTreeMap<String, Value>,
    ) {
        self.round().journal.effects = outcomes;
        self.deliver(answers);
    }

    /// Returns the open questions.
    pub(crate) fn open_questions(&self) -> Vec<TaskQuestion> {
        let Some(round) = self.round.get() else {
            return Vec::new();
        };
        round.lock().task_questions()
    }

    /// Delivers answers, and wakes the questions.
    pub(crate) fn deliver(&self, answers: Vec<(QuestionKey, Value)>) {
        let mut round = self.round();
        for (id, answer) in answers {
            round.delivered.entry(id).or_default().push_back(answer);
        }
        let wakers = std::mem::take(&mut round.wakers);
        drop(round);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns the effects of a task, whose record keeps their outcomes.
    pub(crate) fn task_effects(&self) -> Option<Arc<Effects>> {
        let mut round = self.round();
        let Round {
            journal, effects, ..
        } = &mut *round;
        let find = || {
            let effects = Arc::<Effects>::default();
            effects.merge(&journal.effects);
            Ok(effects)
        };
        effects.get_or_insert_with(find).as_ref().ok().cloned()
    }
}

impl Round {
    fn task_questions(&self) -> Vec<TaskQuestion> {
        let question = |(id, question): &(QuestionKey, super::Question)| TaskQuestion {
            id: id.clone(),
            misses: self.journal.misses.get(id).copied().unwrap_or(0),
            name: question.name(id),
            request: json!({ "method": question.method(), "params": question.params }),
        };
        self.open.iter().map(question).collect()
    }

    /// Keeps the waker of an open question.
    pub(super) fn keep_waker(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|kept| kept.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}
