//! Rounds of questions: their content, order and names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_runtime::prelude::*;
use serde_json::{Value, json};
use tokio::{join, select};

use super::caller::{Caller, is_asking, message, messages, only, server, tool, tool_call};
use super::forms::{says, text, text_as};

/// Returns the question.
fn echo(request: &Value) -> Value {
    says(format!("<{}>", message(request)))
}

async fn three(context: Context) -> Result<String, ToolError> {
    let (pair, third) = join!(
        async {
            let first = text(&context, "first").await?;
            let second = text(&context, format!("second after {first}")).await?;
            Ok::<_, ToolError>(first + &second)
        },
        text(&context, "third"),
    );
    Ok(pair? + &third?)
}

const THREE: &str = "<first><second after <first>><third>";

#[tokio::test]
async fn what_is_open_side_by_side_is_one_round() {
    let done = Caller::of(server(three))
        .await
        .run(|_, request| Some(echo(request)))
        .await;
    assert_eq!(done.text(), THREE);
    assert_eq!(
        done.messages(),
        [vec!["first", "third"], vec!["second after <first>"]]
    );
}

#[tokio::test]
async fn whatever_is_answered_first_everything_is_asked_until_it_is_answered() {
    let caller = Caller::of(server(three)).await;
    for late in ["first", "third"] {
        let answer =
            |round, request: &Value| (round > 0 || message(request) != late).then(|| echo(request));
        let done = caller.run(answer).await;
        assert_eq!(done.text(), THREE, "{late} is late");
        // The name of a question does not change while it is open.
        for name in done.rounds[0].as_object().unwrap().keys() {
            let first = &done.rounds[0][name];
            assert!(done.rounds[1].get(name).is_none_or(|again| again == first));
        }
    }
}

#[tokio::test]
async fn a_branch_that_yields_first_is_still_in_the_round() {
    let caller = Caller::of(server(|context| async move {
        let (one, other) = join!(text(&context, "one"), async {
            tokio::task::yield_now().await;
            text(&context, "other").await
        });
        Ok(one? + &other?)
    }))
    .await;
    let done = caller.run(|_, request| Some(echo(request))).await;
    assert_eq!(done.messages(), [["one", "other"]]);
    assert_eq!(done.text(), "<one><other>");
}

#[tokio::test]
async fn the_same_question_in_a_loop_has_an_answer_each_time() {
    let caller = Caller::of(server(|context| async move {
        let mut all = String::new();
        for _ in 0..50 {
            all += &text(&context, "next").await?;
        }
        Ok(all)
    }))
    .await;
    let done = caller.run(|round, _| Some(says(format!("{round};")))).await;
    assert_eq!(done.rounds.len(), 50);
    let expected: Vec<String> = (0..50).map(|number| format!("{number};")).collect();
    assert_eq!(done.text(), expected.concat());
}

#[tokio::test]
async fn other_questions_in_a_loop_have_their_own_answers() {
    let caller = Caller::of(server(|context| async move {
        let mut all = String::new();
        for number in 0..50 {
            all += &text(&context, number.to_string()).await?;
        }
        Ok(all)
    }))
    .await;
    let done = caller.run(|_, request| Some(echo(request))).await;
    let expected: Vec<String> = (0..50).map(|number| format!("<{number}>")).collect();
    assert_eq!(done.text(), expected.concat());
}

#[tokio::test]
async fn equal_questions_side_by_side_have_two_names() {
    let caller = Caller::of(server(|context| async move {
        let (one, other) = join!(text(&context, "same"), text(&context, "same"));
        Ok(format!("{} {}", one?.len(), other?.len()))
    }))
    .await;
    let done = caller.run(|_, request| Some(echo(request))).await;
    assert_eq!(done.rounds.len(), 1);
    assert_eq!(done.messages(), [["same", "same"]]);
    assert_eq!(done.text(), "6 6");
}

