//! The run of a task: its handler is polled, and what it asks and reports is written into its record.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::caller;
use super::contain::guard;
use super::core::{Core, MethodRun, Request};
use super::encode;
use super::task_errors::error_json;
use crate::call::TaskLink;
use crate::in_flight::{Stop, Ticket};
use crate::outcome::Outcome;
use crate::owner::Owner;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::questions::{Questions, TaskQuestion};
use crate::service::{BoxFuture, Outbound};
use crate::store::now;
use crate::tasks::{Changed, Engine, NewTask, Record, Running, TaskId, TaskProblem};

/// The time after which the record is read again, in case another process has changed it.
const TICK: Duration = Duration::from_secs(1);

/// The shortest time between two messages of progress in the record.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);

/// How often the outcome of a task is written while the store fails.
const WRITES: u32 = 5;

/// A call that becomes a task.
pub(super) struct Beginning {
    pub(super) core: Arc<Core>,
    /// The revision of the client, which determines the format of the result.
    pub(super) features: &'static Features,
    pub(super) link: Arc<TaskLink>,
    pub(super) new: NewTask,
    pub(super) stop: Arc<dyn Stop>,
    /// The length of the message.
    pub(super) bytes: usize,
}

/// The reason why a call is no task, and the call, unless it was cancelled.
type NotBegun = (TaskProblem, Option<BoxFuture<Outcome>>);

/// Creates the record of a task and lets its handler begin. Returns the members of the result.
///
/// The task is created apart from its request, which may be cancelled meanwhile.
pub(super) async fn begin(
    beginning: Beginning,
    call: BoxFuture<Outcome>,
) -> Result<String, NotBegun> {
    let (sender, receiver) = oneshot::channel();
    let span = Span::current();
    tokio::spawn(async move {
        let Beginning {
            core,
            features,
            link,
            mut new,
            stop,
            bytes,
        } = beginning;
        let (account, restarts) = (new.account.clone(), new.request.is_some());
        let begun = link.call().filter(|_| restarts);
        if let Some(questions) = begun.as_ref().and_then(|call| call.asker.replay()) {
            (new.answers, new.outcomes) = questions.known();
        }
        drop(begun);
        let (id, record) = match core.tasks.create(new).await {
            Ok(created) => created,
            Err(problem) => {
                let _ = sender.send(Err((problem, Some(call))));
                return;
            }
        };
        let run = TaskRun {
            _running: core.tasks.enter(&id, Arc::clone(&link)),
            ticket: core.in_flight.enter(None, account.clone(), bytes, stop),
            core,
            features,
            expires: record.expires,
            seen: record.answers.len(),
            id,
            account,
            restarts,
            link,
            published: BTreeMap::new(),
            next_message: Instant::now(),
            span,
        };
        run.begin_task();
        let members = record.seed(run.id.as_str());
        if sender.send(Ok(members)).is_err() {
            drop(call);
            let (engine, id, account) = (&run.core.tasks, &run.id, &run.account);
            return engine.withdraw(id, &record, account).await;
        }
        tracing::debug!(tool = record.tool, "a task is created");
        run.link.open();
        run.drive(call).await;
    });
    let ended = || (TaskProblem::Contended, None);
    receiver.await.unwrap_or_else(|_| Err(ended()))
}

