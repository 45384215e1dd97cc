//! The record of a task, as it is stored, and its form on the wire.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::time::iso_8601;
use crate::protocol::jsonrpc::push_json;
use crate::protocol::meta::RELATED_TASK;

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    /// Returns `true` for a state that never changes.
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How a task has ended.
pub(crate) enum Ending<'a> {
    /// With the result of its tool, a JSON object.
    Result(&'a RawValue),
    /// With a JSON-RPC error.
    Error(&'a Value),
    Cancelled,
}

/// A question that waits for an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The identity of the question, which is the same when the handler runs again.
    pub(crate) id: String,
    /// The request on the wire.
    pub(crate) request: Value,
}

/// The process that runs a task, for some time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) process: String,
    /// The end, in milliseconds since 1970.
    pub(super) until: u64,
}

/// The record of a task. All times are in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name of the tool.
    pub(crate) tool: String,
    /// The principal that called the tool, or else its session.
    pub(crate) caller: Option<String>,
    /// `true` if the client has a session. All states and results have the format of its revision.
    #[serde(default)]
    pub(crate) of_session: bool,
    /// The entry of the store that lists the unfinished tasks of the account.
    pub(super) owner: String,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(crate) expires: u64,
    pub(super) poll_interval: u64,
    /// The number of changes that clients see.
    #[serde(default)]
    pub(crate) version: u64,
    pub(crate) status: Status,
    pub(super) message: Option<String>,
    /// The open questions, by their names on the wire.
    pub(crate) asked: BTreeMap<String, Asked>,
    /// All names that questions have had.
    pub(super) names: BTreeSet<String>,
    /// The answers, by the identities of their questions, in the order in which they arrived.
    pub(crate) answers: Vec<(String, Value)>,
    /// The outcomes of effects.
    pub(crate) outcomes: BTreeMap<String, Value>,
    /// The message that called the tool, if the task can be started again.
    pub(crate) request: Option<String>,
    pub(super) lease: Option<Lease>,
    /// How often the task was started. With the process it identifies a run of the task.
    pub(crate) starts: u32,
    pub(super) result: Option<Box<RawValue>>,
    pub(super) error: Option<Value>,
}

impl Record {
    /// Notes a change that clients see.
    pub(super) fn touch(&mut self, now: u64) {
        self.updated = now.max(self.updated);
        self.version += 1;
    }

