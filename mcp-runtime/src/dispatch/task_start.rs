//! The start of a task: its record is put into the store, or taken over from a process that has ended.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::caller;
use super::contain::guard;
use super::core::{Core, MethodRun, Request};
use super::task_errors::{error_json, refusal};
use super::task_run::{Setup, TaskRun};
use crate::call::TaskLink;
use crate::in_flight::Stop;
use crate::outcome::Outcome;
use crate::owner::Owner;
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::service::{BoxFuture, Held, Origin, Outbound};
use crate::session::Session;
use crate::tasks::{Changed, Engine, NewTask, Record, TaskId, TaskProblem};

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
        let setup = Setup {
            core,
            features,
            link,
            account,
            bytes,
            stop,
            held,
            span,
        };
        let run = TaskRun::new(setup, id, &record);
        run.begin_task();
        let members = record.created(run.id());
        if sender.send(Ok(members)).is_err() {
            drop(call);
            return run.withdraw(&record).await;
        }
        tracing::debug!(
            tool = record.tool,
            caller = record.caller,
            "a task is created"
        );
        run.open();
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
    (origin, session): (&Origin, Option<&Session>),
    id: &TaskId,
    record: &Record,
    call: StartFn,
) {
    let account = origin.account();
    let again = message_of(core, record).and_then(|message| {
        let caller = match session {
            Some(session) => caller::caller_of(session),
            None => caller::of_stateless(&message)?,
        };
        core.tasks.check_running(&account).map_err(refusal)?;
        let held = core.hold(account.clone(), message.text().len())?;
        let request = Request {
            core: Arc::clone(core),
            changes: core.context.bus.changes(),
            message,
            caller,
            origin: origin.clone(),
            outbound: Arc::new(Nowhere),
            task: None,
        };
        run_recorded(request, id, record, held, call)
    });
    match again {
        Ok(running) => drop(tokio::spawn(running)),
        Err(error) => not_started(core, &account, (id, record.starts), &error).await,
    }
}

/// A function that starts the call of a tool.
pub(super) type StartFn = fn(Request) -> Result<MethodRun, RpcError>;

/// Starts the handler of a task whose record exists, and returns the future that runs it.
///
/// # Errors
/// Returns an error if the handler cannot be started.
fn run_recorded(
    mut request: Request,
    id: &TaskId,
    record: &Record,
    held: Held,
    call: StartFn,
) -> Result<impl Future<Output = ()> + Send + 'static + use<>, RpcError> {
    let (core, account) = (Arc::clone(&request.core), request.origin.account());
    let (features, bytes) = (request.caller.features, request.message.text().len());
    let link = TaskLink::new(true);
    request.task = Some(Arc::clone(&link));
    request.outbound = Arc::new(Nowhere);
    let restarts = record.request.is_some();
    link.begin(restarts.then(|| core.tasks.recorder(id, record.starts, &account)));
    link.restore(record.answers.clone(), record.outcomes.clone());
    let run = guard(|| call(request))
        .unwrap_or_else(|panic| Err(RpcError::internal(panic.log("tool").message("tool"))))?;
    let (future, stop): (BoxFuture<Outcome>, Arc<dyn Stop>) = match run {
        MethodRun::Ready(outcome) => (Box::pin(std::future::ready(outcome)), Arc::new(Nowhere)),
        MethodRun::Pending { future, stop } => (future, stop),
    };
    let setup = Setup {
        core,
        features,
        link,
        account,
        bytes,
        stop,
        held,
        span: Span::current(),
    };
    let run = TaskRun::new(setup, id.clone(), record);
    Ok(run.drive(future))
}

/// Creates the task of a session, whose client does not wait for the handler to be ready. Returns the members of the result.
///
/// # Errors
/// Returns an error if a limit is reached, or if the store fails. Then there is no task.
pub(super) async fn begin_of_session(
    request: Request,
    new: NewTask,
    call: StartFn,
) -> Result<String, RpcError> {
    let (sender, receiver) = oneshot::channel();
    let creating = async move {
        let (core, account) = (Arc::clone(&request.core), new.account.clone());
        let bytes = request.message.text().len();
        let created = async {
            let held = core.hold(account.clone(), bytes)?;
            let (id, record) = core.tasks.create(new).await.map_err(refusal)?;
            Ok((held, id, record))
        };
        let (held, id, record) = match created.await {
            Ok(created) => created,
            Err(error) => return drop(sender.send(Err(error))),
        };
        if sender.send(Ok(record.created(id.as_str()))).is_err() {
            return core.tasks.withdraw(&id, &record, &account).await;
        }
        tracing::debug!(
            tool = record.tool,
            caller = record.caller,
            "a task is created"
        );
        match run_recorded(request, &id, &record, held, call) {
            Ok(running) => running.await,
            Err(error) => not_started(&core, &account, (&id, record.starts), &error).await,
        }
    };
    tokio::spawn(creating.in_current_span());
    let ended = || Err(RpcError::internal("The task could not be created"));
    receiver.await.unwrap_or_else(|_| ended())
}

/// Ends a task that cannot be started again, or leaves it to a later request if the refusal is temporary.
async fn not_started(core: &Core, account: &Owner, (id, start): (&TaskId, u32), error: &RpcError) {
    // A task without its message cannot be started later.
    let is_temporary = matches!(error.class, Class::Overloaded | Class::RateLimited(_));
    let engine = &core.tasks;
    let changed = engine.change(id, account, |record| {
        if !engine.runs(record, start) {
            return Changed::Nothing;
        }
        if is_temporary && record.request.is_some() {
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