/// Runs a task again that this process has taken over, for the caller of a request about it.
pub(super) async fn start_again(
    request: &Request,
    id: &TaskId,
    record: &Record,
    call: fn(Request) -> Result<MethodRun, RpcError>,
) {
    let core = Arc::clone(&request.core);
    let account = request.origin.account();
    let link = TaskLink::new(true);
    let again = message_of(&core, record).and_then(|message| {
        let caller = caller::of_stateless(&message)?;
        let bytes = message.text().len();
        let features = caller.features;
        let request = Request {
            core: Arc::clone(&core),
            changes: core.context.bus.changes(),
            message,
            caller,
            origin: request.origin.clone(),
            outbound: Arc::new(Nowhere),
            task: Some(Arc::clone(&link)),
        };
        let recorder = core.tasks.recorder(id, &account);
        link.begin(Some(recorder));
        link.restore(record.answers.clone(), record.outcomes.clone());
        let run = guard(|| call(request))
            .unwrap_or_else(|panic| Err(RpcError::internal(panic.log("tool").message("tool"))))?;
        Ok((run, features, bytes))
    });
    let (run, features, bytes) = match again {
        Ok(again) => again,
        Err(error) => {
            let failed = core.tasks.change(id, &account, |record| {
                record.fail(error_json(&error));
                Changed::Outside
            });
            if let Err(problem) = failed.await {
                tracing::error!(%problem, "a task could not be ended");
            }
            return;
        }
    };
    let (future, stop): (BoxFuture<Outcome>, Arc<dyn Stop>) = match run {
        MethodRun::Ready(outcome) => (Box::pin(std::future::ready(outcome)), Arc::new(Nowhere)),
        MethodRun::Pending { future, stop } => (future, stop),
    };
    let published = record.asked.iter();
    let published = published.map(|(name, asked)| (asked.id.clone(), (0, name.clone())));
    let run = TaskRun {
        _running: core.tasks.enter(id, Arc::clone(&link)),
        ticket: core.in_flight.enter(None, account.clone(), bytes, stop),
        core,
        features,
        expires: record.expires,
        seen: record.answers.len(),
        id: id.clone(),
        account,
        restarts: true,
        link,
        published: published.collect(),
        next_message: Instant::now(),
        span: Span::current(),
    };
    tokio::spawn(run.drive(future));
}

/// Returns the message that called the tool of a task.
fn message_of(core: &Core, record: &Record) -> Result<Arc<Message>, RpcError> {
    let text = record.request.clone().unwrap_or_default();
    Message::parse(text.into_bytes(), core.limits.depth).map_err(|refused| refused.error)
}

/// The stream of a call whose client does not wait for it.
struct Nowhere;

impl Outbound for Nowhere {
    fn send(&self, _: String) -> bool {
        true
    }

    fn can_ask(&self) -> bool {
        false
    }
}

impl Stop for Nowhere {
    fn stop(&self) {}
}

/// A task that this process runs.
struct TaskRun {
    core: Arc<Core>,
    features: &'static Features,
    id: TaskId,
    account: Owner,
    /// `true` if the task can be started again.
    restarts: bool,
    link: Arc<TaskLink>,
    ticket: Ticket,
    _running: Running,
    expires: u64,
    /// The number of answers in the record that the handler has received.
    seen: usize,
    /// The open questions in the record: the number of invalid answers before, and the name on the wire, by identity.
    published: BTreeMap<String, (u8, String)>,
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

impl TaskRun {
    /// Makes the call a task: its questions and its progress go to the record from now on.
    fn begin_task(&self) {
        let recorder = || self.core.tasks.recorder(&self.id, &self.account);
        self.link.begin(self.restarts.then(recorder));
        self.follow_progress();
    }

    fn follow_progress(&self) {
        if let Some(call) = self.link.call() {
            call.notifier.become_task(Arc::clone(&self.link));
        }
    }

