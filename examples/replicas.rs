//! A warehouse that runs as several processes: replicas that share a Redis, behind a balancer that sends each request to any of them.
//!
//! ```sh
//! export REDIS_URL=redis://127.0.0.1:6379 WAREHOUSE=/tmp/warehouse MCP_SESSION_KEYS=$(openssl rand -hex 32)
//! REPLICA=one cargo run --features redis --example replicas -- --http 127.0.0.1:8001
//! REPLICA=two cargo run --features redis --example replicas -- --http 127.0.0.1:8002
//! ```
//!
//! | variable | |
//! |---|---|
//! | `REDIS_URL` | the store that all replicas share; without it, the server is not a replica |
//! | `WAREHOUSE` | the file of the stock, by default `warehouse` |
//! | `REPLICA` | the name of this replica, by default the id of its process |
//!
//! `deploy` has the files for nginx, systemd and Kubernetes. `tests/cluster/run` kills replicas and Redis while clients call this server.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use mcp_runtime::{RedisStore, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// Say which replica answers.
#[tool(read_only, open_world = false)]
async fn replica(replica: State<Replica>) -> String {
    replica.0.clone()
}

/// Count the visits of this session.
#[tool]
async fn visit(context: Context) -> Result<u64, ToolError> {
    let session = context.session()?;
    let count = session.get::<u64>("visits").await?.unwrap_or_default() + 1;
    session.set("visits", &count).await?;
    Ok(count)
}

/// Put items into the stock.
#[tool]
async fn restock(
    /// The name of the item, such as `blue-paint`.
    item: String,
    /// How many there are more.
    #[arg(range(1..=1000))]
    count: i64,
    context: Context,
    warehouse: State<Warehouse>,
) -> Result<i64, ToolError> {
    check(&item)?;
    warehouse.add("stocked", &item, count)?;
    context.notify().resource_updated(format!("stock://{item}"));
    Ok(warehouse.stock(&item)?)
}

/// The form of the question.
#[derive(Deserialize, JsonSchema, Elicit)]
struct Delivery {
    /// The street and the town.
    address: String,
}

/// Order an item. The user is asked where it should be delivered.
#[tool]
async fn order(
    /// The name of the item, such as `blue-paint`.
    item: String,
    context: Context,
    warehouse: State<Warehouse>,
) -> Result<String, ToolError> {
    check(&item)?;
    // The client may send the answer to another replica than the one that asked.
    let question = format!("Where should `{item}` be delivered?");
    let Delivery { address } = context.elicit(question).await?;
    // If the client sends the answer again because a connection broke, the item is not taken from the stock again.
    let taken = context.once("order", async {
        let taken = warehouse.add("ordered", &item, -1);
        taken.map_err(|error| error.to_string())
    });
    taken.await?.map_err(ToolError::new)?;
    context.notify().resource_updated(format!("stock://{item}"));
    Ok(format!("`{item}` will be delivered to {address}."))
}

/// Count the whole stock, which takes long.
#[tool(task(restart), read_only, open_world = false)]
async fn inventory(
    /// The number of shelves.
    #[arg(default = 10, range(1..=1000))]
    shelves: u32,
    /// The time for each shelf, in milliseconds.
    #[arg(default = 100, range(0..=10_000))]
    pause: u64,
    context: Context,
    replica: State<Replica>,
) -> String {
    for shelf in 1..=shelves {
        sleep(Duration::from_millis(pause)).await;
        context.progress(shelf, Some(shelves), Some(&format!("shelf {shelf}")));
    }
    format!("{shelves} shelves, counted by replica {}", replica.0)
}

/// How many of an item there are.
#[resource("stock://{item}")]
async fn stock(item: String, warehouse: State<Warehouse>) -> Result<String, ToolError> {
    Ok(warehouse.stock(&item)?.to_string())
}

/// Returns an error if the name of an item cannot be a word in a line of the file.
fn check(item: &str) -> Result<(), ToolError> {
    let is_allowed = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
    if item.is_empty() || item.len() > 64 || !item.bytes().all(is_allowed) {
        return Err(ToolError::new(
            "the name of an item has 1 to 64 letters, digits and `-`, such as `blue-paint`",
        ));
    }
    Ok(())
}

/// The name of this replica.
struct Replica(String);

/// The stock, as a file to which all replicas append. A real server would use a database.
struct Warehouse {
    file: PathBuf,
    replica: String,
}

impl Warehouse {
    /// Appends a line to the file: what happened, the item, the change of its number, and the replica.
    fn add(&self, what: &str, item: &str, change: i64) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)?;
        let line = format!("{what} {item} {change} {}\n", self.replica);
        // One write, so that lines of several replicas are not mixed.
        file.write_all(line.as_bytes())
    }

    fn stock(&self, item: &str) -> io::Result<i64> {
        let lines = match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            lines => lines?,
        };
        let changes = lines.lines().filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let is_of_item = words.next() == Some(item);
            let change = words.next().filter(|_| is_of_item)?;
            change.parse::<i64>().ok()
        });
        Ok(changes.sum())
    }
}

fn server(file: PathBuf, replica: &str) -> Server {
    let warehouse = Warehouse {
        file,
        replica: replica.to_owned(),
    };
    mcp_runtime::server!()
        .state(Replica(replica.to_owned()))
        .state(warehouse)
}

