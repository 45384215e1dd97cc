//! The callers of tests and of the command line, and contexts of unit tests.

use std::process::ExitCode;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    AskError, Capability, Headers, Principal, ResourceLink, Revision, TestContext, ToolResult,
};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::ERAS;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

/// Describe the caller.
#[tool]
async fn describe(headers: Headers, context: Context) -> String {
    context.log(LogLevel::Info, "described");
    context.log_as("part", LogLevel::Debug, json!({ "n": 1 }));
    let trace = context.trace_context().traceparent;
    let extension = context.extension::<u8>();
    let principal = context.principal().map(Principal::id);
    format!(
        "{:?} {:?} {principal:?} {trace:?} {extension:?}",
        headers.get("x-tenant"),
        headers.get("x-other")
    )
}

#[tokio::test]
async fn a_client_sends_headers_a_trace_and_a_level_and_acts_as_a_principal() {
    for revision in ERAS {
        let server = || Server::new("x", "1").with(components![describe]);
        let client = server().connect().revision(revision);
        let client = client
            .header("X-Tenant", "first")
            .header("x-tenant", "acme")
            .header("X-Other", "é")
            // A header of the protocol has no meaning here.
            .header("MCP-Protocol-Version", "1999-01-01")
            .principal(Principal::new("ada"))
            .extension(7_u8)
            .traceparent(TRACE)
            .log_level(LogLevel::Info)
            .await;
        let text = client.call("describe", json!({})).await.unwrap().text();
        assert_eq!(
            text,
            format!("Some(\"acme\") None Some(\"ada\") Some({TRACE:?}) Some(7)")
        );
        let logged = client.take_notifications();
        let data: Vec<&Value> = logged.iter().map(|it| &it["params"]["data"]).collect();
        assert_eq!(data, ["described"], "{revision:?}");

        let client = server()
            .connect()
            .revision(revision)
            .traceparent("invalid")
            .await;
        let text = client.call("describe", json!({})).await.unwrap().text();
        assert_eq!(text, "None None None None None");
    }
    for (level, count) in [(LogLevel::Debug, 2), (LogLevel::Error, 0)] {
        for revision in ERAS {
            let client = Server::new("x", "1").with(components![describe]).connect();
            let client = client.revision(revision).log_level(level).await;
            client.call("describe", json!({})).await.unwrap();
            assert_eq!(
                client.take_notifications().len(),
                count,
                "{level:?} {revision:?}"
            );
        }
    }
}

