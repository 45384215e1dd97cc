//! Forms with every kind of field: their schema in each revision, and the accepted answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use mcp_runtime::prelude::*;
use mcp_runtime::{AskError, Capability, Revision, ToolReply};
use mcp_tests::client::{Client, Connect as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Every kind of field that all revisions support.
#[derive(Debug, Deserialize, JsonSchema, Elicit)]
#[allow(dead_code)] // the fields are shown by `Debug`
struct Single {
    /// How to reach you.
    #[schemars(title = "E-mail", email)]
    email: String,
    #[schemars(url)]
    page: Option<String>,
    #[schemars(extend("format" = "date"))]
    day: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    moment: Option<String>,
    #[schemars(extend("format" = "hostname"))]
    host: Option<String>,
    #[schemars(length(min = 2, max = 5), regex(pattern = "^[a-z]*$"))]
    #[serde(default = "code")]
    code: String,
    #[schemars(range(min = 1, max = 20))]
    #[serde(default = "two")]
    people: u8,
    #[schemars(range(min = 0.0))]
    #[serde(default = "tip")]
    tip: f64,
    large: Option<u64>,
    #[serde(default = "yes")]
    sure: bool,
    #[serde(default)]
    perhaps: Option<bool>,
    #[serde(default)]
    nothing: Option<String>,
    #[serde(default = "inside")]
    seats: Seats,
    titled: Option<Titled>,
    documented: Option<Documented>,
}

/// The kinds that were added in 2025-11-25.
#[derive(Debug, Deserialize, JsonSchema, Elicit)]
#[allow(dead_code)] // the fields are shown by `Debug`
struct Multiple {
    #[schemars(length(min = 1, max = 2))]
    list: Vec<Seats>,
    #[serde(default = "both")]
    titled: Vec<Titled>,
    ordered: BTreeSet<Titled>,
    set: Option<HashSet<Seats>>,
}

#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Seats {
    Inside,
    Outside,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, Elicit)]
