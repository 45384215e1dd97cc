//! A server whose callers log in at an authorization server: a notebook for each user.
//!
//! Start it with the URL of the authorization server, and with the URL of this server as clients know it:
//!
//! ```text
//! ISSUER=https://login.example.com RESOURCE=https://notes.example.com/mcp auth --http 127.0.0.1:8000
//! ```
//!
//! A client without a token is told where to get one. Everybody who has one can read and write notes with the scopes
//! `tools:read` and `tools:write`. With the scope `admin`, a caller needs no other scope, and sees a tool that others do not.
//!
//! With `CLIENT_ID` and `CLIENT_SECRET`, the server asks the authorization server about each token, and tokens need not be JWTs.
//!
//! `tests/clients/auth` tests this server with an authorization server and with the official clients.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use mcp_runtime::prelude::*;
use mcp_runtime::{Auth, Principal, Server};

/// The notes of each user.
#[derive(Default)]
struct Notebooks(Mutex<HashMap<Principal, Vec<String>>>);

impl Notebooks {
    /// Returns the result of a function of the caller's notes.
    fn of<T>(
        &self,
        context: &Context,
        function: impl FnOnce(&mut Vec<String>) -> T,
    ) -> Result<T, ToolError> {
        let caller = context
            .principal()
            .ok_or_else(|| ToolError::new("Nobody is logged in."))?;
        let mut notebooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(function(notebooks.entry(caller.clone()).or_default()))
    }
}

/// Return the name of the caller and the scopes that the caller was granted.
#[tool]
async fn whoami(context: Context) -> Vec<String> {
    let name = context.principal().map(|caller| caller.id().to_owned());
    let scopes = context.identity().map(|identity| identity.scopes.to_vec());
    name.into_iter().chain(scopes.unwrap_or_default()).collect()
}

/// List your notes.
#[tool(scopes("tools:read"))]
async fn list_notes(
    context: Context,
    notebooks: State<Notebooks>,
) -> Result<Vec<String>, ToolError> {
    notebooks.of(&context, |notes| notes.clone())
}

/// Add a note.
#[tool(scopes("tools:write"))]
async fn add_note(
    text: String,
    context: Context,
    notebooks: State<Notebooks>,
) -> Result<(), ToolError> {
    notebooks.of(&context, |notes| notes.push(text))
}

/// Return the number of notes of all users.
#[tool(scopes("admin"), hidden)]
async fn count_notes(notebooks: State<Notebooks>) -> usize {
    let notebooks = notebooks.0.lock().unwrap_or_else(PoisonError::into_inner);
    notebooks.values().map(Vec::len).sum()
}

fn server(read: impl Fn(&str) -> Option<String>) -> Result<Server, String> {
    let required =
        |name: &str| read(name).ok_or_else(|| format!("set the environment variable {name}"));
    let (issuer, resource) = (required("ISSUER")?, required("RESOURCE")?);
    let server = mcp_runtime::server!()
        .state(Notebooks::default())
        .resource_url(&resource)
        .initial_scopes(["tools:read"])
        .implies("admin", ["tools:read", "tools:write"]);
    Ok(match read("CLIENT_ID") {
        Some(id) => server.auth(Auth::introspection(
            issuer,
            resource,
            id,
            required("CLIENT_SECRET")?,
        )),
        None => server.auth(Auth::jwt(issuer, resource)),
    })
}

fn main() -> ExitCode {
    match server(|name| std::env::var(name).ok()) {
        Ok(server) => server.run(),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "ISSUER" => "https://login.example.com",
            "RESOURCE" => "https://notes.example.com/mcp",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn a_variable_that_is_missing_is_named() {
        assert!(server(environment).is_ok());
        let without = server(|name| environment(name).filter(|_| name != "RESOURCE"));
        assert!(
            without
                .err()
                .is_some_and(|problem| problem.contains("RESOURCE"))
        );
    }
}