    /// Runs the handler until it or the task ends.
    async fn drive(mut self, mut call: BoxFuture<Outcome>) {
        loop {
            let ends = match self.next(&mut call).await {
                Event::Look => match self.look().await {
                    Look::GoOn => continue,
                    Look::Ended => None,
                },
                Event::Ended(outcome) => Some(self.outcome(&outcome)),
                Event::Stopped if self.restarts => {
                    self.give_up().await;
                    None
                }
                Event::Stopped => Some(Err(RpcError::internal(
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

    fn has_only_progress(&self) -> bool {
        self.link.has_message()
    }

    /// Returns `true` if the open questions of the handler are not those in the record.
    fn has_new_questions(&self) -> bool {
        let open = self.open_questions();
        let is_known = |question: &TaskQuestion| {
            let known = self.published.get(&question.id);
            known.is_some_and(|(misses, _)| *misses == question.misses)
        };
        open.len() != self.published.len() || !open.iter().all(is_known)
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
        let (mut published, mut answers, mut is_lost) = (BTreeMap::new(), Vec::new(), false);
        let changed = engine.change(&self.id, &self.account, |record| {
            is_lost = !engine.runs(record);
            if is_lost {
                return Changed::Nothing;
            }
            let is_renewed = engine.renew(record);
            answers = record.answers.split_off(self.seen);
            if self.restarts {
                record.answers.extend_from_slice(&answers);
            }
            published = self.published.clone();
            let mut is_seen = publish(&open, &mut published, record);
            if let Some(message) = &message {
                record.describe(message.clone());
                is_seen = true;
            }
            if is_seen {
                record.go_on();
                return Changed::Outside;
            }
            let takes = !answers.is_empty() && !self.restarts;
            if takes || is_renewed {
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
        if is_lost || record.status.is_end() {
            return Look::Ended;
        }
        self.published = published;
        self.seen = record.answers.len();
        if message.is_some() {
            self.next_message = Instant::now() + MESSAGE_INTERVAL;
        }
        let call = self.link.call().filter(|_| !answers.is_empty());
        if let Some(questions) = call.as_ref().and_then(|call| call.asker.replay()) {
            questions.deliver(answers);
        }
        Look::GoOn
    }

    /// Returns the result of the tool, or the error that the request would have been answered with.
    fn outcome(&self, outcome: &Outcome) -> Result<Box<RawValue>, RpcError> {
        let outcome = outcome.inner();
        if let Some(error) = outcome.error() {
            return Err(error.clone());
        }
        if self.link.call().is_some_and(|call| call.has_panicked()) {
            let text = outcome.texts().next().unwrap_or("The tool panicked");
            return Err(RpcError::internal(text.to_owned()));
        }
        let result = encode::result(&self.core, self.features, outcome);
        let (bytes, limit) = (result.len(), self.core.limits.response_bytes);
        if bytes > limit {
            return Err(RpcError::internal(format!(
                "The result has {bytes} bytes, and the limit is {limit}"
            )));
        }
        RawValue::from_string(result).map_err(|error| RpcError::internal(error.to_string()))
    }

    /// Writes the end of the task into its record.
    async fn end(&self, mut end: Result<Box<RawValue>, RpcError>) {
        let engine = &self.core.tasks;
        for attempt in 1..=WRITES {
            let written = engine.change(&self.id, &self.account, |record| {
                if !engine.runs(record) {
                    return Changed::Nothing;
                }
                match &end {
                    Ok(result) => record.complete(result.clone()),
                    Err(error) => record.fail(error_json(error)),
                }
                Changed::Outside
            });
            match written.await {
                Ok(record) => {
                    tracing::debug!(tool = record.tool, status = ?record.status, "a task has ended");
                    return;
                }
                Err(TaskProblem::Unknown) => return,
                Err(problem) => {
                    tracing::error!(%problem, attempt, "the end of a task could not be written");
                }
            }
            if attempt == 2 && end.is_ok() {
                // The store may have no space for the result.
                end = Err(RpcError::internal(
                    "The result of the task could not be stored",
                ));
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Lets another process start the task again.
    async fn give_up(&self) {
        let engine = &self.core.tasks;
        let given_up = engine.change(&self.id, &self.account, |record| {
            if !engine.runs(record) {
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

/// Makes the open questions of a handler those of the record. Returns `true` if the record has changed.
fn publish(
    open: &[TaskQuestion],
    published: &mut BTreeMap<String, (u8, String)>,
    record: &mut Record,
) -> bool {
    let mut is_changed = false;
    published.retain(|id, (_, name)| {
        let is_open = open.iter().any(|question| question.id == *id);
        is_changed |= !is_open && record.asked.remove(name).is_some();
        is_open
    });
    for question in open {
        let known = published.get(&question.id);
        if known.is_some_and(|(misses, _)| *misses == question.misses) {
            continue;
        }
        let name = record.ask(&question.name, &question.id, question.request.clone());
        published.insert(question.id.clone(), (question.misses, name));
        is_changed = true;
    }
    is_changed
}
