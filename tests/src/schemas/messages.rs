//! The messages of a server: their definitions, and the rules that are in no schema.

use serde_json::{Value, json};

use super::{Checked, MODERN, has_member, tasks, validate};

/// The methods whose results may ask for input.
const MAY_ASK: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// The revision with tasks of sessions.
const SESSIONS: &str = "2025-11-25";

/// The definition of the result of a method.
fn result_of(revision: &str, method: &str) -> Option<&'static str> {
    let legacy_only = |name| (revision != MODERN).then_some(name);
    match method {
        "initialize" => legacy_only("InitializeResult"),
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
            legacy_only("EmptyResult")
        }
        "server/discover" => Some("DiscoverResult"),
        "tools/list" => Some("ListToolsResult"),
        "tools/call" => Some("CallToolResult"),
        // Tasks can only call tools.
        "tasks/result" => (revision == SESSIONS).then_some("CallToolResult"),
        "tasks/get" => (revision == SESSIONS).then_some("GetTaskResult"),
        "tasks/list" => (revision == SESSIONS).then_some("ListTasksResult"),
        "tasks/cancel" => (revision == SESSIONS).then_some("CancelTaskResult"),
        // A page of a directory has the members of a page of resources.
        "resources/list" | "resources/directory/read" => Some("ListResourcesResult"),
        "resources/templates/list" => Some("ListResourceTemplatesResult"),
        "resources/read" => Some("ReadResourceResult"),
        "prompts/list" => Some("ListPromptsResult"),
        "prompts/get" => Some("GetPromptResult"),
        "completion/complete" => Some("CompleteResult"),
        "subscriptions/listen" => Some("SubscriptionsListenResult"),
        _ => None,
    }
}

/// The definition of an error with this code; `true` if it defines the whole response.
fn error_of(revision: &str, code: i64) -> Option<(&'static str, bool)> {
    let modern = revision == MODERN;
    Some(match code {
        -32020 if modern => ("HeaderMismatchError", true),
        -32021 if modern => ("MissingRequiredClientCapabilityError", true),
        -32022 if modern => ("UnsupportedProtocolVersionError", true),
        -32700 if modern => ("ParseError", false),
        -32600 if modern => ("InvalidRequestError", false),
        -32601 if modern => ("MethodNotFoundError", false),
        -32602 if modern => ("InvalidParamsError", false),
        -32603 if modern => ("InternalError", false),
        -32042 if revision == "2025-11-25" => ("URLElicitationRequiredError", true),
        -32002 | -32700 | -32603..=-32600 if !modern => (failed(revision), true),
        _ => return None,
    })
}

/// The definition of a response with a result.
fn succeeded(revision: &str) -> &'static str {
    match revision {
        "2025-11-25" | MODERN => "JSONRPCResultResponse",
        _ => "JSONRPCResponse",
    }
}

/// The definition of a response with an error.
fn failed(revision: &str) -> &'static str {
    match revision {
        "2025-11-25" | MODERN => "JSONRPCErrorResponse",
        _ => "JSONRPCError",
    }
}

/// Validates a reply to `method`, or without a method the refusal of a message that is not a request.
///
/// The id may be missing only in an error, and only if the id of the request could not be read.
///
/// # Errors
/// Returns an error if the reply is invalid.
pub fn reply(revision: &str, method: Option<&str>, reply: &Value, id_was_read: bool) -> Checked {
    match (reply.get("result"), reply.get("error"), method) {
        (Some(found), None, Some(method)) => {
            let mut envelope = reply.clone();
            if revision == MODERN && found["resultType"] == "task" {
                // The extension for tasks adds this type.
                envelope["result"]["resultType"] = "complete".into();
            }
            validate(revision, succeeded(revision), &envelope)?;
            result(revision, method, found)
        }
        (Some(_), None, None) => Err(format!("a result of what is not a request: {reply}")),
        (None, Some(_), _) => failure(revision, reply, id_was_read),
        _ => Err(format!("neither a result nor an error: {reply}")),
    }
}

fn failure(revision: &str, reply: &Value, id_was_read: bool) -> Checked {
    let mut whole = reply.clone();
    if reply.get("id").is_none() {
        if id_was_read {
            return Err(format!("an error without the request's id: {reply}"));
        }
        // Older schemas require an id even if it could not be read.
        whole["id"] = 0.into();
    }
    let error = &reply["error"];
    let code = error["code"].as_i64().unwrap_or_default();
    let Some((name, is_whole)) = error_of(revision, code) else {
        return Err(format!("{revision} has no such code: {error}"));
    };
    validate(revision, failed(revision), &whole)?;
    validate(revision, name, if is_whole { &whole } else { error })?;
    message(error["message"].as_str().unwrap_or_default())
}

/// The limit of an error's message, in bytes. It has space for 20 mistakes.
const LONGEST_TEXT: usize = 2000;

fn message(text: &str) -> Checked {
    if text.is_empty() || text.len() > LONGEST_TEXT || text.contains('\n') {
        return Err(format!("an error's message is one short line: {text:?}"));
    }
    Ok(())
}

