//! Calls with layers around them: those of the server, and inside of them those of the component.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use serde_json::Value;

use super::core::{Core, Home};
use super::run::{CallInput, Execution, Running, Work};
use crate::call::{CallContext, Renamings, ServerContext};
use crate::in_flight::{Permit, Stop};
use crate::layer::{CallKind, CallOutcome, Layer, Next, Substitute, Target};
use crate::outcome::Outcome;
use crate::protocol::cache::Cache;
use crate::protocol::error::RpcError;
use crate::service::BoxFuture;
use crate::sync::Mutex;

/// A call with layers, which may run its handler several times.
pub(super) struct Layered<W: Work> {
    core: Arc<Core>,
    /// The mounted server that the component belongs to.
    home: Option<Arc<Home>>,
    /// The number of changes of the server before the component or the page was looked up.
    changes: u64,
    work: W,
    call: Arc<CallContext>,
    /// The arguments, until the first run takes them.
    given: Mutex<Option<CallInput>>,
    /// The permit of the request, while no run has it.
    permit: Mutex<Option<Permit>>,
    /// The arguments as JSON, once a layer has read them.
    arguments: OnceLock<Value>,
    /// The arguments after the changes of each transform, with the level of its server.
    stages: OnceLock<Vec<(usize, Value)>>,
    /// `true` if the outcome must not be kept for other calls.
    is_single_use: AtomicBool,
}

impl<W: Work> Layered<W> {
    /// Returns the future of the call with all of its layers.
    pub(super) fn run(
        (core, home, changes): (Arc<Core>, Option<Arc<Home>>, u64),
        work: W,
        given: CallInput,
        call: Arc<CallContext>,
        permit: Permit,
    ) -> Surrounded {
        let layered = Arc::new(Self {
            core,
            home,
            changes,
            work,
            call: Arc::clone(&call),
            given: Mutex::new(Some(given)),
            permit: Mutex::new(Some(permit)),
            arguments: OnceLock::new(),
            stages: OnceLock::new(),
            is_single_use: AtomicBool::new(false),
        });
        Surrounded {
            future: Next::first(layered, &call).run(),
            call,
            ended: false,
        }
    }

    /// Prepares a run of the handler. Every run but the first reads the arguments again.
    fn execution(&self) -> Result<Execution<W>, RpcError> {
        if self.call.is_stopped() {
            return Err(RpcError::internal("The call was cancelled"));
        }
        let given = self.given.lock().take();
        let given = if let Some(given) = given {
            given
        } else {
            self.call.restart();
            self.work.input(&self.call.message)?
        };
        let permit = self.permit.lock().take();
        let call = Arc::clone(&self.call);
        let in_flight = self
            .home
            .as_ref()
            .map_or(&self.core.in_flight, |home| &home.in_flight);
        let again = || in_flight.permit(|| call.origin.account());
        let permit = permit.map_or_else(again, Ok)?;
        Ok(Execution::within_layers(
            self.work.clone(),
            given,
            call,
            permit,
        ))
    }
}

impl<W: Work> Layered<W> {
    /// Returns the arguments with the names that the server of a layer has for them.
    fn renamed<'a>(&'a self, renamings: &Renamings, layer: usize, sent: &'a Value) -> &'a Value {
        let (own, home) = (self.core.layers.len(), self.home.as_ref());
        let servers = own + home.map_or(0, |home| home.layers.len());
        let stages = self.stages.get_or_init(|| renamings.stages(sent));
        let is_before = |level: usize| layer >= servers || level < self.level(layer);
        let before = stages.iter().take_while(|(level, _)| is_before(*level));
        before.last().map_or(sent, |(_, arguments)| arguments)
    }
}

impl<W: Work> Target for Layered<W> {
    fn kind(&self) -> CallKind {
        W::KIND
    }

    fn name(&self, level: usize) -> &str {
        let inner = level.checked_sub(1);
        let inner = inner.and_then(|index| self.work.mounted()?.names.get(index));
        inner.map_or_else(|| self.work.component(), String::as_str)
    }

    fn uri(&self, level: usize) -> Option<&str> {
        self.work.uri(level)
    }

    fn arguments(&self, layer: usize) -> &Value {
        let sent = self
            .arguments
            .get_or_init(|| self.work.arguments(&self.call.message));
        match self.work.renamings() {
            Some(renamings) if !renamings.is_empty() => self.renamed(renamings, layer, sent),
            _ => sent,
        }
    }

