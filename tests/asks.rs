//! Questions that functions declare with `#[ask]`, and the forms that are derived for them.

#![allow(clippy::unwrap_used, clippy::panic)] // allowed in tests

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mcp_runtime::prelude::*;
use mcp_runtime::{AskError, ClientError, Revision};
use mcp_tests::client::{Client, Connect as _};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "camelCase")]
struct Booking {
    /// When, such as `19:30`.
    start_time: String,
    people: u8,
    seats: Option<Seats>,
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Seats {
    Inside,
    Outside,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Contact {
    phone: String,
}

static RUNS: AtomicU32 = AtomicU32::new(0);

/// Book a table.
#[tool]
async fn book(
    #[ask("When, and for how many?", key = "booking")] booking: Booking,
    restaurant: &str,
    #[ask("Where can they call you?", key = "contact")] contact: Contact,
) -> String {
    RUNS.fetch_add(1, Ordering::SeqCst);
    let Booking {
        start_time,
        people,
        seats,
    } = booking;
    format!(
        "{restaurant}, {start_time}, for {people}, {seats:?}, {}",
        contact.phone
    )
}

static VISITS: AtomicU32 = AtomicU32::new(0);

/// Asks for two things, of clients of all revisions.
#[tool]
async fn visit(
    place: String,
    #[ask("When do you come?")] booking: Booking,
    #[ask("Where can we call you?")] contact: Contact,
) -> String {
    VISITS.fetch_add(1, Ordering::SeqCst);
    format!("{place}, {}, {}", booking.start_time, contact.phone)
}

/// Goes on without an answer.
#[tool]
async fn call_back(
    #[ask("Where can we call you?", key = "contact")] contact: Option<Contact>,
) -> String {
    contact.map_or("no phone".to_owned(), |contact| contact.phone)
}

/// Returns the outcome of its question.
#[tool]
async fn decide(
    #[ask("Where can we call you?", key = "contact")] contact: Result<Contact, AskError>,
) -> String {
    contact.map_or_else(|error| format!("{error:?}"), |contact| contact.phone)
}

/// Fails without an answer.
#[tool]
async fn insist(#[ask("Where can we call you?", key = "contact")] contact: Contact) -> String {
    contact.phone
}

/// A prompt that asks.
#[prompt]
async fn note(
    topic: String,
    #[ask("Where can we call you?", key = "contact")] contact: Contact,
) -> String {
    format!("{topic}: {}", contact.phone)
}

/// A resource that asks.
#[resource("notes://{topic}")]
async fn notes(
    topic: String,
    #[ask("Where can we call you?", key = "contact")] contact: Contact,
) -> String {
    format!("{topic}: {}", contact.phone)
}

/// One field of each kind that a form supports.
#[derive(Deserialize, JsonSchema, Elicit)]
struct Everything {
    text: String,
    whole: i64,
    fraction: f32,
    flag: bool,
    choice: Seats,
    choices: Vec<Seats>,
    maybe_text: Option<String>,
    maybe_choices: Option<Vec<Seats>>,
    alias: Alias,
    #[serde(skip)]
    skipped: Option<Vec<(u8, u8)>>,
}

type Alias = Option<u64>;

/// Asks with a form that has a field of each kind.
#[tool]
async fn everything(#[ask("All of it?", key = "all")] form: Everything) -> String {
    let Everything {
        text,
        whole,
        fraction,
        flag,
        choice,
        choices,
        maybe_text,
        maybe_choices,
        alias,
        skipped,
    } = form;
    format!(
        "{text} {whole} {fraction} {flag} {choice:?} {choices:?} {maybe_text:?} {maybe_choices:?} {alias:?} {skipped:?}"
    )
}

fn server() -> Server {
    Server::new("asks", "1.0.0").with(components![
        book, visit, call_back, decide, insist, note, notes, everything
    ])
}

async fn client() -> Client {
    server().connect().await
}

/// One attempt of a request, by a client that can answer questions.
async fn attempt(client: &Client, method: &str, mut params: Value) -> Value {
    params["_meta"] =
        json!({ "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } } });
    client.request(method, params).await.unwrap()
}

async fn call(client: &Client, tool: &str, arguments: Value, responses: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments, "inputResponses": responses });
    attempt(client, "tools/call", params).await
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn two_questions_are_one_round_and_the_body_runs_once() {
    let client = client().await;
    let params = json!({ "name": "book", "arguments": { "restaurant": "Da Mario" } });
    let asked = attempt(&client, "tools/call", params.clone()).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().unwrap();
    assert_eq!(requests.keys().collect::<Vec<_>>(), ["booking", "contact"]);
    assert_eq!(
        requests["booking"],
        json!({
            "method": "elicitation/create",
            "params": {
                "message": "When, and for how many?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {
                        "startTime": { "type": "string", "description": "When, such as `19:30`." },
                        "people": { "type": "integer", "minimum": 0, "maximum": 255 },
                        "seats": { "type": "string", "enum": ["inside", "outside"] },
                    },
                    "required": ["startTime", "people"],
                },
            },
        })
    );
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);

