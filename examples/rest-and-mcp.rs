//! An axum application that serves REST and MCP from the same functions: `rest-and-mcp [ADDRESS]`.
//!
//! The functions of the application know neither protocol. A route and a tool are a few lines each.

#![allow(clippy::unused_async)] // a tool that does not wait runs in place if it is `async`

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json as AxumJson, Router};
use mcp_runtime::prelude::*;
use mcp_runtime::{ServeError, ServerHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A note.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Note {
    id: usize,
    text: String,
}

/// An error of the application.
#[derive(Debug)]
enum NoteError {
    Missing(usize),
    Empty,
}

impl std::fmt::Display for NoteError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(id) => write!(formatter, "there is no note {id}"),
            Self::Empty => formatter.write_str("the text is empty: write something"),
        }
    }
}

impl std::error::Error for NoteError {}

/// The functions of the application.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Note>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn add(&self, text: String) -> Result<Note, NoteError> {
        if text.trim().is_empty() {
            return Err(NoteError::Empty);
        }
        let mut notes = self.locked();
        let id = notes.len() + 1;
        notes.push(Note { id, text });
        Ok(notes[id - 1].clone())
    }

    fn get(&self, id: usize) -> Result<Note, NoteError> {
        let notes = self.locked();
        let note = notes.iter().find(|note| note.id == id);
        note.cloned().ok_or(NoteError::Missing(id))
    }

    fn find(&self, text: &str) -> Vec<Note> {
        let notes = self.locked();
        let found = notes.iter().filter(|note| note.text.contains(text));
        found.cloned().collect()
    }
}

/// The tools: their comments are for models.
#[tools]
impl Notes {
    /// Add a note.
    #[tool]
    async fn add_note(&self, text: String) -> Result<Json<Note>, ToolError> {
        Ok(Json(self.add(text)?))
    }

    /// Get a note by its number.
    #[tool(read_only)]
    async fn get_note(&self, id: usize) -> Result<Json<Note>, ToolError> {
        Ok(Json(self.get(id)?))
    }

    /// Find the notes that contain a text.
    #[tool(read_only)]
    async fn find_notes(
        &self,
        /// A part of a note, or nothing for all notes.
        text: Option<String>,
    ) -> Json<Vec<Note>> {
        Json(self.find(&text.unwrap_or_default()))
    }
}

#[derive(Deserialize)]
struct NewNote {
    text: String,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    text: String,
}

/// The status and the text of an error in REST.
fn refusal(error: NoteError) -> (StatusCode, String) {
    let status = match error {
        NoteError::Missing(_) => StatusCode::NOT_FOUND,
        NoteError::Empty => StatusCode::UNPROCESSABLE_ENTITY,
    };
    (status, error.to_string())
}

/// The routes of REST.
fn rest(notes: &Notes) -> Router {
    let (all, one, new) = (notes.clone(), notes.clone(), notes.clone());
    let find = async move |Query(search): Query<Search>| AxumJson(all.find(&search.text));
    let get_one = async move |Path(id): Path<usize>| one.get(id).map(AxumJson).map_err(refusal);
    let add = async move |AxumJson(note): AxumJson<NewNote>| {
        let added = new.add(note.text).map_err(refusal)?;
        Ok::<_, (StatusCode, String)>((StatusCode::CREATED, AxumJson(added)))
    };
    Router::new()
        .route("/notes", get(find).post(add))
        .route("/notes/{id}", get(get_one))
}

/// Returns the application, and the handle that stops its MCP server.
async fn application() -> Result<(Router, ServerHandle), ServeError> {
    let notes = Notes::default();
    let server = Server::new("notes", "1.0.0").with(notes.clone());
    let handle = server.handle();
    let router = rest(&notes).route_service("/mcp", server.into_service().await?);
    Ok((router, handle))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (router, handle) = application().await?;
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:8000");
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!(
        "REST is at http://{0}/notes, MCP at http://{0}/mcp",
        listener.local_addr()?
    );
    let stopped = async move {
        let _ = tokio::signal::ctrl_c().await;
        handle.stop().await;
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, header};
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn send(router: &Router, request: Request<Body>) -> (StatusCode, String) {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn rest_get(router: &Router, path: &str) -> (StatusCode, String) {
        send(router, Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn call(router: &Router, name: &str, arguments: Value) -> Value {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            } },
        });
        let request = Request::post("/mcp")
            .header("Host", "localhost:8000")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", name)
            .body(Body::from(call.to_string()))
            .unwrap();
        let (_, reply) = send(router, request).await;
        serde_json::from_str::<Value>(&reply).unwrap()["result"].clone()
    }

    #[tokio::test]
    async fn both_protocols_have_the_same_notes_and_errors() {
        let (router, _) = application().await.unwrap();
        let request = Request::post("/notes").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(r#"{"text":"by REST"}"#)).unwrap();
        let added = send(&router, request).await;
        assert_eq!(
            added,
            (
                StatusCode::CREATED,
                r#"{"id":1,"text":"by REST"}"#.to_owned()
            )
        );
        let reply = call(&router, "add_note", json!({ "text": "by MCP" })).await;
        assert_eq!(
            reply["structuredContent"],
            json!({ "id": 2, "text": "by MCP" })
        );

        let found = rest_get(&router, "/notes?text=MCP").await;
        assert_eq!(
            found,
            (StatusCode::OK, r#"[{"id":2,"text":"by MCP"}]"#.to_owned())
        );
        let reply = call(&router, "find_notes", json!({ "text": "REST" })).await;
        assert_eq!(
            reply["structuredContent"]["result"],
            json!([{ "id": 1, "text": "by REST" }])
        );

        let missing = rest_get(&router, "/notes/9").await;
        assert_eq!(
            missing,
            (StatusCode::NOT_FOUND, "there is no note 9".to_owned())
        );
        let reply = call(&router, "get_note", json!({ "id": 9 })).await;
        assert_eq!(reply["isError"], true);
        assert_eq!(reply["content"][0]["text"], "there is no note 9");
    }
}
