//! The run of a task: its handler is polled, and what it asks and reports is written into its record.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Span;

use super::contain::guard;
use super::core::Core;
use super::encode;
use super::task_errors::error_json;
use super::task_questions::Published;
use crate::call::TaskLink;
use crate::in_flight::{Stop, Ticket};
use crate::outcome::Outcome;
use crate::owner::Owner;
use crate::protocol::error::RpcError;
use crate::protocol::meta::RELATED_TASK;
use crate::protocol::revision::Features;
use crate::questions::{Questions, TaskQuestion};
use crate::service::{BoxFuture, Held};
use crate::store::now;
use crate::tasks::{Changed, Engine, Record, Running, TaskId, TaskProblem};

/// The time after which the record is read again, in case another process has changed it.
const TICK: Duration = Duration::from_secs(1);

/// The shortest time between two messages of progress in the record.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);

/// The first and the longest pause between two attempts to write the end of a task. Each attempt renews the lease.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a task needs to run in this process.
pub(super) struct Setup {
    pub(super) core: Arc<Core>,
    /// The revision of the client, which determines the format of the result.
    pub(super) features: &'static Features,
    pub(super) link: Arc<TaskLink>,
    pub(super) account: Owner,
    /// The length of the message.
    pub(super) bytes: usize,
    pub(super) stop: Arc<dyn Stop>,
    /// The bytes of a long message.
    pub(super) held: Held,
    pub(super) span: Span,
}

/// A task that this process runs.
pub(super) struct TaskRun {
    core: Arc<Core>,
    features: &'static Features,
    id: TaskId,
    account: Owner,
    /// `true` if the task can be started again.
    restarts: bool,
    /// `true` if the client has a session.
    of_session: bool,
    link: Arc<TaskLink>,
    ticket: Ticket,
    _running: Running,
    /// The bytes of a long message.
    _held: Held,
    expires: u64,
    /// The number of this start of the task, which identifies the run together with the process.
    start: u32,
    /// The number of answers in the record that the handler has received.
    seen: usize,
    /// The open questions in the record.
    questions: Published,
    /// The time from which the next message of progress may be written.
    next_message: Instant,
    span: Span,
}

/// What a task has to do next.
enum Event {
    Ended(Box<Outcome>),
    /// The record must be read, and perhaps changed.
    Look,
    /// The server stops.
    Stopped,
    Expired,
}

/// The end of a task.
enum End {
    Result(Box<RawValue>),
    /// A result that is an error, which clients with sessions know as a failure, and a description of it.
    Failure(Box<RawValue>, String),
    Error(RpcError),
}

/// Returns the first text of a result that is an error.
fn text(outcome: &Outcome) -> &str {
    outcome.texts().next().unwrap_or("The tool failed")
}

/// Returns the beginning of a text.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars().take(LONGEST).collect()
}

impl TaskRun {
    pub(super) fn new(setup: Setup, id: TaskId, record: &Record) -> Self {
        let (core, link, account) = (setup.core, setup.link, setup.account);
        Self {
            _running: core.tasks.enter(&id, Arc::clone(&link), account.clone()),
            _held: setup.held,
            ticket: core
                .in_flight
                .enter(None, account.clone(), setup.bytes, setup.stop),
            core,
            features: setup.features,
            expires: record.expires,
            start: record.starts,
            seen: record.answers.len(),
            id,
            account,
            restarts: record.request.is_some(),
            of_session: record.of_session,
            link,
            questions: Published::restored(record),
            next_message: Instant::now(),
            span: setup.span,
        }
    }

    pub(super) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Lets the handler begin.
    pub(super) fn open(&self) {
        self.link.open();
    }

    /// Removes the record of a task that nobody knows.
    pub(super) async fn withdraw(&self, record: &Record) {
        let engine = &self.core.tasks;
        engine.withdraw(&self.id, record, &self.account).await;
    }

    /// Makes the call a task: its questions and its progress go to the record from now on.
    pub(super) fn begin_task(&self) {
        let recorder = || {
            self.core
                .tasks
                .recorder(&self.id, self.start, &self.account)
        };
        self.link.begin(self.restarts.then(recorder));
        self.follow_progress();
    }

    fn follow_progress(&self) {
        if let Some(call) = self.link.call() {
            call.notifier.become_task(Arc::clone(&self.link));
        }
    }

    /// Runs the handler until it or the task ends.
    pub(super) async fn drive(mut self, mut call: BoxFuture<Outcome>) {
        loop {
            let ends = match self.next(&mut call).await {
                Event::Look => match self.look().await {
                    Look::GoOn => continue,
                    Look::Ended => None,
                },
                Event::Ended(mut outcome) => Some(self.outcome(&mut outcome)),
                Event::Stopped if self.restarts => {
                    self.give_up().await;
                    None
                }
                Event::Stopped => Some(End::Error(RpcError::internal(
                    "The server was stopped before the task was finished",
                ))),
                Event::Expired => {
                    tracing::warn!("a task has expired before it was finished");
                    None
                }
            };
            if let Some(end) = ends {
                self.end(end).await;
            }
            break;
        }
        // The destructors of the handler are user code.
        if let Err(panic) = guard(|| drop(call)) {
            panic.log("task");
        }
    }