fn is_success(code: ExitCode) -> bool {
    // `ExitCode` does not implement `PartialEq`.
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

/// Succeed if the caller is the expected one.
#[tool]
async fn expect(headers: Headers, context: Context) -> Result<(), ToolError> {
    let is_expected = headers.get("x-tenant") == Some("a: b")
        && headers.get("x-other") == Some("1")
        && context.trace_context().traceparent.as_deref() == Some(TRACE);
    is_expected
        .then_some(())
        .ok_or_else(|| "not the caller".into())
}

fn tenant(headers: &Headers) -> Result<String, ToolError> {
    let tenant = headers.get("x-tenant").ok_or("no tenant")?;
    Ok(tenant.to_owned())
}

/// The tenant.
#[resource("tenant://name")]
async fn tenant_resource(headers: Headers) -> Result<String, ToolError> {
    tenant(&headers)
}

/// Ask for the tenant.
#[prompt]
async fn tenant_prompt(headers: Headers) -> Result<String, ToolError> {
    tenant(&headers)
}

#[test]
fn every_command_sends_headers() {
    for command in [&["read", "tenant://name"][..], &["prompt", "tenant_prompt"]] {
        for (header, succeeds) in [(&["--header", "X-Tenant: a"][..], true), (&[], false)] {
            let server = Server::new("x", "1").with(components![tenant_resource, tenant_prompt]);
            let code = server.run_from([command, header].concat());
            assert_eq!(is_success(code), succeeds, "{command:?} {header:?}");
        }
    }
}

#[test]
fn the_command_line_sends_headers_and_a_trace() {
    let run = |arguments: &[&str]| {
        let server = Server::new("x", "1").with(components![expect]);
        is_success(server.run_from(arguments))
    };
    let both = ["--header", "X-Tenant: a: b", "--header", "x-other:1"];
    let trace = ["--traceparent", TRACE];
    let call = |options: &[&str]| run(&[&["call", "expect"], options].concat());
    assert!(call(&[&both[..], &trace].concat()));
    assert!(call(
        &[&both[..], &trace, &["--log-level", "debug"]].concat()
    ));
    assert!(!call(&both), "the trace is missing");
    assert!(!call(&[&both[..2], &trace].concat()), "a header is missing");
    for wrong in [
        &["--header", "X-Tenant"][..],
        &["--header", ": a"],
        &["--log-level", "loud"],
        &["--log-level", "Info"],
    ] {
        assert!(!call(&[&both[..], &trace, wrong].concat()), "{wrong:?}");
    }
    assert!(run(&["list", "--header", "X-Tenant: a"]));
}

/// Tell the time.
#[prompt(tags("hidden"))]
async fn time(
    /// The zone.
    #[arg(complete = zones)]
    zone: String,
) -> String {
    zone
}

fn zones(headers: Headers) -> Result<Vec<String>, ToolError> {
    Ok(vec![tenant(&headers)?])
}

#[test]
fn check_examines_hidden_components_with_the_headers_that_it_is_given() {
    for (arguments, succeeds) in [
        (&["check", "--header", "X-Tenant: a"][..], true),
        (&["check"], false),
    ] {
        let server = Server::new("x", "1")
            .with(components![time])
            .visible(|_, _| false);
        assert_eq!(
            is_success(server.run_from(arguments)),
            succeeds,
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn contexts_of_tests_are_what_they_are_told() {
    let test = TestContext::new()
        .client("tester", "2")
        .principal(Principal::new("ada"))
        .header("X-Tenant", "acme")
        .capability(Capability::Sampling)
        .extension("extended")
        .meta("traceparent", TRACE)
        .meta("com.example/x", json!({ "deep": [1] }));
    let context = test.context();
    assert_eq!(
        (
            context.client().name.as_str(),
            context.client().version.as_str()
        ),
        ("tester", "2")
    );
    assert_eq!(context.principal().map(Principal::id), Some("ada"));
    assert!(context.client_capabilities().sampling && !context.client_capabilities().roots);
    assert!(context.require(Capability::Sampling).is_ok());
    assert!(context.require(Capability::ElicitationUrl).is_err());
    assert_eq!(context.trace_context().traceparent.as_deref(), Some(TRACE));
    assert_eq!(context.meta()["com.example/x"]["deep"], json!([1]));
    assert_eq!(context.revision(), Revision::LATEST);
    assert_eq!(context.extension::<&str>(), Some(&"extended"));
    assert!(!context.cancel().is_cancelled());
    let answer: Result<Vec<mcp_runtime::Root>, AskError> = context.roots().await;
    assert!(answer.is_err());
}

#[tokio::test]
async fn contexts_of_tests_record_what_is_sent() {
    for revision in ERAS {
        let test = TestContext::new()
            .revision(revision)
            .principal(Principal::new("ada"));
        let context = test.context();
        context.progress(1.0, None, Some("half"));
        context.log(LogLevel::Debug, "debug");
        context.notify().tools_changed();
        test.context().notify().resource_updated("x://1");
        let methods = test.notifications();
        let methods: Vec<&Value> = methods.iter().map(|it| &it["method"]).collect();
        assert_eq!(
            methods,
            [
                "notifications/progress",
                "notifications/message",
                "notifications/tools/list_changed",
                "notifications/resources/updated",
            ]
        );
        assert!(test.notifications().is_empty());
        // All contexts of one builder share their data, and those of another have other data.
        context.session().unwrap().set("a", &1).await.unwrap();
        let again = test.context().session().unwrap();
        assert_eq!(again.get::<u8>("a").await.unwrap(), Some(1));
        let other = TestContext::new()
            .revision(revision)
            .principal(Principal::new("ada"));
        let other = other.context().session().unwrap();
        assert_eq!(other.get::<u8>("a").await.unwrap(), None);
    }
    for revision in ERAS {
        let test = TestContext::new().revision(revision);
        let ids = [(), ()].map(|()| test.context().session().unwrap().id().to_owned());
        assert_eq!(ids[0], ids[1], "{revision:?}");
    }
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Name {
    #[allow(dead_code)] // is never answered
    name: String,
}

#[tokio::test]
async fn a_question_of_a_test_context_fails() {
    let test = TestContext::new().capability(Capability::ElicitationForm);
    let once = test.context().once("effect", async { 7 }).await;
    assert_eq!(once.unwrap(), 7);
    let context = test.context();
    let asked: Result<Name, AskError> = context.elicit("What is your name?").await;
    assert!(
        matches!(asked, Err(AskError::CannotBeAsked(_))),
        "{asked:?}"
    );
}

/// Fail with content.
#[tool]
async fn fail(how: String) -> Result<String, ToolResult> {
    let link = ResourceLink::new("logs://1", "the log");
    match how.as_str() {
        "not" => Ok("fine".to_owned()),
        "content" => Err(ToolResult::new().content("no").content(link)),
        "structured" => Err(ToolResult::new().structured(&json!({ "code": 7 })).unwrap()),
        _ => Err(ToolResult::error("failed").content(link)),
    }
}

/// Fail with a result, or return data.
#[tool]
async fn data(works: bool) -> Result<Option<u8>, ToolResult> {
    if works {
        Ok(Some(1))
    } else {
        Err(ToolResult::new().content("no data"))
    }
}

#[tokio::test]
async fn the_error_of_a_tool_is_any_content() {
    for revision in ERAS {
        let server = Server::new("x", "1").with(components![fail, data]);
        let client = server.connect().revision(revision).await;
        for (how, is_error, text, blocks, structured) in [
            ("not", false, "fine", 1, Value::Null),
            ("content", true, "no", 2, Value::Null),
            ("structured", true, "", 0, json!({ "code": 7 })),
            ("error", true, "failed", 2, Value::Null),
        ] {
            let reply = client.call("fail", json!({ "how": how })).await.unwrap();
            assert_eq!(reply.is_error(), is_error, "{how}");
            assert_eq!(reply.text(), text, "{how}");
            assert_eq!(reply.content().len(), blocks, "{how}");
            assert_eq!(*reply.structured(), structured, "{how}");
        }
        let reply = client
            .call("data", json!({ "works": false }))
            .await
            .unwrap();
        assert!(
            reply.is_error() && reply.structured().is_null(),
            "{reply:?}"
        );
        assert_eq!(reply.text(), "no data");
        assert!(
            !client
                .call("data", json!({ "works": true }))
                .await
                .unwrap()
                .is_error()
        );
    }
}