/// A later question uses the name of an open one.
#[tokio::test]
async fn names_stay_unique_when_some_answers_are_late() {
    let caller = Caller::of(server(|context| async move {
        let (one, other) = join!(
            async {
                text(&context, "begin").await?;
                text_as(&context, "name", "your dog's name").await
            },
            text_as(&context, "name", "your name"),
        );
        Ok(one? + &other?)
    }))
    .await;
    let late =
        |round, request: &Value| (round > 0 || message(request) == "begin").then(|| echo(request));
    let done = caller.run(late).await;
    assert_eq!(done.text(), "<your dog's name><your name>");
    assert_eq!(done.messages()[1], ["your dog's name", "your name"]);
    assert_eq!(done.rounds[1]["name"], done.rounds[0]["name"]);
}

#[tokio::test]
async fn a_question_that_is_dropped_is_not_asked() {
    let caller = Caller::of(server(|context| async move {
        let chosen = select! {
            biased;
            answer = text(&context, "dropped") => answer?,
            () = std::future::ready(()) => "no answer".to_owned(),
        };
        Ok(chosen + &text(&context, "asked").await?)
    }))
    .await;
    let done = caller.run(|_, request| Some(echo(request))).await;
    assert_eq!(done.messages(), [["asked"]]);
    assert_eq!(done.text(), "no answer<asked>");
}

#[tokio::test]
async fn the_first_answer_of_two_wins() {
    let caller = Caller::of(server(|context| async move {
        select! {
            answer = text(&context, "one") => Ok(answer?),
            answer = text(&context, "other") => Ok(answer?),
        }
    }))
    .await;
    let done = caller
        .run(|_, request| (message(request) == "other").then(|| echo(request)))
        .await;
    assert_eq!(done.messages(), [["one", "other"]]);
    assert_eq!(done.text(), "<other>");
}

#[tokio::test]
async fn what_is_missing_is_asked_again_and_what_is_more_is_ignored() {
    let caller = Caller::of(server(|context| async move {
        Ok(text(&context, "what").await?)
    }))
    .await;
    let asking = caller.call().await;
    let key = only(&asking).0.to_owned();
    for answers in [
        json!({}),
        json!({ "else": says("x"), "": null, "more": [1] }),
    ] {
        let again = caller.retry(&asking, answers).await;
        assert_eq!(only(&again).0, key);
    }
    let answers = json!({ "else": says("x"), &key: says("y") });
    assert_eq!(
        caller.retry(&asking, answers).await["content"][0]["text"],
        "y"
    );
}

#[tokio::test]
async fn a_chosen_name_can_be_answered_at_once_and_a_made_one_cannot() {
    let caller = Caller::of(server(|context| async move {
        Ok(text_as(&context, "who", "who").await?)
    }))
    .await;
    let mut params = tool_call();
    params["inputResponses"] = json!({ "who": says("Ada") });
    let result = caller.send("tools/call", params).await.unwrap();
    assert_eq!(result["content"][0]["text"], "Ada");

    let caller = Caller::of(server(
        |context| async move { Ok(text(&context, "who").await?) },
    ))
    .await;
    let key = only(&caller.call().await).0.to_owned();
    let mut params = tool_call();
    params["inputResponses"] = json!({ key: says("Ada") });
    assert!(is_asking(&caller.send("tools/call", params).await.unwrap()));
}

#[tokio::test]
async fn another_question_the_next_time_never_gets_the_old_answer() {
    for named in [false, true] {
        let attempts = Arc::new(AtomicU32::new(0));
        let caller = Caller::of(server(move |context| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst).min(2);
            async move {
                let question = format!("question {attempt}");
                if named {
                    return Ok(text_as(&context, "name", &question).await?);
                }
                Ok(text(&context, question).await?)
            }
        }))
        .await;
        let done = caller.run(|_, request| Some(echo(request))).await;
        assert_eq!(
            done.messages(),
            [["question 0"], ["question 1"], ["question 2"]]
        );
        assert_eq!(done.text(), "<question 2>");
    }
}