    /// Polls the handler until something has happened.
    async fn next(&self, call: &mut BoxFuture<Outcome>) -> Event {
        let rest = Duration::from_millis(self.expires.saturating_sub(now()));
        let mut news = pin!(self.link.news.notified());
        let mut tick = pin!(tokio::time::sleep(TICK.min(rest)));
        let mut message = pin!(tokio::time::sleep_until(self.next_message));
        poll_fn(|context| {
            if self.ticket.poll_cancelled(context).is_ready() {
                return Poll::Ready(Event::Stopped);
            }
            let entered = self.span.enter();
            let polled = guard(|| call.as_mut().poll(context));
            drop(entered);
            match polled {
                Ok(Poll::Ready(outcome)) => return Poll::Ready(Event::Ended(Box::new(outcome))),
                Ok(Poll::Pending) => {}
                Err(panic) => {
                    let error = RpcError::internal(panic.log("task").message("task"));
                    return Poll::Ready(Event::Ended(Box::new(Outcome::Error(error))));
                }
            }
            if now() >= self.expires {
                return Poll::Ready(Event::Expired);
            }
            if self.core.is_stopping() && self.waits_for_answer() {
                return Poll::Ready(Event::Stopped);
            }
            let ticks = tick.as_mut().poll(context).is_ready();
            let reports = self.link.has_message() && message.as_mut().poll(context).is_ready();
            // Progress alone waits for its time.
            let is_notified = news.as_mut().poll(context).is_ready() && !self.has_only_progress();
            if ticks || reports || is_notified || self.has_new_questions() {
                return Poll::Ready(Event::Look);
            }
            Poll::Pending
        })
        .await
    }

    /// Returns `true` if the handler waits for its client, which a server that stops does not answer any more.
    fn waits_for_answer(&self) -> bool {
        let call = self.link.call();
        call.is_some_and(|call| call.asker.waits())
    }

    fn has_only_progress(&self) -> bool {
        self.link.has_message()
    }

    /// Returns `true` if the open questions of the handler are not those in the record.
    fn has_new_questions(&self) -> bool {
        !self.questions.are(&self.open_questions())
    }

    fn open_questions(&self) -> Vec<TaskQuestion> {
        let call = self.link.call();
        let questions = call.as_ref().and_then(|call| call.asker.replay());
        questions.map_or_else(Vec::new, Questions::open_questions)
    }
}

/// What reading the record of a task has shown.
enum Look {
    GoOn,
    /// The task has ended, or another process runs it.
    Ended,
}

impl TaskRun {
    /// Writes new questions and progress into the record, and takes the answers out of it.
    async fn look(&mut self) -> Look {
        let (open, engine) = (self.open_questions(), &self.core.tasks);
        let reports = Instant::now() >= self.next_message;
        let message = reports.then(|| self.link.take_message()).flatten();
        let (mut questions, mut answers, mut is_lost) = (Published::default(), Vec::new(), false);
        let changed = engine.change(&self.id, &self.account, |record| {
            is_lost = !engine.runs(record, self.start);
            if is_lost {
                return Changed::Nothing;
            }
            let is_renewed = engine.renew(record);
            // A store that was rolled back has fewer answers than before.
            let seen = self.seen.min(record.answers.len());
            // The answers stay in the record: if the reply to this write is lost, they are read again.
            answers = record.answers[seen..].to_vec();
            questions = self.questions.clone();
            let mut is_seen = questions.publish(&open, &answers, record);
            if let Some(message) = &message {
                record.describe(message.clone());
                is_seen = true;
            }
            if is_seen {
                record.go_on();
                return Changed::Outside;
            }
            if is_renewed {
                return Changed::Inside;
            }
            Changed::Nothing
        });
        let record = match changed.await {
            Ok(record) => record,
            Err(TaskProblem::Unknown) => return Look::Ended,
            Err(problem) => {
                tracing::warn!(%problem, "the record of a task cannot be read or changed");
                tokio::time::sleep(TICK).await;
                return Look::GoOn;
            }
        };
        if record.status.is_end() {
            // Another process has ended it, or a request whose reply was lost.
            self.settle(&record).await;
        }
        if is_lost || record.status.is_end() {
            return Look::Ended;
        }
        self.questions = questions;
        if message.is_some() {
            self.next_message = Instant::now() + MESSAGE_INTERVAL;
        }
        self.deliver(answers, record.answers.len());
        Look::GoOn
    }