enum Titled {
    #[schemars(title = "In the morning")]
    Am,
    #[schemars(title = "In the evening")]
    Pm,
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
enum Documented {
    /// With a view.
    View,
    Plain,
}

fn code() -> String {
    "abc".to_owned()
}

fn two() -> u8 {
    2
}

fn tip() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

fn inside() -> Seats {
    Seats::Inside
}

fn both() -> Vec<Titled> {
    vec![Titled::Am, Titled::Pm]
}

/// Asks for a form.
#[tool]
async fn single(#[ask("One of each?")] form: Result<Single, AskError>) -> String {
    format!("{form:?}")
}

/// Asks for a form with lists.
#[tool]
async fn multiple(#[ask("Some of each?")] form: Result<Multiple, AskError>) -> String {
    format!("{form:?}")
}

/// A page is another thing to be asked for.
#[tool]
async fn page(context: Context) -> String {
    let outcome = context.elicit_url("Go there.", "https://a.example/").await;
    format!("{outcome:?}")
}

/// Does not run for clients that cannot be asked.
#[tool]
async fn require(context: Context) -> Result<(), ToolError> {
    context.require(Capability::ElicitationForm)
}

/// The questions that a client received.
type Asked = Arc<Mutex<Vec<Value>>>;

/// Returns a client that gives these answers in order, and repeats the last one.
async fn client(revision: Revision, answers: Vec<Value>) -> (Client, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let client = Server::new("forms", "1.0.0")
        .with(components![single, multiple, page, require])
        .connect()
        .revision(revision)
        .answer_with(move |question| {
            let mut seen = seen.lock().unwrap();
            seen.push(question.clone());
            answers[(seen.len() - 1).min(answers.len() - 1)].clone()
        })
        .await;
    (client, asked)
}

async fn call(revision: Revision, tool: &str, answers: Vec<Value>) -> (ToolReply, Vec<Value>) {
    let (client, asked) = client(revision, answers).await;
    let reply = client.call(tool, json!({})).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    (reply, asked)
}

fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

const WITH_FORMS: [Revision; 3] = [
    Revision::V2025_06_18,
    Revision::V2025_11_25,
    Revision::V2026_07_28,
];

const WITH_LISTS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

#[tokio::test]
async fn each_revision_is_asked_in_its_own_words() {
    for revision in WITH_FORMS {
        let answer = vec![accept(json!({ "email": "ada@a.example" }))];
        let (reply, asked) = call(revision, "single", answer).await;
        // A missing field has its default, even if the client was not sent the default.
        assert!(
            reply.text().contains(r#"code: "abc", people: 2, tip: 0.5"#),
            "{reply:?}"
        );
        assert_eq!(asked.len(), 1);

        let form = &asked[0]["params"]["requestedSchema"];
        assert_eq!(form["required"], json!(["email"]));
        let members = &form["properties"];
        assert_eq!(
            members["email"],
            json!({ "type": "string", "format": "email", "title": "E-mail", "description": "How to reach you." })
        );
        assert_eq!(
            members["page"],
            json!({ "type": "string", "format": "uri" })
        );
        assert_eq!(
            members["day"],
            json!({ "type": "string", "format": "date" })
        );
        assert_eq!(
            members["moment"],
            json!({ "type": "string", "format": "date-time" })
        );
        assert_eq!(
            members["host"],
            json!({ "type": "string" }),
            "no format that forms have"
        );
        assert_eq!(
            members["nothing"],
            json!({ "type": "string" }),
            "null is no default"
        );
        assert_eq!(members["perhaps"], json!({ "type": "boolean" }));
        assert_eq!(
            members["sure"],
            json!({ "type": "boolean", "default": true })
        );
        assert_eq!(members["large"]["minimum"], 0);
    }
}

#[tokio::test]
async fn defaults_and_titles_are_those_of_the_revision() {
    let answer = || vec![json!({ "action": "decline" })];
    let (_, asked) = call(Revision::V2025_06_18, "single", answer()).await;
    let members = &asked[0]["params"]["requestedSchema"]["properties"];
    assert_eq!(
        members["code"],
        json!({ "type": "string", "minLength": 2, "maxLength": 5 })
    );
    assert_eq!(
        members["seats"],
        json!({ "type": "string", "enum": ["inside", "outside"] })
    );
    assert_eq!(
        members["titled"],
        json!({ "type": "string", "enum": ["Am", "Pm"], "enumNames": ["In the morning", "In the evening"] })
    );

    for revision in WITH_LISTS {
        let (_, asked) = call(revision, "single", answer()).await;
        let members = &asked[0]["params"]["requestedSchema"]["properties"];
        assert_eq!(members["code"]["default"], "abc");
        assert_eq!(members["people"]["default"], 2);
        assert_eq!(members["tip"]["default"], 0.5);
        assert_eq!(members["seats"]["default"], "inside");
        assert_eq!(
            members["titled"]["oneOf"],
            json!([{ "const": "Am", "title": "In the morning" }, { "const": "Pm", "title": "In the evening" }])
        );
        let mut documented = members["documented"]["oneOf"].as_array().unwrap().clone();
        documented.sort_by_key(|choice| choice["const"].to_string());
        assert_eq!(
            documented,
            [
                json!({ "const": "Plain", "title": "Plain" }),
                json!({ "const": "View", "title": "With a view." }),
            ]
        );
    }
}

#[tokio::test]
async fn several_choices_are_a_list_or_a_set() {
    for revision in WITH_LISTS {
        let content =
            json!({ "list": ["outside"], "ordered": ["Pm", "Am", "Pm"], "set": ["inside"] });
        let (reply, asked) = call(revision, "multiple", vec![accept(content)]).await;
        assert_eq!(
            reply.text(),
            "Ok(Multiple { list: [Outside], titled: [Am, Pm], ordered: {Am, Pm}, set: Some({Inside}) })"
        );
        let members = &asked[0]["params"]["requestedSchema"]["properties"];
        assert_eq!(
            members["list"],
            json!({ "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string", "enum": ["inside", "outside"] } })
        );
        assert_eq!(members["titled"]["default"], json!(["Am", "Pm"]));
        assert_eq!(
            members["ordered"]["items"]["anyOf"][1]["title"],
            "In the evening"
        );
    }
}

#[tokio::test]
async fn a_revision_without_lists_is_told_of_it() {
    let (reply, asked) = call(Revision::V2025_06_18, "multiple", vec![accept(json!({}))]).await;
    assert_eq!(
        reply.text(),
        r#"Err(NoForm("`list` is a list, which this client's revision cannot ask for"))"#
    );
    assert!(asked.is_empty());
}

#[tokio::test]
async fn a_revision_without_questions_is_asked_nothing() {
    for revision in [Revision::V2024_11_05, Revision::V2025_03_26] {
        let (reply, asked) = call(revision, "single", vec![accept(json!({}))]).await;
        assert_eq!(reply.text(), "Err(CannotBeAsked(ElicitationForm))");
        assert!(asked.is_empty(), "{asked:?}");
        let (reply, _) = call(revision, "require", vec![accept(json!({}))]).await;
        assert!(reply.is_error(), "{reply:?}");
    }
    for revision in [Revision::V2025_03_26, Revision::V2025_06_18] {
        let (reply, asked) = call(revision, "page", vec![json!({ "action": "accept" })]).await;
        assert_eq!(reply.text(), "Err(CannotBeAsked(ElicitationUrl))");
        assert!(asked.is_empty(), "{asked:?}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_bounds_of_the_form_is_asked_for_again() {
    let beyond = [
        json!({ "email": "a", "people": 0 }),
        json!({ "email": "a", "people": 21 }),
        json!({ "email": "a", "tip": -0.5 }),
        json!({ "email": "a", "code": "ä" }),
        json!({ "email": "a", "code": "abcdef" }),
        json!({ "email": 7 }),
        json!({}),
    ];
    for revision in WITH_FORMS {
        for content in &beyond {
            let (reply, asked) = call(revision, "single", vec![accept(content.clone())]).await;
            assert_eq!(reply.text(), "Err(Invalid)", "{content}");
            assert_eq!(asked.len(), 3, "{content}");
        }
        let second = json!({ "email": "a", "people": 20, "code": "äöüäö", "tip": 0 });
        let answers = vec![accept(beyond[0].clone()), accept(second)];
        let (reply, asked) = call(revision, "single", answers).await;
        assert!(reply.text().contains("people: 20"), "{reply:?}");
        assert_eq!(asked.len(), 2);
    }
    for revision in WITH_LISTS {
        for list in [json!([]), json!(["inside", "inside", "outside"])] {
            let content = accept(json!({ "list": list, "ordered": [] }));
            let (reply, _) = call(revision, "multiple", vec![content]).await;
            assert_eq!(reply.text(), "Err(Invalid)", "{list}");
        }
    }
}

#[tokio::test]
async fn a_refusal_needs_no_form() {
    for revision in WITH_FORMS {
        let no = json!({ "action": "decline", "content": { "people": 0 } });
        let (reply, asked) = call(revision, "single", vec![no]).await;
        assert_eq!(reply.text(), "Err(Declined)");
        assert_eq!(asked.len(), 1);
    }
}