#[tokio::test]
async fn two_calls_at_once_do_not_see_each_others_answers() {
    let caller = Caller::of(server(|context| async move {
        let first = text(&context, "first").await?;
        Ok(first + &text(&context, "second").await?)
    }))
    .await;
    let (one, other) = join!(
        caller.run(|round, _| Some(says(format!("a{round}")))),
        caller.run(|round, _| Some(says(format!("b{round}")))),
    );
    assert_eq!((one.text(), other.text()), ("a0a1", "b0b1"));
    // The answers of one call do not apply to the other, even if the names are equal.
    let (one, other) = join!(caller.call(), caller.call());
    let one = caller.reply(&one, says("one")).await;
    let other = caller.reply(&other, says("other")).await;
    assert_eq!(only(&one).0, only(&other).0);
    assert_eq!(
        caller.reply(&one, says("1")).await["content"][0]["text"],
        "one1"
    );
    assert_eq!(
        caller.reply(&other, says("2")).await["content"][0]["text"],
        "other2"
    );
}

/// Asks in a prompt.
#[prompt]
async fn asking_prompt(topic: String, context: Context) -> Result<String, ToolError> {
    Ok(format!("{topic}: {}", text(&context, "which tone?").await?))
}

/// Asks in a resource.
#[resource("asking://{id}", cache(ttl = 60, scope = public))]
async fn asking_resource(id: String, context: Context) -> Result<String, ToolError> {
    Ok(format!("{id}: {}", text(&context, "which part?").await?))
}

#[tokio::test]
async fn prompts_and_resources_ask_too() {
    let components = mcp_runtime::components![asking_prompt, asking_resource];
    let server = Server::new("asking", "1.0.0").with(components);
    let caller = Caller::of(server).await;
    let params = json!({ "name": "asking_prompt", "arguments": { "topic": "tea" } });
    let done = caller
        .drive("prompts/get", params, |_, request| Some(echo(request)))
        .await;
    assert_eq!(
        done.result["messages"][0]["content"]["text"],
        "tea: <which tone?>"
    );
    let params = json!({ "uri": "asking://7" });
    let done = caller
        .drive("resources/read", params, |_, request| Some(echo(request)))
        .await;
    assert_eq!(done.result["contents"][0]["text"], "7: <which part?>");
    assert_eq!(done.rounds.len(), 1);
    // A result that depends on answers is not cacheable, whatever options the resource has.
    assert_eq!(done.result["ttlMs"], 0);
    assert_eq!(done.result["cacheScope"], "private");
}

async fn asking_completion(completion: mcp_runtime::Completion) -> Vec<String> {
    vec![format!("{:?}", text(completion.context(), "which?").await)]
}

async fn asking_list(listing: mcp_runtime::Listing) -> Vec<ResourceLink> {
    let outcome = format!("{:?}", text(listing.context(), "which?").await);
    vec![ResourceLink::new("listed://1", outcome)]
}

/// Completes and lists with questions.
#[resource("listed://{id}", list = asking_list)]
fn listed(#[arg(complete = asking_completion)] id: String) -> String {
    id
}

#[tokio::test]
async fn completions_and_lists_do_not_ask() {
    let server = Server::new("asking", "1.0.0").with(mcp_runtime::components![listed]);
    let caller = Caller::of(server).await;
    let params = json!({
        "ref": { "type": "ref/resource", "uri": "listed://{id}" },
        "argument": { "name": "id", "value": "" },
    });
    let result = caller.send("completion/complete", params).await.unwrap();
    let values = &result["completion"]["values"];
    assert_eq!(*values, json!(["Err(OutsideCall)"]));
    let result = caller.send("resources/list", json!({})).await.unwrap();
    assert_eq!(result["resources"][0]["name"], "Err(OutsideCall)");
}

