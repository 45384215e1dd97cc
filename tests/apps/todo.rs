//! A to-do list in `SQLite`. Clients are notified of each change.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use mcp_runtime::{Completion, prelude::*};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The database. `SQLite` writes one transaction at a time, so that one connection is enough.
struct Database(Mutex<Connection>);

impl Database {
    fn open(path: PathBuf) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE IF NOT EXISTS tasks (
                 id INTEGER PRIMARY KEY,
                 title TEXT NOT NULL,
                 due TEXT,
                 done INTEGER NOT NULL DEFAULT FALSE
             );",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn task(&self, id: i64) -> rusqlite::Result<Option<Task>> {
        let query = "SELECT * FROM tasks WHERE id = ?";
        self.lock().query_row(query, [id], Task::of).optional()
    }

    /// Returns the tasks that contain a text and are in a state, the most urgent first.
    fn tasks(&self, text: &str, state: Show) -> rusqlite::Result<Vec<Task>> {
        let done = match state {
            Show::Open => Some(false),
            Show::Done => Some(true),
            Show::All => None,
        };
        self.lock()
            .prepare_cached(
                "SELECT * FROM tasks
                 WHERE instr(lower(title), lower(?1)) AND (?2 IS NULL OR done = ?2)
                 ORDER BY done, due IS NULL, due, id",
            )?
            .query_map(params![text, done], Task::of)?
            .collect()
    }
}

/// A task of the list.
#[derive(Serialize, JsonSchema)]
struct Task {
    id: i64,
    title: String,
    due: Option<NaiveDate>,
    done: bool,
}

impl Task {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            title: row.get("title")?,
            due: row.get("due")?,
            done: row.get("done")?,
        })
    }
}

/// The tasks to show.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Show {
    #[default]
    Open,
    Done,
    All,
}

/// Tells clients that a task was changed.
fn changed(context: &Context, id: i64) {
    context
        .notify()
        .resource_updated(format!("todo://tasks/{id}"));
    context.notify().resource_updated("todo://tasks");
}

fn no_task(id: i64) -> ToolError {
    ToolError::new(format!("there is no task {id}: `list` shows all tasks"))
}

/// Add a task to the list.
#[tool]
fn add(
    /// What is to be done.
    #[arg(length(1..=200))]
    title: String,
    /// The last day on which it can be done.
    due: Option<NaiveDate>,
    database: State<Database>,
    context: Context,
) -> Result<Json<Task>, ToolError> {
    let task = database.lock().query_row(
        "INSERT INTO tasks (title, due) VALUES (?, ?) RETURNING *",
        params![title, due],
        Task::of,
    )?;
    context.notify().resources_changed();
    changed(&context, task.id);
    Ok(Json(task))
}

/// List the tasks, the most urgent first.
#[tool(read_only)]
fn list(
    /// Only tasks with this text in their title.
    #[arg(default)]
    text: String,
    /// Only tasks in this state.
    #[arg(default)]
    show: Show,
    database: State<Database>,
) -> Result<Json<Vec<Task>>, ToolError> {
    Ok(Json(database.tasks(&text, show)?))
}

/// Mark a task as done.
#[tool(idempotent)]
fn complete(
    /// The id of the task.
    id: i64,
    database: State<Database>,
    context: Context,
) -> Result<Json<Task>, ToolError> {
    let updated = "UPDATE tasks SET done = TRUE WHERE id = ? RETURNING *";
    let task = database
        .lock()
        .query_row(updated, [id], Task::of)
        .optional()?;
    let task = task.ok_or_else(|| no_task(id))?;
    changed(&context, id);
    Ok(Json(task))
}

/// Remove a task from the list.
#[tool(destructive, idempotent)]
fn remove(
    /// The id of the task.
    id: i64,
    database: State<Database>,
    context: Context,
) -> Result<(), ToolError> {
    if database
        .lock()
        .execute("DELETE FROM tasks WHERE id = ?", [id])?
        == 0
    {
        return Err(no_task(id));
    }
    context.notify().resources_changed();
    changed(&context, id);
    Ok(())
}

/// All tasks, the most urgent first.
#[resource("todo://tasks")]
fn all_tasks(database: State<Database>) -> Result<Json<Vec<Task>>, ToolError> {
    Ok(Json(database.tasks("", Show::All)?))
}

/// A task.
#[resource("todo://tasks/{id}", list = task_links)]
fn task(
    #[arg(complete = task_ids)] id: i64,
    database: State<Database>,
) -> Result<Option<Json<Task>>, ToolError> {
    Ok(database.task(id)?.map(Json))
}

fn task_links(database: State<Database>) -> Result<Vec<ResourceLink>, ToolError> {
    let link = |task: Task| ResourceLink::new(format!("todo://tasks/{}", task.id), task.title);
    Ok(database
        .tasks("", Show::All)?
        .into_iter()
        .map(link)
        .collect())
}

fn task_ids(completion: Completion, database: State<Database>) -> Result<Vec<String>, ToolError> {
    let tasks = database.tasks("", Show::All)?.into_iter();
    let ids = tasks.map(|task| task.id.to_string());
    Ok(ids
        .filter(|id| id.starts_with(completion.value()))
        .collect())
}

/// Plan a day with the open tasks.
#[prompt]
fn plan(
    /// The day.
    day: NaiveDate,
    database: State<Database>,
) -> Result<String, ToolError> {
    let tasks = serde_json::to_string(&database.tasks("", Show::Open)?)?;
    Ok(format!(
        "Plan my {day}. These are my open tasks:\n\n{tasks}"
    ))
}