    let mut params = params;
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = json!({
        "booking": { "action": "accept", "content": { "startTime": "19:30", "people": 4, "seats": "outside" } },
        "contact": { "action": "accept", "content": { "phone": "555" } },
    });
    let done = attempt(&client, "tools/call", params).await;
    assert_eq!(text(&done), "Da Mario, 19:30, for 4, Some(Outside), 555");
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn one_refusal_is_enough_to_end_a_call() {
    let client = client().await;
    let responses = json!({ "contact": { "action": "decline" } });
    let arguments = json!({ "restaurant": "Da Mario" });
    let ended = call(&client, "book", arguments, responses).await;
    assert_eq!(ended["isError"], true, "{ended}");
}

#[tokio::test]
async fn each_kind_of_parameter_takes_a_refusal_in_its_own_way() {
    let client = client().await;
    for (action, error) in [("decline", "Declined"), ("cancel", "Cancelled")] {
        let responses = json!({ "contact": { "action": action } });
        let result = call(&client, "call_back", json!({}), responses.clone()).await;
        assert_eq!(text(&result), "no phone");
        let result = call(&client, "decide", json!({}), responses.clone()).await;
        assert_eq!(text(&result), error);
        let result = call(&client, "insist", json!({}), responses).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(text(&result).starts_with("the user "), "{result}");
    }
    let responses = json!({ "contact": { "action": "accept", "content": { "phone": "555" } } });
    for tool in ["call_back", "decide", "insist"] {
        let result = call(&client, tool, json!({}), responses.clone()).await;
        assert_eq!(text(&result), "555", "{tool}");
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_told_what_it_lacks() {
    let client = client().await;
    for tool in ["insist", "call_back"] {
        match client.call(tool, json!({})).await {
            Err(ClientError::Rpc { code, .. }) => assert_eq!(code, -32021),
            other => panic!("{other:?}"),
        }
    }
    let reply = client.call("decide", json!({})).await.unwrap();
    assert!(reply.text().starts_with("CannotBeAsked"), "{reply:?}");

    let legacy = server().connect().revision(Revision::V2025_06_18).await;
    for tool in ["insist", "call_back"] {
        let reply = legacy.call(tool, json!({})).await.unwrap();
        assert!(reply.is_error(), "{reply:?}");
        assert_eq!(
            reply.text(),
            "this client cannot ask its user to fill in a form"
        );
    }
    assert!(
        legacy
            .prompt("note", json!({ "topic": "tea" }))
            .await
            .is_err()
    );
    assert!(legacy.read("notes://tea").await.is_err());
}

/// A client of any revision that answers all questions of these tests.
async fn answering(revision: Revision) -> (Client, Arc<Mutex<Vec<Value>>>) {
    let asked = Arc::<Mutex<Vec<Value>>>::default();
    let seen = Arc::clone(&asked);
    let client = server()
        .connect()
        .revision(revision)
        .answer_with(move |question| {
            seen.lock()
                .unwrap()
                .push(question["params"]["message"].clone());
            let content = json!({ "startTime": "19:30", "people": 4, "phone": "555" });
            json!({ "action": "accept", "content": content })
        })
        .await;
    (client, asked)
}

#[tokio::test]
async fn every_revision_with_forms_is_asked_once_in_all_kinds_of_components() {
    for revision in [
        Revision::V2025_06_18,
        Revision::V2025_11_25,
        Revision::V2026_07_28,
    ] {
        let (client, asked) = answering(revision).await;
        let reply = client
            .call("visit", json!({ "place": "Da Mario" }))
            .await
            .unwrap();
        assert_eq!(reply.text(), "Da Mario, 19:30, 555");
        let mut questions = std::mem::take(&mut *asked.lock().unwrap());
        questions.sort_by_key(Value::to_string);
        assert_eq!(questions, ["When do you come?", "Where can we call you?"]);

        let messages = client
            .prompt("note", json!({ "topic": "tea" }))
            .await
            .unwrap();
        assert_eq!(messages[0]["content"]["text"], "tea: 555");
        let contents = client.read("notes://tea").await.unwrap();
        assert_eq!(contents[0]["text"], "tea: 555");
        assert_eq!(asked.lock().unwrap().len(), 2);
    }
    assert_eq!(VISITS.load(Ordering::SeqCst), 3, "once for each revision");
}

#[tokio::test]
async fn wrong_arguments_are_refused_before_anybody_is_asked() {
    let client = client().await;
    let params = json!({ "name": "book", "arguments": { "restaurant": 7.5, "booking": 1 } });
    let refused = attempt(&client, "tools/call", params).await;
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(
        text(&refused).contains("unknown argument `booking`"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_is_asked_is_no_argument() {
    let client = client().await;
    let tools = client.tools().await.unwrap();
    let schema = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        tool["inputSchema"]["properties"].clone()
    };
    assert_eq!(
        schema("book"),
        json!({ "restaurant": { "type": "string" } })
    );
    assert_eq!(schema("insist"), json!({}));
    let prompts = client.prompts().await.unwrap();
    assert_eq!(prompts[0]["arguments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn prompts_and_resources_ask_too() {
    let client = client().await;
    let responses = json!({ "contact": { "action": "accept", "content": { "phone": "555" } } });
    let params =
        json!({ "name": "note", "arguments": { "topic": "tea" }, "inputResponses": responses });
    let prompt = attempt(&client, "prompts/get", params).await;
    assert_eq!(prompt["messages"][0]["content"]["text"], "tea: 555");
    let params = json!({ "uri": "notes://tea", "inputResponses": responses });
    let resource = attempt(&client, "resources/read", params).await;
    assert_eq!(resource["contents"][0]["text"], "tea: 555");
    for (method, params) in [
        (
            "prompts/get",
            json!({ "name": "note", "arguments": { "topic": "tea" } }),
        ),
        ("resources/read", json!({ "uri": "notes://tea" })),
    ] {
        let asked = attempt(&client, method, params.clone()).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        match client.request(method, params).await {
            Err(ClientError::Rpc { code, .. }) => assert_eq!(code, -32021),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn every_type_that_the_derive_accepts_can_be_asked_for() {
    let client = client().await;
    let asked = call(&client, "everything", json!({}), json!({})).await;
    let form = &asked["inputRequests"]["all"]["params"]["requestedSchema"];
    let kinds: Vec<&str> = form["properties"]
        .as_object()
        .unwrap_or_else(|| panic!("{asked}"))
        .values()
        .map(|member| member["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "string", "integer", "number", "boolean", "string", "array", "string", "array",
            "integer"
        ]
    );
    let content = json!({
        "text": "a", "whole": -1, "fraction": 0.5, "flag": true, "choice": "inside", "choices": ["outside"],
        "maybe_choices": ["inside"],
    });
    let responses = json!({ "all": { "action": "accept", "content": content } });
    let done = call(&client, "everything", json!({}), responses).await;
    assert_eq!(
        text(&done),
        "a -1 0.5 true Inside [Outside] None Some([Inside]) None None"
    );
}

#[tokio::test]
async fn a_function_that_asks_is_still_a_function() {
    let contact = Contact {
        phone: "555".to_owned(),
    };
    assert_eq!(insist(contact).await, "555");
    assert_eq!(call_back(None).await, "no phone");
}