    fn is_read_only(&self) -> bool {
        self.work.is_read_only()
    }

    fn is_idempotent(&self) -> bool {
        self.work.is_idempotent()
    }

    fn cache(&self) -> Option<Cache> {
        self.work.cache(&self.core)
    }

    fn changes(&self) -> u64 {
        self.changes
    }

    fn changes_so_far(&self) -> u64 {
        self.core.context.bus.changes()
    }

    fn forbid_reuse(&self) {
        self.is_single_use.store(true, Ordering::Relaxed);
    }

    fn may_reuse(&self) -> bool {
        !self.is_single_use.load(Ordering::Relaxed)
    }

    fn layer(&self, index: usize) -> Option<&dyn Layer> {
        let own = &self.core.layers;
        let mounted = self.home.as_ref().map_or(&[][..], |home| &home.layers);
        let after = |layers: &[_], index: usize| index.checked_sub(layers.len());
        let found = match after(own, index) {
            None => own.get(index),
            Some(rest) => match after(mounted, rest) {
                None => mounted.get(rest),
                Some(rest) => self.work.layers().get(rest),
            },
        };
        found.map(|layer| &**layer)
    }

    fn level(&self, index: usize) -> usize {
        let home = self.home.as_ref();
        home.map_or(0, |home| home.level(self.core.layers.len(), index))
    }

    fn server(&self, level: usize) -> Option<&Arc<ServerContext>> {
        let home = self.home.as_ref()?;
        let Some(index) = level.checked_sub(1) else {
            return Some(&self.core.context);
        };
        home.servers.get(index).map(|server| &server.context)
    }

    fn scope(&self, layer: usize) -> String {
        let mounted = self.home.as_ref().map_or(0, |home| home.layers.len());
        if layer >= self.core.layers.len() + mounted {
            return format!("component {}", self.name(0));
        }
        let inner = self.level(layer).checked_sub(1);
        let inner = inner.and_then(|index| self.home.as_ref()?.servers.get(index));
        let server = inner.unwrap_or(&self.core);
        format!("server {}", server.identity.name)
    }

    fn leave(&self, level: usize, outcome: &mut CallOutcome) {
        if let (Some(home), Some(mounted)) = (&self.home, self.work.mounted()) {
            home.leave(level, mounted, &mut outcome.0);
        }
    }

    fn is_running(&self) -> bool {
        self.permit.lock().is_none()
    }

    fn start(self: Arc<Self>) -> BoxFuture<CallOutcome> {
        Box::pin(async move {
            let mut execution = match self.execution() {
                Ok(execution) => execution,
                Err(error) => return CallOutcome(Outcome::Error(error)),
            };
            let outcome = (&mut execution).await;
            *self.permit.lock() = execution.into_permit();
            CallOutcome(outcome)
        })
    }

    fn substitute(&self, substitute: Substitute) -> CallOutcome {
        let mut work = self.work.clone();
        CallOutcome(match (W::KIND, substitute) {
            (CallKind::List, Substitute::List(definitions)) => work.list(&definitions),
            (_, substitute) => match W::output_of(substitute) {
                Some(output) => work.conclude(&self.call, output),
                None => mismatch(W::KIND, self.work.name()),
            },
        })
    }
}

/// Returns the outcome of a call for which a layer provided a result of another kind.
fn mismatch(kind: CallKind, name: &str) -> Outcome {
    tracing::error!(
        %kind,
        handler = name,
        "a layer provided a result that this kind of call cannot have"
    );
    Outcome::Error(RpcError::internal(format!("The {kind} has no result")))
}

/// The future of a call with its layers.
pub(super) struct Surrounded {
    future: BoxFuture<CallOutcome>,
    call: Arc<CallContext>,
    ended: bool,
}

impl Running for Surrounded {
    fn context(&self) -> &Arc<CallContext> {
        &self.call
    }
}

impl Future for Surrounded {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let outcome = ready!(self.future.as_mut().poll(context));
        self.ended = true;
        self.call.notifier.finish();
        Poll::Ready(outcome.0)
    }
}

impl Drop for Surrounded {
    fn drop(&mut self) {
        if !self.ended {
            self.call.stop();
        }
    }
}
