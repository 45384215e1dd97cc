//! The tests of the tools, of the file, and of its survival.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_runtime::{Client, ClientError};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

async fn serve(directory: &TempDir) -> Client {
    server(Store::open(&directory.path().join("memory.jsonl")).unwrap())
        .client()
        .await
}

fn entity(name: &str, kind: &str, observations: &[&str]) -> Value {
    json!({ "name": name, "entityType": kind, "observations": observations })
}

fn relation(from: &str, to: &str) -> Value {
    json!({ "from": from, "to": to, "relationType": "knows" })
}

/// Fills the graph with three people.
async fn people(client: &Client) -> Result<(), ClientError> {
    let entities = [
        entity("Ada", "person", &["likes tea"]),
        entity("Bob", "person", &[]),
        entity("Cyd", "robot", &["likes Bob"]),
    ];
    client
        .call("create_entities", json!({ "entities": entities }))
        .await?;
    let relations = [relation("Ada", "Bob"), relation("Bob", "Cyd")];
    client
        .call("create_relations", json!({ "relations": relations }))
        .await?;
    Ok(())
}

/// Returns the names of the entities, and the number of relations.
fn outline(graph: &Value) -> (Vec<&str>, usize) {
    let entities = graph["entities"].as_array().unwrap().iter();
    let names = entities
        .map(|entity| entity["name"].as_str().unwrap())
        .collect();
    (names, graph["relations"].as_array().unwrap().len())
}

#[tokio::test]
async fn what_exists_is_not_created_again() -> Result<(), ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let client = serve(&directory).await;
    people(&client).await?;
    let entities = [
        entity("Ada", "robot", &[]),
        entity("Dan", "person", &[]),
        entity("Dan", "x", &[]),
    ];
    let created = client
        .call("create_entities", json!({ "entities": entities }))
        .await?;
    assert_eq!(
        *created.structured(),
        json!({ "entities": [entity("Dan", "person", &[])] })
    );
    let shown: Value = serde_json::from_str(&created.text()).unwrap();
    assert_eq!(shown, created.structured()["entities"]);
    let relations = [
        relation("Ada", "Bob"),
        relation("Bob", "Ada"),
        relation("Bob", "Ada"),
    ];
    let created = client
        .call("create_relations", json!({ "relations": relations }))
        .await?;
    assert_eq!(
        *created.structured(),
        json!({ "relations": [relation("Bob", "Ada")] })
    );
    let contents = json!({ "entityName": "Ada", "contents": ["likes tea", "is kind", "is kind"] });
    let added = client
        .call("add_observations", json!({ "observations": [contents] }))
        .await?;
    let expected =
        json!({ "results": [{ "entityName": "Ada", "addedObservations": ["is kind"] }] });
    assert_eq!(*added.structured(), expected);
    Ok(())
}

#[tokio::test]
async fn one_unknown_entity_keeps_all_observations_out() -> Result<(), ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let client = serve(&directory).await;
    people(&client).await?;
    let before = client.call("read_graph", json!({})).await?.text();
    let observations =
        ["Ada", "Eve"].map(|name| json!({ "entityName": name, "contents": ["new"] }));
    let reply = client
        .call("add_observations", json!({ "observations": observations }))
        .await?;
    assert!(
        reply.is_error() && reply.text().contains("`Eve`"),
        "{}",
        reply.text()
    );
    assert_eq!(client.call("read_graph", json!({})).await?.text(), before);
    Ok(())
}

#[tokio::test]
async fn parts_of_the_graph_have_their_relations() -> Result<(), ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let client = serve(&directory).await;
    people(&client).await?;
    for (tool, arguments, expected) in [
        ("read_graph", json!({}), (vec!["Ada", "Bob", "Cyd"], 2)),
        ("search_nodes", json!({ "query": "TEA" }), (vec!["Ada"], 1)),
        (
            "search_nodes",
            json!({ "query": "bob" }),
            (vec!["Bob", "Cyd"], 2),
        ),
        (
            "search_nodes",
            json!({ "query": "robot" }),
            (vec!["Cyd"], 1),
        ),
        ("search_nodes", json!({ "query": "nothing" }), (vec![], 0)),
        (
            "open_nodes",
            json!({ "names": ["Bob", "Eve"] }),
            (vec!["Bob"], 2),
        ),
    ] {
        let reply = client.call(tool, arguments.clone()).await?;
        assert_eq!(outline(reply.structured()), expected, "{tool} {arguments}");
        let shown: Value = serde_json::from_str(&reply.text()).unwrap();
        assert_eq!(shown, *reply.structured());
    }
    Ok(())
}

