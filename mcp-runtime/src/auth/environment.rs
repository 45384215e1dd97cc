//! The caller of stdio, whom the environment of the process names.

use super::{Auth, AuthFuture, Authenticate, Credentials, Identity};
use crate::access::{SCOPE_RULE, is_scope};
use crate::owner::Principal;

/// The variable with the id of the caller.
const PRINCIPAL: &str = "MCP_PRINCIPAL";
/// The variable with the scopes of the caller.
const SCOPES: &str = "MCP_SCOPES";

/// The caller that the environment names. See [`Auth::from_env`].
///
/// ```no_run
/// use mcp_runtime::{Auth, Server};
///
/// // The caller of stdio is `MCP_PRINCIPAL`, with the scopes in `MCP_SCOPES`.
/// let server = Server::new("calendar", "1.0.0").auth(Auth::from_env());
/// ```
#[derive(Debug, Clone)]
pub struct FromEnv {
    caller: Option<Identity>,
    problems: Vec<String>,
}

impl Auth {
    /// Authenticates the caller of stdio and of the command line by the environment of the process, which the client or the
    /// user sets. HTTP requests are not concerned.
    ///
    /// `MCP_PRINCIPAL` is the id of the caller. Without it, the caller is nobody. `MCP_SCOPES` are the scopes that the caller
    /// was granted, separated by spaces. The variables are read when this is called. With an invalid scope, or with scopes and
    /// no principal, the server cannot be built.
    ///
    /// ```
    /// use mcp_runtime::{Auth, prelude::*};
    ///
    /// /// Add an event to the calendar.
    /// #[tool(scopes("calendar:write"))]
    /// async fn add_event(title: String) {}
    ///
    /// let server = Server::new("calendar", "1.0.0").with(components![add_event]).auth(Auth::from_env());
    /// ```
    pub fn from_env() -> FromEnv {
        let read = |name| std::env::var(name).unwrap_or_default();
        FromEnv::new(&read(PRINCIPAL), &read(SCOPES))
    }
}

impl FromEnv {
    fn new(principal: &str, scopes: &str) -> Self {
        let scopes: Vec<&str> = scopes.split_ascii_whitespace().collect();
        let invalid = scopes.iter().filter(|scope| !is_scope(scope));
        let mut problems: Vec<String> = invalid
            .map(|scope| format!("{SCOPES}: `{scope}` is not a scope: {SCOPE_RULE}"))
            .collect();
        let principal = principal.trim();
        if principal.is_empty() && !scopes.is_empty() {
            problems.push(format!(
                "{SCOPES} is set, and {PRINCIPAL} is not: set it to the id of the caller"
            ));
        }
        let identity = || Identity::new(Principal::new(principal)).scopes(scopes);
        Self {
            caller: (!principal.is_empty()).then(identity),
            problems,
        }
    }
}

impl Authenticate for FromEnv {
    fn authenticate<'a>(&'a self, _: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn local(&self) -> Option<Identity> {
        self.caller.clone()
    }

    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_caller_and_its_scopes() {
        let ada = FromEnv::new(" ada ", "calendar:read  calendar:write");
        let caller = ada.caller.expect("a caller");
        assert_eq!(caller.principal, Principal::new("ada"));
        assert_eq!(caller.scopes[..], ["calendar:read", "calendar:write"]);
        assert!(ada.problems.is_empty());
        let nobody = FromEnv::new("", "");
        assert!(nobody.caller.is_none() && nobody.problems.is_empty());
        for (principal, scopes, problem) in [
            ("", "a", "MCP_PRINCIPAL is not"),
            ("ada", "a\"b", "`a\"b` is not a scope"),
        ] {
            let problems = FromEnv::new(principal, scopes).problems;
            assert!(problems[0].contains(problem), "{problems:?}");
        }
    }
}
