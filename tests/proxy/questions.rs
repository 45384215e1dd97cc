//! The questions of an upstream server to the client of the call, in all combinations of the eras.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_runtime::Revision;
use serde_json::{Value, json};

use super::peer::{Peer, says, text, until};
use super::places::{ALL, ERAS, Over, gateway, upstream};

/// An upstream server and a client.
#[derive(Debug, Clone, Copy)]
struct Case {
    over: Over,
    upstream: Revision,
    client: Revision,
}

fn cases() -> impl Iterator<Item = Case> {
    let of = |over, upstream| {
        ERAS.map(|client| Case {
            over,
            upstream,
            client,
        })
    };
    let over = ALL.into_iter();
    over.flat_map(move |over| {
        ERAS.into_iter()
            .flat_map(move |upstream| of(over, upstream))
    })
}

impl Case {
    async fn connect(
        self,
        answer: impl Fn(&Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Peer {
        let gateway = gateway(upstream(self.over, self.upstream).await).await;
        Peer::connect(&gateway, self.client, answer).await
    }

    fn upstream_is_legacy(self) -> bool {
        self.upstream == ERAS[0]
    }
}

/// The number of calls that were started at the upstream server, and of those that were dropped.
async fn counted(peer: &Peer) -> (u32, u32) {
    let counted = peer.call("up_counted", json!({})).await.unwrap();
    let (started, dropped) = counted.split_once(' ').unwrap();
    (started.parse().unwrap(), dropped.parse().unwrap())
}

#[tokio::test]
async fn each_question_is_asked_to_the_client_of_the_call() {
    let asked = [
        ("up_ask_name", "elicitation/create", "hello Ada", 1),
        (
            "up_ask_model",
            "sampling/createMessage",
            "the model says Ada",
            1,
        ),
        ("up_ask_roots", "roots/list", "0 roots", 1),
        ("up_ask_twice", "elicitation/create", "hello Ada and Ada", 2),
    ];
    for case in cases() {
        let peer = case.connect(says("Ada")).await;
        let mut runs = 0;
        for (tool, method, text, questions) in asked {
            let before = peer.heard(method).len();
            let said = peer.call(tool, json!({})).await;
            assert_eq!(said.as_deref(), Ok(text), "{case:?}: {tool}");
            assert_eq!(
                peer.heard(method).len() - before,
                questions,
                "{case:?}: {tool}"
            );
            // A server without sessions runs the tool again with the answers.
            runs += if case.upstream_is_legacy() {
                1
            } else {
                1 + questions
            };
            assert_eq!(counted(&peer).await.0 as usize, runs, "{case:?}: {tool}");
        }
    }
}

#[tokio::test]
async fn questions_at_the_same_time_are_one_round() {
    for case in cases() {
        let peer = case.connect(says("Ada")).await;
        let call = json!({ "name": "up_ask_everything", "arguments": {} });
        let (result, rounds) = peer.rounds("tools/call", call).await;
        let result = result.unwrap();
        assert_eq!(
            result["content"][0]["text"], "Ada, Ada, 0 roots",
            "{case:?}"
        );
        assert_eq!(rounds, usize::from(peer.is_modern()), "{case:?}");
        for method in ["elicitation/create", "sampling/createMessage", "roots/list"] {
            assert_eq!(peer.heard(method).len(), 1, "{case:?}: {method}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_its_client_is_asked_ends_at_the_server() {
    for case in cases().filter(|case| case.upstream_is_legacy()) {
        let peer = case.connect(|_| None).await;
        if peer.is_modern() {
            continue;
        }
        let call = json!({ "name": "up_ask_name", "arguments": {} });
        let asked = peer.start("tools/call", call);
        peer.wait_for("elicitation/create").await;
        peer.cancel(&asked);
        let has_ended = async || counted(&peer).await == (1, 1);
        until("the call ends at the server", has_ended).await;
    }
}

/// A call that waits for its modern client runs on with the answer, and is cancelled like any other.
#[tokio::test]
async fn a_call_that_is_cancelled_after_the_answer_ends_at_the_server() {
    for case in cases() {
        let peer = case.connect(says("Ada")).await;
        let mut call = json!({ "name": "up_ask_and_wait", "arguments": {} });
        let mut asked = peer.start("tools/call", call.clone());
        if peer.is_modern() {
            let asking = asked.reply().await.unwrap();
            peer.answer(&mut call, &asking);
            asked = peer.start("tools/call", call);
        }
        peer.wait_for("elicitation/create").await;
        let attempts = if case.upstream_is_legacy() { 1 } else { 2 };
        let waits = async || counted(&peer).await == (attempts, attempts - 1);
        until("it waits", waits).await;
        // The answer may still be on its way to the server.
        tokio::time::sleep(Duration::from_millis(50)).await;
        peer.cancel(&asked);
        let has_ended = async || counted(&peer).await == (attempts, attempts);
        until(&format!("{case:?}: it ends"), has_ended).await;
    }
}

/// A client of the stateless era may send the same answer twice, and an old state again.
#[tokio::test]
async fn an_answer_that_is_sent_twice_runs_nothing_twice() {
    for case in cases().filter(|case| case.upstream_is_legacy()) {
        let peer = case.connect(says("Ada")).await;
        if !peer.is_modern() {
            continue;
        }
        let mut call = json!({ "name": "up_ask_name", "arguments": {} });
        let asking = peer
            .start("tools/call", call.clone())
            .reply()
            .await
            .unwrap();
        peer.answer(&mut call, &asking);
        let twice = [
            peer.start("tools/call", call.clone()),
            peer.start("tools/call", call.clone()),
        ];
        let mut said = Vec::new();
        for asked in twice {
            said.push(text(asked.reply().await));
        }
        said.push(text(peer.start("tools/call", call).reply().await));
        assert!(
            said.contains(&Ok("hello Ada".to_owned())),
            "{case:?}: {said:?}"
        );
        for refused in said.iter().filter_map(|said| said.as_ref().err()) {
            assert!(refused.contains("make it again"), "{case:?}: {refused}");
        }
        assert_eq!(counted(&peer).await, (1, 0), "{case:?}");
    }
}

/// A call of a modern client ends with each question, and the one with the answers continues it.
#[tokio::test]
async fn progress_and_logs_reach_the_client_during_and_after_a_question() {
    for case in cases() {
        let peer = case.connect(says("Ada")).await;
        let mut meta = json!({ "progressToken": "token 0" });
        if peer.is_modern() {
            meta["io.modelcontextprotocol/logLevel"] = "info".into();
        } else {
            let level = json!({ "level": "info" });
            peer.request("logging/setLevel", level).await.unwrap();
        }
        let mut call = json!({ "name": "up_ask_and_report", "arguments": {}, "_meta": meta });
        let mut asked = peer.start("tools/call", call.clone());
        for number in 1..=2 {
            if peer.is_modern() {
                let asking = asked.reply().await.unwrap();
                peer.call("up_go_on", json!({})).await.unwrap();
                peer.answer(&mut call, &asking);
                call["_meta"]["progressToken"] = format!("token {number}").into();
                asked = peer.start("tools/call", call.clone());
            } else {
                let is_asked = async || peer.heard("elicitation/create").len() == number;
                until("the question", is_asked).await;
                peer.call("up_go_on", json!({})).await.unwrap();
            }
        }
        let said = text(asked.reply().await);
        assert_eq!(said.as_deref(), Ok("hello Ada and Ada"), "{case:?}");

        let heard = |method, of: fn(&Value) -> String| {
            let heard = peer.heard(method);
            let heard: Vec<_> = heard.iter().map(|it| of(&it["params"])).collect();
            heard.join(", ")
        };
        let progress = heard("notifications/progress", |params| {
            let token = params["progressToken"].as_str().unwrap();
            format!("{} of {token}", params["progress"])
        });
        let logs = heard("notifications/message", |params| params["data"].to_string());
        let expected = match (case.upstream_is_legacy(), peer.is_modern()) {
            (true, true) => "1 of token 0, 2 of token 1, 3 of token 1, 4 of token 2, 5 of token 2",
            (_, false) => "1 of token 0, 2 of token 0, 3 of token 0, 4 of token 0, 5 of token 0",
            // The server runs the tool again with the answers.
            (false, true) => {
                "1 of token 0, 1 of token 1, 2 of token 1, 3 of token 1, \
                 1 of token 2, 2 of token 2, 3 of token 2, 4 of token 2, 5 of token 2"
            }
        };
        assert_eq!(progress.replace(".0", ""), expected, "{case:?}");
        if case.upstream_is_legacy() {
            let expected = r#""asked for name 1", "asked for name 2""#;
            assert_eq!(logs, expected, "{case:?}");
        }
    }
}

/// Over stdio, the server does not say to which of the calls of a client a question belongs.
#[tokio::test]
async fn a_question_outlives_another_call_of_its_client() {
    for case in cases().filter(|case| case.upstream_is_legacy()) {
        let upstream = upstream(case.over, case.upstream).await.per_caller();
        let gateway = gateway(upstream).await;
        let is_late = Arc::new(AtomicBool::new(false));
        let answers = Arc::clone(&is_late);
        let answer = move |question: &Value| {
            let may = answers.load(Ordering::SeqCst);
            may.then(|| says("Ada")(question)).flatten()
        };
        let peer = Peer::connect(&gateway, case.client, answer).await;
        if peer.is_modern() {
            continue;
        }
        // The level of log messages is set before the first call.
        peer.call("up_counted", json!({})).await.unwrap();
        let wait = json!({ "name": "up_wait_counted", "arguments": { "milliseconds": 500 } });
        let ask = json!({ "name": "up_ask_later", "arguments": {} });
        let asking = peer.start("tools/call", ask);
        let waiting = peer.start("tools/call", wait);
        peer.wait_for("elicitation/create").await;
        is_late.store(true, Ordering::SeqCst);
        let waited = text(waiting.reply().await);
        assert_eq!(waited.as_deref(), Ok("waited"), "{case:?}");
        if case.over == Over::Http {
            // The question belongs to its own call, which has not been answered.
            peer.cancel(&asking);
            continue;
        }
        let said = text(asking.reply().await);
        assert_eq!(said.as_deref(), Ok("hello Ada"), "{case:?}");
    }
}