/// Validates the result of a method.
///
/// # Errors
/// Returns an error if the result is invalid.
pub fn result(revision: &str, method: &str, result: &Value) -> Checked {
    if revision == MODERN && result["resultType"] == "input_required" && MAY_ASK.contains(&method) {
        return validate(revision, "InputRequiredResult", result);
    }
    if let "skills/list" | "skills/get" = method {
        return skills(revision, result);
    }
    if revision == MODERN
        && let Some(checked) = tasks::result(method, result)
    {
        return checked;
    }
    if revision == SESSIONS && method == "tools/call" && result.get("task").is_some() {
        return validate(revision, "CreateTaskResult", result);
    }
    match result_of(revision, method) {
        Some(name) => validate(revision, name, result),
        None => Err(format!("{revision} has no result of {method}: {result}")),
    }
}

/// Validates a result with the entries of skills, whose types the Skills extension defines.
fn skills(revision: &str, result: &Value) -> Checked {
    let mut rest = result.clone();
    let members = rest.as_object_mut().ok_or("not an object")?;
    let (list, one) = (members.remove("skills"), members.remove("skill"));
    let entries = match (list, one) {
        (Some(Value::Array(entries)), None) => {
            members.remove("nextCursor");
            entries
        }
        (None, Some(entry)) => vec![entry],
        _ => return Err(format!("neither `skills` nor `skill`: {result}")),
    };
    let has = |it: &Value, keys: &[&str]| {
        let found = it.as_object().map(|it| it.keys().collect::<Vec<_>>());
        found.is_some_and(|found| found == keys)
    };
    let is_file = |it: &Value| {
        let digest = it["digest"]
            .as_str()
            .and_then(|it| it.strip_prefix("sha256:"));
        let is_digest =
            |it: &str| it.len() == 64 && !it.contains(|it| !matches!(it, '0'..='9' | 'a'..='f'));
        has(it, &["uri", "digest", "size"]) && it["size"].is_u64() && digest.is_some_and(is_digest)
    };
    let is_entry = |it: &Value| {
        let files = it["resources"].as_array();
        has(it, &["uri", "frontmatter", "resources"])
            && it["frontmatter"]["name"].is_string()
            && it["frontmatter"]["description"].is_string()
            && files.is_some_and(|files| !files.is_empty() && files.iter().all(is_file))
    };
    if let Some(entry) = entries.iter().find(|it| !is_entry(it)) {
        return Err(format!("not an entry of a skill: {entry}"));
    }
    let name = if revision == MODERN {
        "CacheableResult"
    } else {
        "Result"
    };
    validate(revision, name, &rest)
}

/// Validates an error, without its envelope.
///
/// # Errors
/// Returns an error if the value is invalid.
pub fn error(revision: &str, error: &Value) -> Checked {
    let whole = json!({ "jsonrpc": "2.0", "id": 0, "error": error });
    failure(revision, &whole, true)
}

/// Validates a request of the server.
///
/// # Errors
/// Returns an error if the request is invalid.
pub fn request(revision: &str, request: &Value) -> Checked {
    if revision == MODERN {
        return Err(format!("{revision} has no requests of servers: {request}"));
    }
    validate(revision, "JSONRPCRequest", request)?;
    question(revision, request)
}

/// Validates a question to the client: a request of the server, or in 2026-07-28 a part of a result.
///
/// # Errors
/// Returns an error if the question is invalid.
pub fn question(revision: &str, question: &Value) -> Checked {
    let name = match question["method"].as_str() {
        Some("elicitation/create") => "ElicitRequest",
        Some("sampling/createMessage") => "CreateMessageRequest",
        Some("roots/list") => "ListRootsRequest",
        _ => return Err(format!("a server does not ask this: {question}")),
    };
    bare(revision, name, question)
}

/// Validates a notification. It has no id.
///
/// # Errors
/// Returns an error if the notification is invalid.
pub fn notification(revision: &str, notification: &Value) -> Checked {
    let name = match notification["method"].as_str() {
        Some("notifications/progress") => "ProgressNotification",
        Some("notifications/message") => "LoggingMessageNotification",
        Some("notifications/cancelled") => "CancelledNotification",
        Some("notifications/subscriptions/acknowledged") => "SubscriptionsAcknowledgedNotification",
        Some("notifications/tools/list_changed") => "ToolListChangedNotification",
        Some("notifications/prompts/list_changed") => "PromptListChangedNotification",
        Some("notifications/resources/list_changed") => "ResourceListChangedNotification",
        Some("notifications/resources/updated") => "ResourceUpdatedNotification",
        Some("notifications/tasks/status") if revision == SESSIONS => "TaskStatusNotification",
        Some("notifications/tasks") if revision == MODERN => {
            validate(revision, "JSONRPCNotification", notification)?;
            return tasks::notification(&notification["params"]);
        }
        _ => {
            return Err(format!(
                "a server sends no such notification: {notification}"
            ));
        }
    };
    validate(revision, "JSONRPCNotification", notification)?;
    let mut notification = notification.clone();
    // The extension for tasks adds a member to the filter.
    let filter = notification.pointer_mut("/params/notifications");
    if let Some(filter) = filter.and_then(Value::as_object_mut) {
        filter.remove("taskIds");
    }
    bare(revision, name, &notification)
}

/// Validates a message against a definition. The definitions of older schemas have no envelope.
fn bare(revision: &str, name: &str, message: &Value) -> Checked {
    let mut message = message.clone();
    if let Some(members) = message.as_object_mut() {
        for member in ["jsonrpc", "id"] {
            if !has_member(revision, name, member) && revision != MODERN {
                members.remove(member);
            }
        }
    }
    validate(revision, name, &message)
}