    /// Asks a question, and returns its name on the wire, which no other question of the task has had.
    pub(crate) fn ask(&mut self, preferred: &str, id: &str, request: Value) -> String {
        let mut name = preferred.to_owned();
        let mut number = 1;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{preferred}-{number}");
        }
        let id = id.to_owned();
        self.asked.insert(name.clone(), Asked { id, request });
        name
    }

    /// Moves the answer to an open question into the record. Returns `false` if no open question has this name.
    pub(crate) fn answer(&mut self, name: &str, answer: &Value) -> bool {
        let question = self.asked.remove(name);
        let is_open = question.is_some();
        let answers = question.map(|question| (question.id, answer.clone()));
        self.answers.extend(answers);
        is_open
    }

    /// Sets the state of a task that goes on: it waits for input if there are open questions.
    pub(crate) fn go_on(&mut self) {
        self.status = if self.asked.is_empty() {
            Status::Working
        } else {
            Status::InputRequired
        };
    }

    /// Sets the message that describes the state.
    pub(crate) fn describe(&mut self, message: String) {
        self.message = Some(message);
    }

    /// Ends the task with the result of its tool, a JSON object.
    pub(crate) fn complete(&mut self, result: Box<RawValue>) {
        self.end(Status::Completed);
        self.message = None;
        self.result = Some(result);
    }

    /// Ends the task with a JSON-RPC error.
    pub(crate) fn fail(&mut self, error: Value) {
        self.end(Status::Failed);
        self.message = error["message"].as_str().map(str::to_owned);
        self.error = Some(error);
    }

    /// Ends the task with a result of its tool that is an error. `message` describes it.
    pub(crate) fn complete_with_error(&mut self, result: Box<RawValue>, message: String) {
        self.end(Status::Failed);
        self.message = Some(message);
        self.result = Some(result);
    }

    /// Ends the task, because its client does not want its result any more.
    pub(crate) fn cancel(&mut self) {
        self.end(Status::Cancelled);
        self.message = Some("The client cancelled the task".to_owned());
    }

    /// Ends the task, and removes what only a running one needs.
    fn end(&mut self, status: Status) {
        self.status = status;
        self.asked.clear();
        self.answers.clear();
        self.outcomes.clear();
        self.request = None;
        self.lease = None;
    }

    /// Returns how the task has ended, or `None` if it has not.
    pub(crate) fn ending(&self) -> Option<Ending<'_>> {
        Some(match (self.status, &self.result, &self.error) {
            (Status::Working | Status::InputRequired, ..) => return None,
            (Status::Cancelled, ..) => Ending::Cancelled,
            (_, Some(result), _) => Ending::Result(result),
            (_, None, error) => Ending::Error(error.as_ref().unwrap_or(&Value::Null)),
        })
    }

    /// Returns the caller that can list the task.
    pub(super) fn listed_for(&self) -> Option<&str> {
        self.caller.as_deref().filter(|_| self.of_session)
    }

    /// Returns the members of `CreateTaskResult`.
    pub(crate) fn created(&self, id: &str) -> String {
        if !self.of_session {
            return self.seed(id);
        }
        let state = self.seed(id);
        let meta = json!({ RELATED_TASK: { "taskId": id } });
        format!("\"task\":{{{state}}},\"_meta\":{meta}")
    }

    /// Returns the members of the state, in the format of the client's revision.
    pub(crate) fn state(&self, id: &str) -> String {
        if self.of_session {
            self.seed(id)
        } else {
            self.detail(id)
        }
    }

    /// Returns the names of the time to live and of the poll interval.
    fn names_of_times(&self) -> [&'static str; 2] {
        if self.of_session {
            ["ttl", "pollInterval"]
        } else {
            ["ttlMs", "pollIntervalMs"]
        }
    }

    /// Returns the members that all states have.
    fn seed(&self, id: &str) -> String {
        let mut out = String::from("\"taskId\":");
        push_json(&mut out, id);
        out.push_str(",\"status\":");
        push_json(&mut out, &self.status);
        if let Some(message) = &self.message {
            out.push_str(",\"statusMessage\":");
            push_json(&mut out, message);
        }
        for (name, time) in [("createdAt", self.created), ("lastUpdatedAt", self.updated)] {
            push_member(&mut out, name, &iso_8601(time));
        }
        let ttl = self.expires.saturating_sub(self.created);
        let [ttl_name, interval_name] = self.names_of_times();
        push_member(&mut out, ttl_name, &ttl);
        push_member(&mut out, interval_name, &self.poll_interval);
        out
    }

    /// Returns the members of `DetailedTask`.
    fn detail(&self, id: &str) -> String {
        let mut out = self.seed(id);
        match self.status {
            Status::Working | Status::Cancelled => {}
            Status::InputRequired => {
                let requests = self.asked.iter();
                let requests: BTreeMap<_, _> =
                    requests.map(|(name, it)| (name, &it.request)).collect();
                out.push_str(",\"inputRequests\":");
                push_json(&mut out, &requests);
            }
            Status::Completed => {
                out.push_str(",\"result\":");
                out.push_str(self.result.as_ref().map_or("{}", |result| result.get()));
            }
            Status::Failed => {
                out.push_str(",\"error\":");
                push_json(&mut out, &self.error);
            }
        }
        out
    }
}

/// Appends a comma and a member of an object.
fn push_member(out: &mut String, name: &str, value: &impl Serialize) {
    out.push(',');
    push_json(out, name);
    out.push(':');
    push_json(out, value);
}