#[tokio::test]
async fn nothing_follows_the_questions() {
    let is_over = Arc::new(tokio::sync::Notify::new());
    let over = Arc::clone(&is_over);
    let caller = Caller::of(server(move |context| {
        let over = Arc::clone(&over);
        async move {
            context.progress(1.0, None, Some("before"));
            let late = context.clone();
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                late.progress(2.0, None, Some("after"));
                over.notify_one();
            });
            Ok(text(&context, "what").await?)
        }
    }))
    .await;
    let mut params = tool_call();
    params["_meta"] = json!({
        "progressToken": "p",
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
    });
    let asking = caller.client.request("tools/call", params).await.unwrap();
    assert!(is_asking(&asking), "{asking}");
    is_over.notified().await;
    let told = caller.client.take_notifications();
    let told: Vec<&Value> = told.iter().map(|told| &told["params"]["message"]).collect();
    assert_eq!(told, ["before"]);
}

#[tokio::test]
async fn all_kinds_of_questions_are_one_round() {
    let caller = Caller::of(server(|context| async move {
        let (form, page, model, roots) = join!(
            text(&context, "form"),
            context.elicit_url("page", "https://example.com/pay"),
            context
                .sample("model")
                .max_tokens(7)
                .system("be brief")
                .temperature(0.5),
            context.roots(),
        );
        page?;
        Ok(format!("{} {} {}", form?, model?.text(), roots?[0].uri))
    }))
    .await;
    let asking = caller.call().await;
    let requests = asking["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 4);
    let answers: serde_json::Map<_, _> = requests
        .iter()
        .map(|(key, request)| {
            let answer = match request["method"].as_str().unwrap() {
                "elicitation/create" if request["params"]["mode"] == "url" => json!({ "action": "accept" }),
                "elicitation/create" => says("a"),
                "sampling/createMessage" => {
                    json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "b" } })
                }
                "roots/list" => json!({ "roots": [{ "uri": "file:///c" }] }),
                other => panic!("{other} is asked"),
            };
            (key.clone(), answer)
        })
        .collect();
    let mut modes: Vec<_> = requests
        .values()
        .map(|request| request["params"]["mode"].as_str().unwrap_or_default())
        .collect();
    modes.sort_unstable();
    assert_eq!(modes, ["", "", "", "url"]);
    let result = caller.retry(&asking, answers.into()).await;
    assert_eq!(result["content"][0]["text"], "a b file:///c");
}

#[tokio::test]
async fn the_last_temperature_counts() {
    for (temperatures, proposed) in [
        (&[][..], None),
        (&[0.5], Some(0.5)),
        (&[0.5, 0.25], Some(0.25)),
        (&[0.5, f64::NAN], None),
        (&[0.5, f64::INFINITY], None),
        (&[f64::NAN, 0.5], Some(0.5)),
    ] {
        let caller = Caller::of(server(move |context| async move {
            let sampling = context.sample("model");
            let sampling = temperatures
                .iter()
                .fold(sampling, |sampling, &temperature| {
                    sampling.temperature(temperature)
                });
            Ok(sampling.await?.text())
        }))
        .await;
        let asking = caller.call().await;
        let (_, request) = only(&asking);
        let expected = proposed.map(Value::from);
        let told = request["params"].get("temperature");
        assert_eq!(told, expected.as_ref(), "{temperatures:?}");
    }
}

#[tokio::test]
async fn a_limit_of_tokens_is_always_sent_and_preferences_never_are() {
    for (limit, sent) in [(None, 1000), (Some(7), 7), (Some(0), 0)] {
        let caller = Caller::of(server(move |context| async move {
            let sampling = context.sample("model");
            let sampling = match limit {
                Some(limit) => sampling.max_tokens(limit),
                None => sampling,
            };
            Ok(sampling.await?.text())
        }))
        .await;
        let asking = caller.call().await;
        let (_, request) = only(&asking);
        let messages = json!([{ "role": "user", "content": { "type": "text", "text": "model" } }]);
        let params = json!({ "messages": messages, "maxTokens": sent });
        assert_eq!(request["params"], params);
    }
}