    /// Gives the handler the newest of all answers in the record. A handler that is not at the gate yet receives them later.
    fn deliver(&mut self, newest: Vec<(String, Value)>, all: usize) {
        let call = self.link.call();
        if let Some(questions) = call.as_ref().and_then(|call| call.asker.replay()) {
            self.seen = all;
            if !newest.is_empty() {
                questions.deliver(newest);
            }
        }
    }

    /// Returns the result of the tool, or the error that the request would have been answered with.
    fn outcome(&self, outcome: &mut Outcome) -> End {
        let outcome = outcome.inner_mut();
        if let Some(error) = outcome.error() {
            return End::Error(error.clone());
        }
        if self.of_session {
            return self.outcome_of_session(outcome);
        }
        if matches!(outcome, Outcome::Tool { result, .. } if result.panicked) {
            return End::Error(RpcError::internal(text(outcome).to_owned()));
        }
        self.encoded(outcome).map_or_else(End::Error, End::Result)
    }

    /// Returns what the call would have been answered with, as a client with a session reads it.
    fn outcome_of_session(&self, outcome: &mut Outcome) -> End {
        let is_error = matches!(outcome, Outcome::Tool { is_error: true, .. });
        let failure = is_error.then(|| excerpt(text(outcome)));
        if let Outcome::Tool { result, .. } = outcome {
            let related = json!({ "taskId": self.id() });
            let meta = result.meta.get_or_insert_default();
            meta.insert(RELATED_TASK.to_owned(), related);
        }
        match (self.encoded(outcome), failure) {
            (Ok(result), None) => End::Result(result),
            (Ok(result), Some(message)) => End::Failure(result, message),
            (Err(error), _) => End::Error(error),
        }
    }

    fn encoded(&self, outcome: &Outcome) -> Result<Box<RawValue>, RpcError> {
        let result = encode::result(&self.core, self.features, outcome);
        let (bytes, limit) = (result.len(), self.core.limits.response_bytes);
        if bytes > limit {
            return Err(RpcError::internal(format!(
                "The result has {bytes} bytes, and the limit is {limit}"
            )));
        }
        RawValue::from_string(result).map_err(|error| RpcError::internal(error.to_string()))
    }

    /// Writes the end of the task into its record, and tries it again until the task expires while the store fails.
    async fn end(&self, mut end: End) {
        let (mut pause, mut takes_small) = (FIRST_PAUSE, false);
        while now() < self.expires {
            match self.write_end(&end).await {
                Ok(record) => {
                    tracing::debug!(tool = record.tool, status = ?record.status, "a task has ended");
                    // The reply to an earlier attempt may have been lost.
                    if pause > FIRST_PAUSE && record.status.is_end() {
                        self.settle(&record).await;
                    }
                    return;
                }
                Err(TaskProblem::Unknown) => return,
                Err(problem) => tracing::error!(%problem, "the end of a task could not be written"),
            }
            let took_one = std::mem::replace(&mut takes_small, self.extend().await);
            // The store works, but has no space for the result: it took a small write before and after that of the result.
            if took_one && takes_small && !matches!(end, End::Error(_)) {
                end = End::Error(RpcError::internal(
                    "The result of the task could not be stored",
                ));
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn settle(&self, record: &Record) {
        let engine = &self.core.tasks;
        engine.settle(&self.id, record, &self.account).await;
    }

    async fn write_end(&self, end: &End) -> Result<Record, TaskProblem> {
        let engine = &self.core.tasks;
        let written = engine.change(&self.id, &self.account, |record| {
            if !engine.runs(record, self.start) {
                return Changed::Nothing;
            }
            match end {
                End::Result(result) => record.complete(result.clone()),
                End::Failure(result, message) => {
                    record.complete_with_error(result.clone(), message.clone());
                }
                End::Error(error) => record.fail(error_json(error)),
            }
            Changed::Outside
        });
        written.await
    }

    /// Renews the lease, so that the task is not started again while its end cannot be written. Returns `false` if this fails.
    async fn extend(&self) -> bool {
        let engine = &self.core.tasks;
        let extended = engine.change(&self.id, &self.account, |record| {
            if !engine.runs(record, self.start) {
                return Changed::Nothing;
            }
            engine.extend(record);
            Changed::Inside
        });
        extended.await.is_ok()
    }

    /// Lets another process start the task again.
    async fn give_up(&self) {
        let engine = &self.core.tasks;
        let given_up = engine.change(&self.id, &self.account, |record| {
            if !engine.runs(record, self.start) {
                return Changed::Nothing;
            }
            Engine::give_up(record);
            Changed::Inside
        });
        if let Err(problem) = given_up.await {
            tracing::warn!(%problem, "a task could not be given up: it is started again later");
        }
    }
}
