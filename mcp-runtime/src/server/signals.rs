//! The signals that stop the process: the first stops the server, and the second ends the process at once.

use std::future::Future;

/// Installs the handlers of SIGTERM and SIGINT (Ctrl-C).
///
/// The returned future resolves at the first signal. While the guard is alive, a second signal ends the process with the exit
/// code 128 + its number, even if all threads are blocked.
pub(super) fn install() -> (SignalGuard, impl Future<Output = ()> + Send + 'static) {
    imp::install()
}

pub(super) use imp::SignalGuard;

#[cfg(unix)]
mod imp {
    use std::future::Future;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::{Handle, Signals};
    use signal_hook::{SigId, flag, low_level};
    use tokio::sync::oneshot;

    /// The handlers of the signals, which are removed when this is dropped.
    #[derive(Default)]
    pub(in super::super) struct SignalGuard {
        second: Vec<SigId>,
        first: Option<Handle>,
    }

    pub(super) fn install() -> (SignalGuard, impl Future<Output = ()> + Send + 'static) {
        let mut guard = SignalGuard::default();
        let (sender, received) = oneshot::channel();
        if let Err(error) = guard.install(sender) {
            tracing::warn!(%error, "the handlers of SIGTERM and SIGINT could not be installed");
        }
        let first = async {
            if received.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        (guard, first)
    }

    impl SignalGuard {
        fn install(&mut self, received: oneshot::Sender<()>) -> io::Result<()> {
            self.install_second()?;
            self.install_first(received)
        }

        /// Installs the handlers that end the process.
        fn install_second(&mut self) -> io::Result<()> {
            let is_second = Arc::<AtomicBool>::default();
            for number in [SIGINT, SIGTERM] {
                // Registered before the action that sets the flag, so that the first signal does not end the process.
                let flag = Arc::clone(&is_second);
                let code = 128 + number;
                self.second
                    .push(flag::register_conditional_shutdown(number, code, flag)?);
                let flag = Arc::clone(&is_second);
                self.second.push(flag::register(number, flag)?);
            }
            Ok(())
        }

        /// Starts the thread that waits for the first signal.
        fn install_first(&mut self, received: oneshot::Sender<()>) -> io::Result<()> {
            let mut signals = Signals::new([SIGINT, SIGTERM])?;
            self.first = Some(signals.handle());
            // A thread, because a handler that blocks a worker thread of tokio may also block the delivery of tokio's signals.
            thread::Builder::new()
                .name("mcp-signals".to_owned())
                .spawn(move || {
                    if signals.forever().next().is_some() {
                        // This fails only if the server has stopped.
                        let _ = received.send(());
                    }
                })?;
            Ok(())
        }
    }

    impl Drop for SignalGuard {
        fn drop(&mut self) {
            for id in self.second.drain(..) {
                low_level::unregister(id);
            }
            if let Some(first) = &self.first {
                first.close();
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