/// Counts when it is dropped.
struct Witness(Arc<AtomicU32>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn destructors_run_before_the_client_is_asked() {
    let dropped = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&dropped);
    let caller = Caller::of(server(move |context| {
        let witness = Witness(Arc::clone(&count));
        async move {
            let _witness = witness;
            Ok(text(&context, "what").await?)
        }
    }))
    .await;
    let asking = caller.call().await;
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    caller.reply(&asking, says("x")).await;
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_panic_between_two_questions_is_masked_and_cleans_up() {
    let dropped = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&dropped);
    let caller = Caller::of(server(move |context| {
        let witness = Witness(Arc::clone(&count));
        async move {
            let _witness = witness;
            let answer = text(&context, "first").await?;
            assert_ne!(answer, "boom", "a secret");
            Ok(text(&context, "second").await?)
        }
    }))
    .await;
    let asking = caller.call().await;
    let result = caller.reply(&asking, says("boom")).await;
    assert_eq!(result["isError"], true);
    assert!(!result.to_string().contains("secret"), "{result}");
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    // The same state still serves another answer.
    assert_eq!(
        message(only(&caller.reply(&asking, says("x")).await).1),
        "second"
    );
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a secret");
    }
}

#[tokio::test]
async fn a_panic_of_a_destructor_does_not_leave_the_call_unanswered() {
    let caller = Caller::of(server(|context| async move {
        let _bomb = Bomb;
        Ok(text(&context, "what").await?)
    }))
    .await;
    let asking = caller.call().await;
    assert_eq!(messages(&asking["inputRequests"]), ["what"]);
    let result = caller.reply(&asking, says("x")).await;
    assert_eq!(result["isError"], true);
}

#[tokio::test]
async fn a_stream_of_results_may_ask_between_them() {
    let schema = json!({ "type": "object" });
    let tool_of_many =
        mcp_runtime::Tool::new("tool", schema, |_: Value, context: Context| async move {
            futures_util::stream::unfold((context, 0), |(context, number)| async move {
                if number == 3 {
                    return None;
                }
                let item = text(&context, number.to_string())
                    .await
                    .map_err(ToolError::from);
                Some((item, (context, number + 1)))
            })
        });
    let caller = Caller::of(Server::new("many", "1.0.0").with(tool_of_many)).await;
    let done = caller.run(|_, request| Some(echo(request))).await;
    assert_eq!(done.rounds.len(), 3);
    assert_eq!(
        done.result["content"].as_array().unwrap().len(),
        3,
        "{}",
        done.result
    );
}

#[tokio::test]
async fn tools_side_by_side_keep_their_questions() {
    let server = server(|context| async move { Ok(text(&context, "a").await?) })
        .with(tool("other", |context| async move {
            Ok(text(&context, "a").await?)
        }));
    let caller = Caller::of(server).await;
    let other = json!({ "name": "other", "arguments": {} });
    let done = caller
        .drive("tools/call", other, |_, request| Some(echo(request)))
        .await;
    assert_eq!(done.text(), "<a>");
}

#[tokio::test]
async fn what_is_no_longer_asked_keeps_nobody_waiting() {
    let caller = Caller::of(server(|context| async move {
        select! {
            biased;
            _ = text(&context, "too late") => return Ok("asked".to_owned()),
            () = tokio::task::yield_now() => {}
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Ok("done".to_owned())
    }))
    .await;
    let done = caller.run(|_, _| None).await;
    assert_eq!(done.text(), "done");
    assert!(done.rounds.is_empty());
}

#[tokio::test]
async fn a_handler_without_questions_is_not_polled_twice_in_a_row() {
    let polls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&polls);
    let caller = Caller::of(server(move |_| {
        let polls = Arc::clone(&counter);
        let mut sleep = Box::pin(tokio::time::sleep(std::time::Duration::from_millis(20)));
        std::future::poll_fn(move |context| {
            polls.fetch_add(1, Ordering::SeqCst);
            sleep.as_mut().poll(context).map(|()| Ok(String::new()))
        })
    }))
    .await;
    caller.run(|_, _| None).await;
    // Once in place, once by the task that waits for it from then on, and once when it is woken.
    assert_eq!(polls.load(Ordering::SeqCst), 3);
}