#[tokio::test]
async fn deletions_are_complete() -> Result<(), ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let client = serve(&directory).await;
    people(&client).await?;
    let deletions =
        ["Ada", "Eve"].map(|name| json!({ "entityName": name, "observations": ["likes tea"] }));
    for (tool, arguments) in [
        ("delete_observations", json!({ "deletions": deletions })),
        (
            "delete_relations",
            json!({ "relations": [relation("Ada", "Bob"), relation("x", "y")] }),
        ),
        ("delete_entities", json!({ "entityNames": ["Cyd", "Eve"] })),
    ] {
        let reply = client.call(tool, arguments).await?;
        assert_eq!(reply.structured()["success"], true);
        assert_eq!(reply.structured()["message"], reply.text());
    }
    let graph = client.call("read_graph", json!({})).await?;
    let left = [entity("Ada", "person", &[]), entity("Bob", "person", &[])];
    assert_eq!(
        *graph.structured(),
        json!({ "entities": left, "relations": [] })
    );
    Ok(())
}

#[tokio::test]
async fn subscribers_learn_of_changes_only() -> Result<(), ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let client = serve(&directory).await;
    let _listening = client.listen(json!({ "resourceSubscriptions": [GRAPH] }))?;
    client.take_notifications();
    client.call("read_graph", json!({})).await?;
    people(&client).await?;
    let updates = client.take_notifications();
    let updates = updates
        .iter()
        .filter(|it| it["method"] == "notifications/resources/updated");
    assert_eq!(updates.count(), 2);
    let contents = client.read(GRAPH).await?;
    let graph: Value = serde_json::from_str(contents[0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(outline(&graph), (vec!["Ada", "Bob", "Cyd"], 2));
    Ok(())
}

#[tokio::test]
async fn the_file_has_the_lines_of_the_reference_server() -> Result<(), ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("memory.jsonl");
    let lines = [
        r#"{"type":"entity","name":"Ada","entityType":"person","observations":["says \"hi\""]}"#,
        r#"{"type":"relation","from":"Ada","to":"Ada","relationType":"knows"}"#,
    ];
    fs::write(&path, lines.join("\n\n") + "\n").unwrap();
    let client = serve(&directory).await;
    let graph = client.call("read_graph", json!({})).await?;
    assert_eq!(outline(graph.structured()), (vec!["Ada"], 1));
    let bob = json!({ "entities": [entity("Bob", "person", &[])] });
    client.call("create_entities", bob).await?;
    let bob = r#"{"type":"entity","name":"Bob","entityType":"person","observations":[]}"#;
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        [lines[0], bob, lines[1]].join("\n")
    );
    Ok(())
}

#[test]
fn a_mistake_in_the_file_is_named_and_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("memory.jsonl");
    for wrong in [
        "{",
        r#"{"type":"other"}"#,
        r#"{"type":"entity","name":"Ada"}"#,
    ] {
        let text = format!(
            "{}\n{wrong}",
            r#"{"type":"relation","from":"a","to":"b","relationType":"c"}"#
        );
        fs::write(&path, &text).unwrap();
        let error = Store::open(&path).err().unwrap().to_string();
        assert!(error.contains("line 2 of"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let nowhere = Store::open(&directory.path().join("missing/memory.jsonl"));
    assert!(nowhere.is_err_and(|error| error.to_string().contains("directory")));
}

#[cfg(unix)]
#[test]
fn the_permissions_and_the_link_of_the_file_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("real"), directory.path().join("link"));
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    let store = Store::open(&link).unwrap();
    store
        .change(|graph| Ok(graph.create_entities(vec![named("Ada")])))
        .unwrap();
    assert!(link.is_symlink());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        Store::open(&path).unwrap().read().unwrap().entities.len(),
        1
    );
}

