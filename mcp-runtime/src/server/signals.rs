//! The signals that stop the process: the first stops the server, and the second ends the process at once.

use std::future::Future;

/// Installs the handlers of SIGTERM and SIGINT (Ctrl-C).
///
/// The returned future resolves at the first signal. While the guard is alive, a second signal ends the process with the exit
/// code 128 + its number, even if all threads are blocked.
///
/// On Unix, a signal that arrives while no guard is alive has its default action again: it ends the process.
pub(super) fn install() -> (SignalGuard, impl Future<Output = ()> + Send + 'static) {
    imp::install()
}

pub(super) use imp::SignalGuard;

#[cfg(unix)]
mod imp {
    use std::ffi::c_int;
    use std::future::Future;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::{SigId, flag, low_level};
    use tokio::sync::oneshot;

    use crate::sync::Mutex;

    /// The signals that stop a server.
    const SIGNALS: [c_int; 2] = [SIGINT, SIGTERM];

    /// The signal handling of this process.
    static PROCESS: Mutex<Process> = Mutex::new(Process::new());

    struct Process {
        /// The number of guards that are alive.
        guards: usize,
        /// The servers that wait for their first signal.
        waiting: Vec<oneshot::Sender<()>>,
        /// `true` if the thread that receives the signals runs. It runs until the process ends, because signal-hook never
        /// restores the default action of a signal.
        is_receiving: bool,
    }

    /// The handlers of a server, which are removed when this is dropped.
    pub(in super::super) struct SignalGuard {
        second: Vec<SigId>,
    }

    pub(super) fn install() -> (SignalGuard, impl Future<Output = ()> + Send + 'static) {
        let (sender, received) = oneshot::channel();
        let guard = PROCESS.lock().install(sender);
        let first = async {
            if received.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        (guard, first)
    }

    impl Process {
        const fn new() -> Self {
            Self {
                guards: 0,
                waiting: Vec::new(),
                is_receiving: false,
            }
        }

        fn install(&mut self, first: oneshot::Sender<()>) -> SignalGuard {
            self.guards += 1;
            self.waiting.retain(|server| !server.is_closed());
            self.waiting.push(first);
            let mut guard = SignalGuard { second: Vec::new() };
            let installed = Self::install_second(&mut guard.second);
            if let Err(error) = installed.and_then(|()| self.receive()) {
                tracing::warn!(%error, "the handlers of SIGTERM and SIGINT could not be installed");
            }
            guard
        }

        /// Installs the handlers that end the process.
        fn install_second(actions: &mut Vec<SigId>) -> io::Result<()> {
            let is_second = Arc::<AtomicBool>::default();
            for number in SIGNALS {
                // Registered before the action that sets the flag, so that the first signal does not end the process.
                let flag = Arc::clone(&is_second);
                let code = 128 + number;
                actions.push(flag::register_conditional_shutdown(number, code, flag)?);
                actions.push(flag::register(number, Arc::clone(&is_second))?);
            }
            Ok(())
        }

        /// Starts the thread that receives the signals, if it does not run yet.
        fn receive(&mut self) -> io::Result<()> {
            if self.is_receiving {
                return Ok(());
            }
            let mut signals = Signals::new(SIGNALS)?;
            // A thread, because a handler that blocks a worker thread of tokio may also block the delivery of tokio's signals.
            let thread = thread::Builder::new().name("mcp-signals".to_owned());
            thread.spawn(move || {
                for signal in signals.forever() {
                    PROCESS.lock().received(signal);
                }
            })?;
            self.is_receiving = true;
            Ok(())
        }

        fn received(&mut self, signal: c_int) {
            for server in self.waiting.drain(..) {
                // This fails only if the server has stopped.
                let _ = server.send(());
            }
            if self.guards == 0
                && let Err(error) = low_level::emulate_default_handler(signal)
            {
                tracing::warn!(%error, signal, "the default action of a signal failed");
            }
        }
    }

    impl Drop for SignalGuard {
        fn drop(&mut self) {
            PROCESS.lock().guards -= 1;
            for id in self.second.drain(..) {
                low_level::unregister(id);
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::future::Future;

    /// The exit code of a process that Ctrl-C ended.
    const INTERRUPTED: i32 = 130;

    /// Empty: tokio does not remove handlers.
    pub(in super::super) struct SignalGuard;

    pub(super) fn install() -> (SignalGuard, impl Future<Output = ()> + Send + 'static) {
        let first = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::spawn(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(INTERRUPTED);
                }
            });
        };
        (SignalGuard, first)
    }
}
