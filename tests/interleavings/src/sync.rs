//! The locks and atomics of shuttle, with the functions of `mcp_runtime::sync`.

pub(crate) use shuttle::sync::{MutexGuard, atomic};

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no panic before")
    }
}
