//! The official JSON Schemas: every reply is valid for the one of its revision.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

/// Where the official schemas are, beside the repository. CI always has them.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec")
}

/// One validator for each definition that was needed.
static VALIDATORS: OnceLock<Mutex<Validators>> = OnceLock::new();

/// By revision and name; `None` where the schema has no such definition.
type Validators = HashMap<(String, String), Option<Validator>>;

/// The schemas' names for the results of methods.
fn result_of(method: &str) -> Option<&'static str> {
    Some(match method {
        "initialize" => "InitializeResult",
        "server/discover" => "DiscoverResult",
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
            "EmptyResult"
        }
        "tools/list" => "ListToolsResult",
        "tools/call" => "CallToolResult",
        "resources/list" => "ListResourcesResult",
        "resources/templates/list" => "ListResourceTemplatesResult",
        "resources/read" => "ReadResourceResult",
        "prompts/list" => "ListPromptsResult",
        "prompts/get" => "GetPromptResult",
        "completion/complete" => "CompleteResult",
        "subscriptions/listen" => "SubscriptionsListenResult",
        _ => return None,
    })
}

/// Fails if a reply to `method` is not what the schema of `revision` says.
///
/// Some rules need no schema: an answer has a result or an error and not both, a code is one that the specification
/// has for it, and its message is one line.
pub(crate) fn check_reply(revision: &str, method: &str, reply: &Value) {
    assert_eq!(reply["jsonrpc"], "2.0", "{reply}");
    assert_ne!(
        reply.get("result").is_some(),
        reply.get("error").is_some(),
        "{reply}"
    );
    if let Some(error) = reply.get("error") {
        check_error(revision, error);
    }
    if let Some(result) = reply.get("result") {
        if result["resultType"] == "input_required" {
            check(revision, "InputRequiredResult", result);
        } else if let Some(name) = result_of(method) {
            check(revision, name, result);
        }
        check_any(
            revision,
            &["JSONRPCResultResponse", "JSONRPCResponse"],
            reply,
        );
    } else if reply.get("id").is_some() {
        check_any(revision, &["JSONRPCErrorResponse", "JSONRPCError"], reply);
    }
}

fn check_error(revision: &str, error: &Value) {
    let code = error["code"].as_i64().expect("an integer");
    let of_era: &[i64] = if revision == "2026-07-28" {
        &[-32020, -32021, -32022]
    } else {
        &[-32002]
    };
    let known = matches!(code, -32700 | -32603..=-32600) || of_era.contains(&code);
    assert!(known, "{revision} has no such code: {error}");
    let message = error["message"].as_str().expect("a text");
    assert!(
        !message.is_empty() && message.len() < 400 && !message.contains('\n'),
        "{message:?}"
    );
}

/// Fails if a request of the server is not what the schema of `revision` says.
#[allow(dead_code)] // of two suites that share this file, one is never asked
pub(crate) fn check_request(revision: &str, request: &Value) {
    assert_eq!(request["jsonrpc"], "2.0", "{request}");
    let name = match request["method"].as_str() {
        Some("elicitation/create") => "ElicitRequest",
        Some("sampling/createMessage") => "CreateMessageRequest",
        Some("roots/list") => "ListRootsRequest",
        _ => panic!("the server sends no such request: {request}"),
    };
    check(revision, name, request);
}

/// Fails if a notification is not what the schema of `revision` says.
///
/// One with an id would be a request, which is for [`check_request`].
pub(crate) fn check_notification(revision: &str, notification: &Value) {
    assert_eq!(notification["jsonrpc"], "2.0", "{notification}");
    assert_eq!(notification.get("id"), None, "{notification}");
    let name = match notification["method"].as_str() {
        Some("notifications/progress") => "ProgressNotification",
        Some("notifications/message") => "LoggingMessageNotification",
        Some("notifications/cancelled") => "CancelledNotification",
        Some("notifications/subscriptions/acknowledged") => "SubscriptionsAcknowledgedNotification",
        Some("notifications/tools/list_changed") => "ToolListChangedNotification",
        Some("notifications/prompts/list_changed") => "PromptListChangedNotification",
        Some("notifications/resources/list_changed") => "ResourceListChangedNotification",
        Some("notifications/resources/updated") => "ResourceUpdatedNotification",
        _ => panic!("the server sends no such notification: {notification}"),
    };
    check(revision, name, notification);
}

fn check_any(revision: &str, names: &[&str], value: &Value) {
    let found = names.iter().any(|name| validate(revision, name, value));
    assert!(
        found || !folder().is_dir(),
        "no schema of {revision} is named like one of {names:?}"
    );
}

/// Fails if a value is not what the schema of `revision` calls by this name.
pub(crate) fn check(revision: &str, name: &str, value: &Value) {
    let found = validate(revision, name, value);
    assert!(
        found || !folder().is_dir(),
        "the schema of {revision} has no {name}"
    );
}

/// Validates, and tells whether there is a definition of this name.
fn validate(revision: &str, name: &str, value: &Value) -> bool {
    if !folder().is_dir() {
        static SAID: OnceLock<()> = OnceLock::new();
        SAID.get_or_init(|| {
            eprintln!("skipped: replies are not validated, because the official schemas are not beside the repository");
        });
        return false;
    }
    // A message that is not valid fails its own test, and no other.
    let validators = VALIDATORS.get_or_init(Mutex::default).lock();
    let mut validators = validators.unwrap_or_else(PoisonError::into_inner);
    let key = (revision.to_owned(), name.to_owned());
    let validator = validators
        .entry(key)
        .or_insert_with(|| compile(revision, name));
    if let Some(validator) = validator {
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "no valid {name} of {revision}: {errors:#?}\n{value:#}"
        );
    }
    validator.is_some()
}

fn compile(revision: &str, name: &str) -> Option<Validator> {
    let (schema, key) = load(revision);
    schema[key].get(name)?;
    Some(validator(schema, key, name))
}

/// The schema of a revision, and where in it the definitions are.
pub(crate) fn load(revision: &str) -> (Value, &'static str) {
    let path = folder().join(format!("schema-{revision}.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let key = if schema.get("$defs").is_some() {
        "$defs"
    } else {
        "definitions"
    };
    (schema, key)
}

/// A validator for one definition of a schema.
pub(crate) fn validator(mut schema: Value, key: &str, name: &str) -> Validator {
    let object = schema.as_object_mut().unwrap();
    object.remove("anyOf");
    object.insert("$ref".to_owned(), json!(format!("#/{key}/{name}")));
    jsonschema::validator_for(&schema).unwrap()
}
