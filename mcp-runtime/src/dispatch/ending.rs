//! The end of sessions, and of the data that handlers keep for sessions and connections.

use super::contain::guard;
use super::core::Core;
use crate::cluster::SharedSession;
use crate::in_flight::Scope;
use crate::session::SessionState;
use crate::session_data::DataStore;
use crate::store::Full;

impl Core {
    /// Ends a session: its calls, its questions and its settings.
    pub(super) fn end_session(&self, session: &SessionState) {
        // Handlers are cancelled first, so that none continues because its question was abandoned.
        let scope = Scope::Session(session.nonce);
        self.in_flight.cancel_all(Some(scope));
        self.context.pending_requests.abandon(session.nonce);
        // This also ends the wait of questions for the client's initialization.
        self.sessions.end(session);
    }

    /// Replaces the settings of a session by those that all replicas have, or ends it if it has ended.
    ///
    /// # Errors
    /// Returns an error if there is no space for the settings.
    pub(super) fn restore_session(
        &self,
        session: &SessionState,
        shared: &SharedSession,
    ) -> Result<(), Full> {
        if !shared.ended {
            return self.sessions.restore(session, shared);
        }
        self.end_session(session);
        self.forget(|data| data.end(session));
        Ok(())
    }

    /// Removes data of handlers. The store may be code of the application, whose panics are contained.
    pub(super) fn forget(&self, end: impl Fn(&DataStore)) {
        let mounted = self.homes.iter().map(|home| &home.context);
        for server in std::iter::once(&self.context).chain(mounted) {
            if let Err(panic) = guard(|| end(&server.session_data)) {
                panic.log("session store");
            }
        }
    }
}
