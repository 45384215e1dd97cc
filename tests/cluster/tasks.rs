//! Tasks that one replica runs, and clients that ask others.

use mcp_tests::Outcome;
use serde_json::{Value, json};

use crate::replicas::{Replica, SharedStore, events_until, listen, modern, replicas, until};

fn create(replica: &Replica) -> Outcome<String> {
    let created = modern(
        replica,
        "tools/call",
        Some("report"),
        json!({ "name": "report" }),
    )?;
    Ok(created["taskId"].as_str().ok_or("no task")?.to_owned())
}

fn get(replica: &Replica, id: &str) -> Outcome<Value> {
    modern(replica, "tasks/get", Some(id), json!({ "taskId": id }))
}

/// Returns the name of the open question of a task, when there is one.
fn question(replica: &Replica, id: &str) -> Outcome<String> {
    let mut name = None;
    until(|| {
        let state = get(replica, id)?;
        let asked = state["inputRequests"].as_object();
        name = asked.and_then(|asked| asked.keys().next().cloned());
        Ok(name.is_some())
    })?;
    Ok(name.ok_or("no question")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_answered_read_and_heard_of_at_other_replicas() -> Outcome<()> {
    let [one, other, third] = replicas(&SharedStore::default()).await?;
    let id = create(&one)?;
    let mut stream = listen(&third, &json!({ "taskIds": [id] }))?;
    let name = question(&other, &id)?;
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    let update = json!({ "taskId": id, "inputResponses": { name: answer } });
    modern(&other, "tasks/update", Some(&id), update)?;
    let heard = events_until(&mut stream, "\"completed\"")?;
    assert!(heard.concat().contains("A report for Ada."), "{heard:?}");
    assert_eq!(get(&third, &id)?["status"], "completed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_through_another_replica() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let id = create(&one)?;
    question(&other, &id)?;
    modern(&other, "tasks/cancel", Some(&id), json!({ "taskId": id }))?;
    for replica in [&one, &other] {
        assert_eq!(get(replica, &id)?["status"], "cancelled");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_a_replica_that_has_stopped_has_an_end() -> Outcome<()> {
    let [one, other] = replicas(&SharedStore::default()).await?;
    let id = create(&one)?;
    question(&one, &id)?;
    one.handle.stop().await;
    let state = get(&other, &id)?;
    assert_eq!(state["status"], "failed", "{state}");
    Ok(())
}