fn main() -> ExitCode {
    let variable = |name| std::env::var(name).ok();
    let replica = variable("REPLICA").unwrap_or_else(|| std::process::id().to_string());
    let file = variable("WAREHOUSE").unwrap_or_else(|| "warehouse".to_owned());
    let server = server(file.into(), &replica);
    let Some(url) = variable("REDIS_URL") else {
        return server.run();
    };
    // `run` creates a runtime for the server. This one serves the first connection to Redis until the end.
    let connected = Runtime::new().and_then(|runtime| {
        let store = runtime.block_on(RedisStore::connect(url));
        let store = store.map_err(io::Error::other)?;
        Ok((runtime, store.prefix("warehouse")))
    });
    match connected {
        Ok((_runtime, store)) => server.cluster(store).run(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mcp_runtime::{Client, MemoryStore, Revision};
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const ERAS: [Revision; 2] = [Revision::V2026_07_28, Revision::V2025_11_25];

    /// Two replicas with one store and one file.
    struct Replicas {
        store: Arc<MemoryStore>,
        folder: TempDir,
    }

    impl Replicas {
        fn new() -> io::Result<Self> {
            Ok(Self {
                store: Arc::default(),
                folder: TempDir::new()?,
            })
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("warehouse")
        }

        fn server(&self, replica: &str) -> Server {
            server(self.file(), replica)
                .session_keys([[7; 32]])
                .cluster(Arc::clone(&self.store))
        }

        /// Returns a client of a replica, whose user gives an address.
        async fn client(&self, replica: &str, revision: Revision) -> Client {
            let client = self.server(replica).client().revision(revision);
            client.answer_with(|_| delivery()).await
        }
    }

    fn delivery() -> Value {
        json!({ "action": "accept", "content": { "address": "1 Quay Street, Cork" } })
    }

    #[tokio::test]
    async fn orders_and_deliveries_change_the_stock_of_all_replicas() -> Outcome {
        for revision in ERAS {
            let replicas = Replicas::new()?;
            let one = replicas.client("one", revision).await;
            let two = replicas.client("two", revision).await;
            let paint = json!({ "item": "paint", "count": 3 });
            assert_eq!(one.call("restock", paint).await?.text(), "3");
            let reply = two.call("order", json!({ "item": "paint" })).await?;
            assert_eq!(
                reply.text(),
                "`paint` will be delivered to 1 Quay Street, Cork."
            );
            assert_eq!(one.read("stock://paint").await?[0]["text"], "2");
            assert_eq!(two.read("stock://brush").await?[0]["text"], "0");
            let lines = fs::read_to_string(replicas.file())?;
            assert_eq!(lines, "stocked paint 3 one\nordered paint -1 two\n");
        }
        Ok(())
    }

    /// The parameters of a call by a client with forms and tasks.
    fn call(tool: &str, arguments: &Value) -> Value {
        let capabilities = json!({
            "elicitation": { "form": {} },
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        });
        json!({
            "name": tool,
            "arguments": arguments,
            "_meta": { "io.modelcontextprotocol/clientCapabilities": capabilities },
        })
    }

    #[tokio::test]
    async fn a_question_of_one_replica_is_answered_at_another() -> Outcome {
        let replicas = Replicas::new()?;
        let one = replicas.server("one").client().await;
        let two = replicas.server("two").client().await;
        let mut attempt = call("order", &json!({ "item": "paint" }));
        let asked = one.request("tools/call", attempt.clone()).await?;
        let questions = asked["inputRequests"].as_object().ok_or("no questions")?;
        let name = questions.keys().next().ok_or("no question")?;
        attempt["inputResponses"] = json!({ name: delivery() });
        attempt["requestState"] = asked["requestState"].clone();
        two.request("tools/call", attempt).await?;
        assert_eq!(
            fs::read_to_string(replicas.file())?,
            "ordered paint -1 two\n"
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_task_of_one_replica_is_read_at_another() -> Outcome {
        let replicas = Replicas::new()?;
        let one = replicas.server("one").client().await;
        let two = replicas.server("two").client().await;
        let arguments = json!({ "shelves": 2, "pause": 0 });
        let created = one
            .request("tools/call", call("inventory", &arguments))
            .await?;
        let mut request = call("inventory", &arguments);
        request["taskId"] = created["taskId"].clone();
        loop {
            let task = two.request("tasks/get", request.clone()).await?;
            if task["status"] != "working" {
                let text = &task["result"]["content"][0]["text"];
                assert_eq!(text, "2 shelves, counted by replica one", "{task}");
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn visits_are_counted_and_names_are_checked() -> Outcome {
        let replicas = Replicas::new()?;
        let client = replicas.client("one", Revision::V2025_11_25).await;
        for count in ["1", "2"] {
            assert_eq!(client.call("visit", json!({})).await?.text(), count);
        }
        assert_eq!(client.call("replica", json!({})).await?.text(), "one");
        let reply = client.call("order", json!({ "item": "a b" })).await?;
        assert!(
            reply.is_error() && reply.text().contains("blue-paint"),
            "{reply:?}"
        );
        Ok(())
    }
}
