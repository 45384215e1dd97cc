//! Changed results, and the output schema of the tool.

use mcp_runtime::{CallOutcome, LayeredCall, ResultSchema, Tool, Transform, prelude::*};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::{everywhere, inner, list};

fn doubled(_: &LayeredCall, mut outcome: CallOutcome) -> CallOutcome {
    if let Some(mut value) = outcome.structured() {
        value["words"] = json!(value["words"].as_u64().unwrap() * 2);
        outcome.set_structured(&value);
    }
    outcome.change_texts(|text| text.insert_str(0, "twice "));
    outcome
}

fn keep(names: &str, _: &str) -> Vec<Transform> {
    let count = Transform::tool(format!("{names}count")).rename("count");
    let twice = Transform::tool("count").result(ResultSchema::Keep, doubled);
    vec![
        count.result(ResultSchema::Keep, doubled).into(),
        twice.into(),
    ]
}

#[tokio::test]
async fn results_are_changed_from_the_inside_outwards() {
    everywhere(keep, async |way, caller| {
        let call = json!({ "name": "count", "arguments": { "words": 3 } });
        let result = caller.request("tools/call", call).await.unwrap();
        assert_eq!(
            result["structuredContent"],
            json!({ "words": 12 }),
            "{}",
            way.what
        );
        assert_eq!(
            result["content"][0]["text"], "twice twice {\"words\":3}",
            "{}",
            way.what
        );
        // Errors stay as they are.
        let error = caller.call("count", json!({})).await.unwrap_err();
        assert!(error.starts_with("Invalid arguments"), "{error}");
    })
    .await;
}

fn text(call: &LayeredCall, _: CallOutcome) -> CallOutcome {
    call.tool_result("a text")
}

#[tokio::test]
async fn the_output_schema_is_kept_dropped_or_replaced() {
    let schema = || json!({ "type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"] });
    let right = |call: &LayeredCall, _: CallOutcome| {
        let result = ToolResult::new()
            .structured(&json!({ "ok": true }))
            .unwrap();
        call.tool_result(result)
    };
    let output = async |transform: Transform| {
        let client = inner().transform(transform).connect().await;
        let tools = client.tools().await.unwrap();
        let tool = tools.iter().find(|it| it["name"] == "count").unwrap();
        let reply = client.call("count", json!({ "words": 1 })).await.unwrap();
        (tool["outputSchema"].clone(), reply)
    };
    let of = |schema, change: fn(&LayeredCall, CallOutcome) -> CallOutcome| {
        Transform::tool("count").result(schema, change).into()
    };
    let (published, reply) = output(of(ResultSchema::Drop, text)).await;
    assert_eq!((published, reply.text().as_str()), (Value::Null, "a text"));
    let (published, reply) = output(of(ResultSchema::Replace(schema()), right)).await;
    assert_eq!(
        (published, reply.structured()),
        (schema(), &json!({ "ok": true }))
    );
    for wrong in [ResultSchema::Keep, ResultSchema::Replace(schema())] {
        let (published, reply) = output(of(wrong, text)).await;
        assert!(published.is_object());
        assert!(
            reply.is_error() && reply.text().contains("violates the output schema"),
            "{reply:?}"
        );
    }
    let wrong = |call: &LayeredCall, _: CallOutcome| {
        call.tool_result(ToolResult::new().structured(&json!({ "ok": 7 })).unwrap())
    };
    let (_, reply) = output(of(ResultSchema::Replace(schema()), wrong)).await;
    assert!(
        reply.is_error() && reply.text().contains("structuredContent.ok"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn only_the_changed_result_is_checked() {
    let schema = json!({ "type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"] });
    // The handler violates the schema, and the transform mends its result.
    let tool = || {
        let tool = Tool::new(
            "wrong",
            json!({ "type": "object" }),
            async |_: Value, _: Context| Json(json!({ "ok": 7 })),
        );
        tool.output_schema(schema.clone())
    };
    let mended = |call: &LayeredCall, _: CallOutcome| {
        let result = ToolResult::new().structured(&json!({ "ok": true }));
        call.tool_result(result.unwrap())
    };
    for kept in [ResultSchema::Keep, ResultSchema::Replace(schema.clone())] {
        let transform = Transform::tool("wrong").result(kept, mended);
        let server = inner().with(tool()).transform(transform);
        let reply = server
            .client()
            .await
            .call("wrong", json!({}))
            .await
            .unwrap();
        assert_eq!(reply.structured(), &json!({ "ok": true }), "{reply:?}");
    }
}

#[tokio::test]
async fn the_lists_of_all_eras_have_the_schema() {
    everywhere(keep, async |way, caller| {
        let tools = list(caller, "tools/list", "tools").await;
        let count = tools.iter().find(|it| it["name"] == "count").unwrap();
        assert!(
            count["outputSchema"]["properties"]["words"].is_object(),
            "{}",
            way.what
        );
    })
    .await;
}