fn named(name: &str) -> Entity {
    Entity {
        name: name.to_owned(),
        kind: "test".to_owned(),
        observations: Vec::new(),
    }
}

#[cfg(unix)]
#[test]
fn two_servers_do_not_lose_the_changes_of_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("memory.jsonl");
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            // Each store is that of another process: they share only the file.
            let store = Store::open(&path).unwrap();
            std::thread::spawn(move || {
                for number in 0..25 {
                    let new = vec![named(&format!("{thread} {number}"))];
                    store
                        .change(|graph| Ok(graph.create_entities(new)))
                        .unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(
        Store::open(&path).unwrap().read().unwrap().entities.len(),
        100
    );
}

/// The name of the variable that makes the test below the process that is killed.
const WRITER: &str = "MEMORY_TEST_WRITER";

/// Starts this test program as a process that adds entities, and prints the name of each that was confirmed.
fn start_writer(path: &Path, first: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::confirmed_changes_survive_kill_9",
            "--nocapture",
        ])
        .env(WRITER, format!("{first}:{}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The size of the observation of the first entity, so that each write takes a while.
const BALLAST: usize = 1 << 20;

fn write_until_killed(task: &str) -> ! {
    let (first, path) = task.split_once(':').unwrap();
    let store = Store::open(Path::new(path)).unwrap();
    let mut number: usize = first.parse().unwrap();
    loop {
        let mut new = named(&number.to_string());
        let size = if number == 0 { BALLAST } else { 1 };
        new.observations = vec!["x".repeat(size)];
        store
            .change(|graph| Ok(graph.create_entities(vec![new])))
            .unwrap();
        let mut output = std::io::stdout();
        writeln!(output, "confirmed {number}").unwrap();
        output.flush().unwrap();
        number += 1;
    }
}

/// Waits for a moment within a write: the temporary file begins, grows, or is gone, or the file itself is shorter than it was.
fn wait_for_a_write(path: &Path, round: usize) {
    let size = |path: &Path| fs::metadata(path).map(|it| it.len());
    let temporary = path.with_file_name("memory.jsonl.tmp");
    let whole = size(path).unwrap_or_default();
    let end = Instant::now() + Duration::from_secs(10);
    let is_broken = || size(path).is_ok_and(|now| now < whole);
    let is_there = || size(&temporary).is_ok();
    let has_grown = || size(&temporary).is_ok_and(|now| now > 0);
    let wait = |is_reached: &dyn Fn() -> bool| {
        while !is_reached() && !is_broken() && Instant::now() < end {
            std::hint::spin_loop();
        }
    };
    match round % 3 {
        0 => wait(&is_there),
        1 => wait(&has_grown),
        _ => {
            wait(&is_there);
            wait(&|| !is_there());
        }
    }
}

#[test]
fn confirmed_changes_survive_kill_9() {
    if let Ok(task) = std::env::var(WRITER) {
        write_until_killed(&task);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("memory.jsonl");
    let mut confirmed = 0;
    for round in 0..18 {
        let mut writer = start_writer(&path, confirmed);
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut numbers = lines.filter_map(|line| {
            let line = line.ok()?;
            line.split("confirmed ").nth(1)?.parse::<usize>().ok()
        });
        confirmed = numbers.next().expect("the writer writes") + 1;
        wait_for_a_write(&path, round);
        // SIGKILL: no destructor and no handler runs.
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What was still in the pipe was confirmed too.
        confirmed = numbers.last().map_or(confirmed, |last| last + 1);
        let store = Store::open(&path).expect("the file is complete");
        let entities = store.read().unwrap().entities;
        // A change may be on the disk without having been confirmed.
        let expected = confirmed..=confirmed + 1;
        assert!(
            expected.contains(&entities.len()),
            "round {round}: {confirmed} were confirmed, {} are there",
            entities.len()
        );
        assert_eq!(entities[0].observations[0].len(), BALLAST, "round {round}");
        confirmed = entities.len();
    }
}
