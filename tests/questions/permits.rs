//! A server that runs one request at a time: a call releases its permit while its client is asked, and acquires it again.

use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::Limits;
use mcp_runtime::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::caller::{Caller, code, is_asking, server, tool};
use super::forms::{accepts, declines, says, text};
use super::session::{NOVEMBER, Session, TRANSPORTS};

/// `tool` asks, and then waits for a signal; `hold` only waits, and `quick` does nothing.
fn busy(go: &Arc<Semaphore>, limits: Limits) -> Server {
    let wait = |go: &Arc<Semaphore>| {
        let go = Arc::clone(go);
        async move { go.acquire().await.unwrap().forget() }
    };
    let (asks, holds) = (Arc::clone(go), Arc::clone(go));
    let asking = move |context: Context| {
        let end = wait(&asks);
        async move {
            let answer = text(&context, "what").await;
            end.await;
            Ok(format!("{answer:?}"))
        }
    };
    let hold = move |_| {
        let end = wait(&holds);
        async move {
            end.await;
            Ok("held".to_owned())
        }
    };
    server(asking)
        .with(tool("hold", hold))
        .with(tool("quick", |_| async { Ok("quick".to_owned()) }))
        .limits(limits)
}

fn one_request() -> Limits {
    let mut limits = Limits::default();
    limits.requests = 1;
    limits.answer_timeout = Duration::from_millis(300);
    limits
}

fn calling(tool: &str) -> Value {
    json!({ "name": tool, "arguments": {} })
}

impl Session {
    /// Returns `true` if another call is served now.
    async fn is_served(&mut self) -> bool {
        self.request(50, "tools/call", calling("quick")).await;
        let reply = self.next().await;
        assert_eq!(reply["id"], 50, "{reply}");
        let is_refused = reply["error"]["code"] == -32603;
        assert!(is_refused || reply["result"].is_object(), "{reply}");
        !is_refused
    }

    /// The permit is acquired again once the answer has reached the handler.
    async fn is_full(&mut self) {
        for _ in 0..1000 {
            if !self.is_served().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the call goes on without a permit");
    }

    /// There is exactly one permit.
    async fn has_one_permit(&mut self, go: &Semaphore) {
        assert!(self.is_served().await, "the permit is lost");
        self.request(51, "tools/call", calling("hold")).await;
        self.is_well().await;
        assert!(!self.is_served().await, "there are two permits");
        go.add_permits(1);
        assert_eq!(self.text(51).await, "held");
    }
}

#[tokio::test]
async fn a_call_of_a_session_holds_no_permit_while_its_client_is_asked() {
    for transport in TRANSPORTS {
        let go = Arc::new(Semaphore::new(0));
        let server = busy(&go, one_request());
        let mut session = Session::open(transport, NOVEMBER, server).await;
        for (answer, outcome) in [
            (Some(says("x")), "Ok(\"x\")"),
            (Some(declines()), "Err(Declined)"),
            (Some(accepts(json!([]))), "Err(Invalid)"),
            (None, "Err(TimedOut)"),
        ] {
            session.call(1).await;
            let mut question = session.question().await;
            assert!(session.is_served().await, "{outcome}: while it asks");
            match answer {
                Some(answer) => {
                    if outcome == "Err(Invalid)" {
                        for _ in 0..2 {
                            session.answer(&question, answer.clone()).await;
                            question = session.question().await;
                            assert!(session.is_served().await, "while it asks again");
                        }
                    }
                    session.answer(&question, answer).await;
                    session.is_well().await;
                }
                None => session.expect_cancelled(&question).await,
            }
            session.is_full().await;
            go.add_permits(1);
            assert_eq!(session.text(1).await, outcome);
            session.has_one_permit(&go).await;
        }
        // A call that is cancelled while it asks holds no permit.
        session.call(1).await;
        let question = session.question().await;
        session.cancel(1).await;
        session.expect_cancelled(&question).await;
        session.has_one_permit(&go).await;
    }
}

#[tokio::test]
async fn a_stateless_call_holds_no_permit_between_its_attempts() {
    let go = Arc::new(Semaphore::new(0));
    let caller = Caller::of(busy(&go, one_request())).await;
    let quick = || caller.send("tools/call", calling("quick"));
    for answer in [says("x"), declines(), says("y")] {
        let asking = caller.call().await;
        assert!(is_asking(&asking), "{asking}");
        assert!(
            quick().await.is_ok(),
            "nothing runs while the client is asked"
        );
        let retry = caller.reply(&asking, answer);
        let refuse = async {
            // The other branch is polled first, and holds the permit.
            let refused = quick().await;
            go.add_permits(1);
            code(refused)
        };
        let (done, refused) = tokio::join!(biased; retry, refuse);
        assert_eq!(refused, -32603);
        assert!(!is_asking(&done), "{done}");
        assert!(quick().await.is_ok(), "the permit is lost");
    }
}
