//! The run of a task: its handler is polled, and what it asks and reports is written into its record.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::caller;
use super::contain::guard;
use super::core::{Core, MethodRun, Request};
use super::encode;
use super::task_errors::{error_json, refusal};
use crate::call::TaskLink;
use crate::in_flight::{Stop, Ticket};
use crate::outcome::Outcome;
use crate::owner::Owner;
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::questions::{Questions, TaskQuestion};
use crate::service::{BoxFuture, Held, Origin, Outbound};
use crate::store::now;
use crate::tasks::{Changed, Engine, NewTask, Record, Running, TaskId, TaskProblem};

/// The time after which the record is read again, in case another process has changed it.
const TICK: Duration = Duration::from_secs(1);

/// The shortest time between two messages of progress in the record.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);

/// The first and the longest pause between two attempts to write the end of a task. Each attempt renews the lease.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
        let held = match core.hold(account.clone(), bytes) {
            Ok(held) => held,
            Err(error) => {
                let _ = sender.send(Err((TaskProblem::Refused(error), Some(call))));
                return;
            }
        };
        if restarts {
            keep_known(&link, &mut new);
        }
        let (id, record) = match core.tasks.create(new).await {
            Ok(created) => created,
            Err(problem) => {
                let _ = sender.send(Err((problem, Some(call))));
                return;
            }
        };
        let run = TaskRun {
            _running: core.tasks.enter(&id, Arc::clone(&link), account.clone()),
            _held: held,
            ticket: core.in_flight.enter(None, account.clone(), bytes, stop),
            core,
            features,
            expires: record.expires,
            start: record.starts,
            seen: record.answers.len(),
            id,
            account,
            restarts,
            link,
            published: BTreeMap::new(),
            restored: BTreeMap::new(),
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
    let ended = Err((TaskProblem::Contended, None));
    receiver.await.unwrap_or(ended)
}

/// Puts what a handler knows at the gate into the record of its task, for a later run.
fn keep_known(link: &TaskLink, new: &mut NewTask) {
    let call = link.call();
    if let Some(questions) = call.as_ref().and_then(|call| call.asker.replay()) {
        (new.answers, new.outcomes) = questions.known();
    }
}

/// Runs a task again that this process has taken over, for the caller of a request about it.
pub(super) async fn start_again(
    core: &Arc<Core>,
    origin: &Origin,
    id: &TaskId,
    record: &Record,
    call: fn(Request) -> Result<MethodRun, RpcError>,
) {
    let (core, account) = (Arc::clone(core), origin.account());
    let link = TaskLink::new(true);
    let again = message_of(&core, record).and_then(|message| {
        let caller = caller::of_stateless(&message)?;
        let bytes = message.text().len();
        let features = caller.features;
        core.tasks.check_running(&account).map_err(refusal)?;
        let held = core.hold(account.clone(), bytes)?;
        let request = Request {
            core: Arc::clone(&core),
            changes: core.context.bus.changes(),
            message,
            caller,
            origin: origin.clone(),
            outbound: Arc::new(Nowhere),
            task: Some(Arc::clone(&link)),
        };
        let recorder = core.tasks.recorder(id, record.starts, &account);
        link.begin(Some(recorder));
        link.restore(record.answers.clone(), record.outcomes.clone());
        let run = guard(|| call(request))
            .unwrap_or_else(|panic| Err(RpcError::internal(panic.log("tool").message("tool"))))?;
        Ok((run, features, bytes, held))
    });
    let (run, features, bytes, held) = match again {
        Ok(again) => again,
        Err(error) => return not_started(&core, &account, (id, record.starts), &error).await,
    };
    let (future, stop): (BoxFuture<Outcome>, Arc<dyn Stop>) = match run {
        MethodRun::Ready(outcome) => (Box::pin(std::future::ready(outcome)), Arc::new(Nowhere)),
        MethodRun::Pending { future, stop } => (future, stop),
    };
    let asked = record.asked.iter();
    let restored = asked.map(|(name, asked)| (asked.id.clone(), name.clone()));
    let run = TaskRun {
        _running: core.tasks.enter(id, Arc::clone(&link), account.clone()),
        _held: held,
        ticket: core.in_flight.enter(None, account.clone(), bytes, stop),
        core,
        features,
        expires: record.expires,
        start: record.starts,
        seen: record.answers.len(),
        id: id.clone(),
        account,
        restarts: true,
        link,
        published: BTreeMap::new(),
        restored: restored.collect(),
        next_message: Instant::now(),
        span: Span::current(),
    };
    tokio::spawn(run.drive(future));
}

/// Ends a task that cannot be started again, or leaves it to a later request if the refusal is temporary.
async fn not_started(core: &Core, account: &Owner, (id, start): (&TaskId, u32), error: &RpcError) {
    let is_temporary = matches!(error.class, Class::Overloaded | Class::RateLimited(_));
    let engine = &core.tasks;
    let changed = engine.change(id, account, |record| {
        if !engine.runs(record, start) {
            return Changed::Nothing;
        }
        if is_temporary {
            Engine::give_back(record);
            return Changed::Inside;
        }
        record.fail(error_json(error));
        Changed::Outside
    });
    if let Err(problem) = changed.await {
        tracing::error!(%problem, "a task that cannot be started again could not be changed");
    }
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
    /// The bytes of a long message.
    _held: Held,
    expires: u64,
    /// The number of this start of the task, which identifies the run together with the process.
    start: u32,
    /// The number of answers in the record that the handler has received.
    seen: usize,
    /// The open questions in the record: the number of invalid answers before, and the name on the wire, by identity.
    published: BTreeMap<String, (u8, String)>,
    /// The questions of an earlier run that this one has not asked yet: the name on the wire, by identity.
    restored: BTreeMap<String, String>,
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
            questions = Published {
                asked: self.published.clone(),
                restored: self.restored.clone(),
            };
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
        (self.published, self.restored) = (questions.asked, questions.restored);
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
    fn outcome(&self, outcome: &Outcome) -> Result<Box<RawValue>, RpcError> {
        let outcome = outcome.inner();
        if let Some(error) = outcome.error() {
            return Err(error.clone());
        }
        if matches!(outcome, Outcome::Tool { result, .. } if result.panicked) {
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

    /// Writes the end of the task into its record, and tries it again until the task expires while the store fails.
    async fn end(&self, mut end: Result<Box<RawValue>, RpcError>) {
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
            if took_one && takes_small && end.is_ok() {
                end = Err(RpcError::internal(
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

    async fn write_end(
        &self,
        end: &Result<Box<RawValue>, RpcError>,
    ) -> Result<Record, TaskProblem> {
        let engine = &self.core.tasks;
        let written = engine.change(&self.id, &self.account, |record| {
            if !engine.runs(record, self.start) {
                return Changed::Nothing;
            }
            match end {
                Ok(result) => record.complete(result.clone()),
                Err(error) => record.fail(error_json(error)),
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

/// The questions in a record.
#[derive(Default)]
struct Published {
    /// Those that the handler has asked: the number of invalid answers before, and the name on the wire, by identity.
    asked: BTreeMap<String, (u8, String)>,
    /// Those that an earlier run of it has asked: the name on the wire, by identity.
    restored: BTreeMap<String, String>,
}

impl Published {
    /// Makes the open questions of a handler those of the record, which has these new answers. Returns `true` if the record has
    /// changed.
    fn publish(
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
            let known = self.asked.get(&question.id);
            if known.is_some_and(|(misses, _)| *misses == question.misses) {
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
