//! Messages and questions of a call are sent on its own stream only. Other streams and sessions must stay silent.

use mcp_runtime::prelude::*;
use serde_json::json;

use super::caller::{server, tool};
use super::forms::{says, text};
use super::session::{JUNE, NOVEMBER, Session, Transport};

/// Reports progress, logs, asks, drops a question, and asks again.
async fn talks(context: Context) -> Result<String, ToolError> {
    context.progress(1.0, None, Some("a secret"));
    context.log(LogLevel::Error, "a secret");
    let dropped = text(&context, "dropped");
    tokio::select! {
        biased;
        _ = dropped => {}
        answer = text(&context, "kept") => return Ok(answer?),
    }
    Ok(String::new())
}

#[tokio::test]
async fn nobody_else_hears_what_a_call_says_or_asks() {
    for revision in [JUNE, NOVEMBER] {
        let announce = tool("announce", |context| async move {
            context.notify().tools_changed();
            Ok(String::new())
        });
        let waits = tool("waits", |_| async {
            std::future::pending::<()>().await;
            Ok(String::new())
        });
        let server = server(talks).with(announce).with(waits);
        let mut victim = Session::open(Transport::Http, revision, server).await;
        let mut stranger = victim.another().await;
        let mut traps = [victim.listen().await, stranger.listen().await];
        // Calls of both sessions, whose streams are open meanwhile.
        let waiting = json!({ "name": "waits", "arguments": {} });
        for session in [&mut victim, &mut stranger] {
            session.request(70, "tools/call", waiting.clone()).await;
            session.is_well().await;
        }
        let meta = json!({ "progressToken": "t" });
        let call = json!({ "name": "tool", "arguments": {}, "_meta": meta });
        victim.request(1, "tools/call", call).await;
        assert_eq!(victim.next().await["params"]["progressToken"], "t");
        assert_eq!(victim.next().await["method"], "notifications/message");
        let (dropped, kept) = (victim.question().await, victim.question().await);
        assert_eq!(dropped["params"]["message"], "dropped");
        victim.answer(&kept, says("x")).await;
        victim.expect_cancelled(&dropped).await;
        assert_eq!(victim.text(1).await, "x");
        let announcing = json!({ "name": "announce", "arguments": {} });
        stranger.request(2, "tools/call", announcing).await;
        // The other session has received nothing on its own calls so far.
        assert_eq!(stranger.text(2).await, "");
        for trap in &mut traps {
            let first = trap.next().await;
            assert_eq!(
                first["method"], "notifications/tools/list_changed",
                "{first}"
            );
        }
    }
}
