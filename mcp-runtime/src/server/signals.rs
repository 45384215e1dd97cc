//! The signals that stop the process: the first stops the server, and the second ends the process at once.

use std::future::Future;

/// Installs the handlers of SIGTERM and SIGINT (Ctrl-C).
///
/// The returned future resolves at the first signal. While the guard is alive, a second signal ends the process with the exit
/// code 128 + its number, even if all threads are blocked.
pub(super) fn install() -> (SecondSignal, impl Future<Output = ()> + Send + 'static) {
    imp::install()
}

pub(super) use imp::SecondSignal;

#[cfg(unix)]
mod imp {
    use std::future::Future;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::{SigId, flag, low_level};
    use tokio::signal::unix::{SignalKind, signal};

    /// The handlers of the second signal, which are removed when this is dropped.
    pub(in super::super) struct SecondSignal(Vec<SigId>);

    pub(super) fn install() -> (SecondSignal, impl Future<Output = ()> + Send + 'static) {
        let mut second = SecondSignal(Vec::new());
        if let Err(error) = second.install() {
            tracing::warn!(%error, "a second signal will not end the process");
        }
        let interrupted = received(SignalKind::interrupt());
        let terminated = received(SignalKind::terminate());
        let first = async {
            tokio::select! {
                () = interrupted => {}
                () = terminated => {}
            }
        };
        (second, first)
    }

    impl SecondSignal {
        fn install(&mut self) -> io::Result<()> {
            let received = Arc::<AtomicBool>::default();
            for number in [SIGINT, SIGTERM] {
                // Registered before the action that sets the flag, so that the first signal does not end the process.
                let ends = Arc::clone(&received);
                self.0.push(flag::register_conditional_shutdown(
                    number,
                    128 + number,
                    ends,
                )?);
                self.0.push(flag::register(number, Arc::clone(&received))?);
            }
            Ok(())
        }
    }

    impl Drop for SecondSignal {
        fn drop(&mut self) {
            for id in self.0.drain(..) {
                low_level::unregister(id);
            }
        }
    }

    /// Installs a handler, and resolves when the process receives the signal.
    fn received(kind: SignalKind) -> impl Future<Output = ()> + Send + 'static {
        let signals = signal(kind);
        async move {
            match signals {
                Ok(mut signals) => {
                    signals.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::future::Future;

    /// The exit code of a process that Ctrl-C ended.
    const INTERRUPTED: i32 = 130;

    /// Nothing: the task that waits for the second signal has no resources to release.
    pub(in super::super) struct SecondSignal;

    pub(super) fn install() -> (SecondSignal, impl Future<Output = ()> + Send + 'static) {
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
        (SecondSignal, first)
    }
}