/// Returns the server of a database file.
pub(crate) fn server(path: PathBuf) -> Server {
    Server::new("todo", "1.0.0")
        .with(components![
            add, list, complete, remove, all_tasks, task, plan
        ])
        .lifespan(
            || async { Database::open(path) },
            // Dropping the connection closes it.
            |database| async { drop(database) },
        )
}

mod tests {
    use mcp_runtime::ServeError;
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::server;
    use crate::client::{combinations, serve};

    fn path(folder: &TempDir) -> std::path::PathBuf {
        folder.path().join("todo.db")
    }

    #[tokio::test]
    async fn tasks_are_added_found_completed_and_removed() {
        for (transport, revision) in combinations() {
            let folder = tempfile::tempdir().unwrap();
            let (mut client, running) =
                serve(server(path(&folder)), transport, revision, &[]).await;
            let milk = client.call("add", json!({ "title": "Buy milk" })).await;
            let one = json!({ "id": 1, "title": "Buy milk", "due": null, "done": false });
            assert_eq!(milk["structuredContent"], one, "{transport:?} {revision:?}");
            let taxes = json!({ "title": "Pay taxes", "due": "2027-05-31" });
            client.call("add", taxes).await;

            let done = client.call("complete", json!({ "id": 1 })).await;
            assert_eq!(done["structuredContent"]["done"], true);
            let titles = |tasks: &Value| {
                let tasks = tasks.as_array().unwrap().iter();
                let titles = tasks.map(|task| task["title"].as_str().unwrap().to_owned());
                titles.collect::<Vec<_>>()
            };
            for (arguments, expected) in [
                (json!({}), vec!["Pay taxes"]),
                (json!({ "show": "done" }), vec!["Buy milk"]),
                (json!({ "show": "all" }), vec!["Pay taxes", "Buy milk"]),
                (json!({ "show": "all", "text": "MILK" }), vec!["Buy milk"]),
            ] {
                let listed = client.call("list", arguments).await;
                assert_eq!(titles(&listed["structuredContent"]["result"]), expected);
            }
            assert_eq!(
                titles(&client.read("todo://tasks").await),
                ["Pay taxes", "Buy milk"]
            );
            assert_eq!(client.read("todo://tasks/2").await["due"], "2027-05-31");

            client.call("remove", json!({ "id": 1 })).await;
            let gone = client.call("remove", json!({ "id": 1 })).await;
            assert_eq!(gone["isError"], true);
            let text = &gone["content"][0]["text"];
            assert_eq!(text, "there is no task 1: `list` shows all tasks");
            running.end().await.unwrap();
        }
    }

    #[tokio::test]
    async fn listeners_are_told_of_changes() {
        for (transport, revision) in combinations() {
            let folder = tempfile::tempdir().unwrap();
            let (mut client, running) =
                serve(server(path(&folder)), transport, revision, &[]).await;
            client.call("add", json!({ "title": "Buy milk" })).await;
            client.listen("todo://tasks/1").await;
            client.call("complete", json!({ "id": 1 })).await;
            let updated = client.notification("resources/updated").await;
            assert_eq!(
                updated["uri"], "todo://tasks/1",
                "{transport:?} {revision:?}"
            );
            client.call("add", json!({ "title": "Pay taxes" })).await;
            client.notification("resources/list_changed").await;
            let listed = client.request("resources/list", json!({})).await;
            let listed = listed["result"]["resources"].as_array().unwrap().iter();
            let uris: Vec<&str> = listed.map(|link| link["uri"].as_str().unwrap()).collect();
            // Open tasks come first.
            assert_eq!(uris, ["todo://tasks", "todo://tasks/2", "todo://tasks/1"]);
            running.end().await.unwrap();
        }
    }

    #[tokio::test]
    async fn ids_are_completed_and_prompts_have_the_open_tasks() {
        for (transport, revision) in combinations() {
            let folder = tempfile::tempdir().unwrap();
            let (mut client, running) =
                serve(server(path(&folder)), transport, revision, &[]).await;
            for title in ["Buy milk", "Pay taxes"] {
                client.call("add", json!({ "title": title })).await;
            }
            for (typed, offered) in [
                ("", json!(["1", "2"])),
                ("2", json!(["2"])),
                ("3", json!([])),
            ] {
                let params = json!({
                    "ref": { "type": "ref/resource", "uri": "todo://tasks/{id}" },
                    "argument": { "name": "id", "value": typed },
                });
                let completed = client.request("completion/complete", params).await;
                assert_eq!(completed["result"]["completion"]["values"], offered);
            }
            let params = json!({ "name": "plan", "arguments": { "day": "2027-05-30" } });
            let prompt = client.request("prompts/get", params).await;
            let text = prompt["result"]["messages"][0]["content"]["text"]
                .as_str()
                .unwrap();
            assert!(text.starts_with("Plan my 2027-05-30.") && text.contains("Pay taxes"));
            running.end().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_restarted_server_has_the_tasks_of_the_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        for (earlier, (transport, revision)) in combinations().enumerate() {
            let (mut client, running) =
                serve(server(path(&folder)), transport, revision, &[]).await;
            let tasks = client.read("todo://tasks").await;
            assert_eq!(tasks.as_array().unwrap().len(), earlier);
            client.call("add", json!({ "title": "Buy milk" })).await;
            // SQLite removes its write-ahead log when the last connection is closed.
            let log = folder.path().join("todo.db-wal");
            assert!(log.exists());
            running.end().await.unwrap();
            assert!(!log.exists(), "the connection is not closed");
        }
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_opened_is_named_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let started = server(folder.path().to_owned()).start().await;
        let Err(error @ ServeError::Start(_)) = started else {
            panic!("{started:?}");
        };
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with("unable to open database file"), "{cause}");
    }
}
