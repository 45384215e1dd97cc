//! The tests of the tools and of the limits of statements.

use std::fs;
use std::time::Duration;

use mcp_runtime::{Client, ClientError};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// Creates a database with a table, an index, a view, and a table with a strange name.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let connection = Connection::open(place.path().join("shop.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL, price REAL DEFAULT 1.5, photo BLOB);
             CREATE INDEX by_item ON orders (item);
             CREATE VIEW cheap AS SELECT * FROM orders WHERE price < 2;
             CREATE TABLE \"a \"\"b'; DROP TABLE orders --/ü\" (x);
             INSERT INTO orders VALUES (1, 'tea', 1.5, x'00ff'), (2, 'cake', NULL, NULL), (3, 'gold', 9e999, NULL);",
        )
        .unwrap();
    place
}

async fn serve(place: &TempDir, can_write: bool) -> Client {
    let database = Database::open(&place.path().join("shop.db"), can_write).unwrap();
    server(database).client().await
}

/// Returns the structured content of a call that succeeds.
async fn call(client: &Client, tool: &str, arguments: Value) -> Value {
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(!reply.is_error(), "{tool}: {}", reply.text());
    reply.structured().clone()
}

/// Returns the text of a call that fails.
async fn refusal(client: &Client, tool: &str, query: &str) -> String {
    let reply = client.call(tool, json!({ "query": query })).await.unwrap();
    assert!(reply.is_error(), "{tool} {query}: {}", reply.text());
    reply.text()
}

#[tokio::test]
async fn rows_have_the_types_of_their_values() -> Result<(), ClientError> {
    let place = place();
    let client = serve(&place, false).await;
    let reply = client
        .call("read_query", json!({ "query": "SELECT * FROM orders" }))
        .await?;
    let rows = json!([
        { "id": 1, "item": "tea", "price": 1.5, "photo": "x'00ff'" },
        { "id": 2, "item": "cake", "price": null, "photo": null },
        { "id": 3, "item": "gold", "price": "inf", "photo": null },
    ]);
    assert_eq!(
        *reply.structured(),
        json!({ "rows": rows, "is_cut": false })
    );
    assert_eq!(serde_json::from_str::<Value>(&reply.text()).unwrap(), rows);
    for (query, found) in [
        (
            "WITH x AS (SELECT 1 AS one) SELECT one FROM x;",
            json!([{ "one": 1 }]),
        ),
        ("VALUES (1)", json!([{ "column1": 1 }])),
        (
            "SELECT count(*) AS n FROM cheap -- a comment",
            json!([{ "n": 1 }]),
        ),
        ("SELECT 1 WHERE 0", json!([])),
    ] {
        let read = call(&client, "read_query", json!({ "query": query })).await;
        assert_eq!(read["rows"], found, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn parameters_are_values_and_never_sql() {
    let place = place();
    let client = serve(&place, false).await;
    let query = "SELECT ? AS a, ?2 AS b, ? AS c, ? AS d, typeof(?5) AS e";
    let evil = "'; DROP TABLE orders; --";
    let arguments = json!({ "query": query, "parameters": [evil, 7, 0.5, null, true] });
    let row = json!({ "a": evil, "b": 7, "c": 0.5, "d": null, "e": "integer" });
    assert_eq!(
        call(&client, "read_query", arguments).await["rows"],
        json!([row])
    );
    for (parameters, given) in [(json!([]), 0), (json!([1, 2]), 2)] {
        let arguments = json!({ "query": "SELECT ?", "parameters": parameters });
        let text = client.call("read_query", arguments).await.unwrap().text();
        assert!(text.contains(&format!("has {given} values")), "{text}");
    }
    let nested = json!({ "query": "SELECT ?", "parameters": [{ "a": 1 }] });
    assert!(client.call("read_query", nested).await.unwrap().is_error());
}

/// Statements that change something, or reach something else than the tables.
const CHANGES: [&str; 9] = [
    "INSERT INTO orders (item) VALUES ('x')",
    "INSERT INTO orders (item) VALUES ('x') RETURNING id",
    "WITH x AS (SELECT 'x' AS item) INSERT INTO orders (item) SELECT item FROM x",
    "UPDATE orders SET item = 'x'",
    "DELETE FROM orders",
    "DROP TABLE orders",
    "ALTER TABLE orders ADD COLUMN y",
    "CREATE TABLE y (z)",
    "REINDEX",
];

/// Statements that are refused everywhere. `$` is a path in the folder of the database.
const ESCAPES: [&str; 15] = [
    "ATTACH DATABASE '$' AS other",
    "ATTACH DATABASE ':memory:' AS other",
    "DETACH DATABASE main",
    "VACUUM INTO '$'",
    "VACUUM",
    "PRAGMA query_only = 0",
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = WAL",
    "PRAGMA database_list",
    "SELECT * FROM pragma_database_list",
    "BEGIN IMMEDIATE",
    "SAVEPOINT s",
    "COMMIT",
    "SELECT load_extension('$')",
    "SELECT writefile('$', 'x')",
];

fn files(place: &TempDir) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_query_that_reads_changes_nothing() {
    let place = place();
    let before = files(&place);
    for can_write in [false, true] {
        let client = serve(&place, can_write).await;
        for query in CHANGES.iter().chain(&ESCAPES) {
            let path = place.path().join("escaped").display().to_string();
            refusal(&client, "read_query", &query.replace('$', &path)).await;
            assert_eq!(files(&place), before, "{query}");
        }
    }
}

#[tokio::test]
async fn a_server_is_read_only_by_default() {
    let place = place();
    let before = files(&place);
    let client = serve(&place, false).await;
    for query in CHANGES.iter().chain(&ESCAPES) {
        let text = refusal(&client, "write_query", query).await;
        assert!(text.contains("`--write`"), "{text}");
    }
    assert!(
        refusal(&client, "create_table", "CREATE TABLE y (z)")
            .await
            .contains("`--write`")
    );
    assert_eq!(files(&place), before);
}

#[tokio::test]
async fn a_change_reaches_the_tables_only() {
    let place = place();
    let client = serve(&place, true).await;
    let before = files(&place);
    for query in ESCAPES {
        let path = place.path().join("escaped").display().to_string();
        refusal(&client, "write_query", &query.replace('$', &path)).await;
        assert_eq!(files(&place), before, "{query}");
    }
    assert!(
        refusal(&client, "write_query", "SELECT 1")
            .await
            .contains("`read_query`")
    );
    for query in ["DROP TABLE orders", " create  view v AS SELECT 1"] {
        assert!(
            refusal(&client, "create_table", query)
                .await
                .contains("CREATE TABLE")
        );
    }
    // The control: all statements that change something do so here.
    for query in CHANGES {
        let place = self::place();
        let client = serve(&place, true).await;
        call(&client, "write_query", json!({ "query": query })).await;
        assert!(query == "REINDEX" || files(&place) != before, "{query}");
    }
}

#[tokio::test]
async fn a_call_has_one_statement() {
    let place = place();
    let client = serve(&place, true).await;
    for (tool, query) in [
        ("read_query", "SELECT 1; SELECT 2"),
        ("read_query", "SELECT 1; DROP TABLE orders"),
        ("write_query", "DELETE FROM orders; DROP TABLE orders"),
        ("create_table", "CREATE TABLE y (z); DROP TABLE orders"),
    ] {
        let text = refusal(&client, tool, query).await;
        assert!(
            text.contains("one statement") || text.contains("not authorized"),
            "{query}: {text}"
        );
    }
    let count = json!({ "query": "SELECT count(*) AS n FROM orders" });
    assert_eq!(call(&client, "read_query", count).await["rows"][0]["n"], 3);
}

#[tokio::test]
async fn changes_are_counted() {
    let place = place();
    let client = serve(&place, true).await;
    for (query, parameters, affected) in [
        (
            "INSERT INTO orders (item) VALUES (?), (?)",
            json!(["a", "b"]),
            2,
        ),
        ("UPDATE orders SET price = 1 WHERE id > ?", json!([3]), 2),
        (
            "DELETE FROM orders WHERE item = ? RETURNING id",
            json!(["a"]),
            1,
        ),
        ("DELETE FROM orders WHERE item = ?", json!(["a"]), 0),
    ] {
        let arguments = json!({ "query": query, "parameters": parameters });
        let reply = client.call("write_query", arguments).await.unwrap();
        assert_eq!(reply.structured()["affected_rows"], affected, "{query}");
        assert_eq!(reply.text(), format!("[{{\"affected_rows\":{affected}}}]"));
    }
    let created = json!({ "query": "CREATE TABLE y (z)" });
    let reply = client.call("create_table", created).await.unwrap();
    assert_eq!(reply.text(), "Table created successfully");
}

#[tokio::test]
async fn rows_and_bytes_are_limited() {
    let place = place();
    let client = serve(&place, false).await;
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    for (select, count) in [
        ("i FROM n LIMIT 1000", 1000),
        ("i FROM n", 1000),
        ("hex(zeroblob(100000)) AS x FROM n", 5),
        ("hex(zeroblob(600000)) AS x FROM n", 0),
    ] {
        let query = format!("{numbers} SELECT {select}");
        let reply = client
            .call("read_query", json!({ "query": query }))
            .await
            .unwrap();
        let rows = reply.structured();
        assert_eq!(rows["rows"].as_array().unwrap().len(), count, "{select}");
        let is_cut = select != "i FROM n LIMIT 1000";
        assert_eq!(rows["is_cut"], is_cut, "{select}");
        assert_eq!(reply.text().contains("add LIMIT"), is_cut);
    }
    assert!(
        refusal(&client, "read_query", "SELECT zeroblob(100000000)")
            .await
            .contains("too big")
    );
    let long = format!("SELECT '{}'", "x".repeat(300_000));
    refusal(&client, "read_query", &long).await;
}

#[tokio::test]
async fn a_statement_that_does_not_end_is_stopped() {
    let place = place();
    for (tool, query) in [
        (
            "read_query",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        ),
        (
            "write_query",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO orders (item) SELECT i FROM n",
        ),
    ] {
        let database = Database::open(&place.path().join("shop.db"), true).unwrap();
        let client = server(database.time_limit(Duration::from_millis(200)))
            .client()
            .await;
        let text = refusal(&client, tool, query).await;
        assert!(text.contains("was stopped"), "{text}");
        let count = json!({ "query": "SELECT count(*) AS n FROM orders" });
        assert_eq!(call(&client, "read_query", count).await["rows"][0]["n"], 3);
    }
}

#[tokio::test]
async fn tables_are_listed_and_described() -> Result<(), ClientError> {
    let place = place();
    let client = serve(&place, false).await;
    let strange = "a \"b'; DROP TABLE orders --/ü";
    let tables = call(&client, "list_tables", json!({})).await;
    assert_eq!(
        tables["rows"],
        json!([{ "name": "orders" }, { "name": strange }])
    );
    let described = call(&client, "describe_table", json!({ "table_name": "orders" })).await;
    let column = json!({ "cid": 1, "name": "item", "type": "TEXT", "notnull": 1, "dflt_value": null, "pk": 0 });
    assert_eq!(described["rows"][1], column);
    let described = call(&client, "describe_table", json!({ "table_name": strange })).await;
    assert_eq!(described["rows"][0]["name"], "x");
    let missing = client
        .call("describe_table", json!({ "table_name": "x" }))
        .await?;
    assert!(
        missing.is_error() && missing.text().contains("`x`"),
        "{}",
        missing.text()
    );

    let listed = client.resources().await?;
    let uris: Vec<&str> = listed
        .iter()
        .filter_map(|link| link["uri"].as_str())
        .collect();
    assert_eq!(uris.len(), 4, "{uris:?}");
    for uri in &uris {
        client.read(uri).await?;
    }
    let strange_uri = uris.iter().find(|uri| uri.contains("%22")).unwrap();
    let contents = client.read(strange_uri).await?;
    assert!(contents[0]["text"].as_str().unwrap().ends_with("(x);\n"));
    let contents = client.read("sqlite://schema/orders").await?;
    let text = contents[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("CREATE TABLE orders") && text.contains(";\nCREATE INDEX by_item"),
        "{text}"
    );
    assert!(client.read("sqlite://schema/missing").await.is_err());
    let completed = client
        .complete("sqlite://schema/{table}", "table", "o")
        .await?;
    assert_eq!(completed.values, ["orders"]);
    Ok(())
}

#[tokio::test]
async fn insights_are_a_resource() -> Result<(), ClientError> {
    let place = place();
    let client = serve(&place, false).await;
    let memo = async || client.read("memo://insights").await.unwrap()[0]["text"].clone();
    assert_eq!(memo().await, "There are no insights yet.");
    let _listening = client.listen(json!({ "resourceSubscriptions": ["memo://insights"] }))?;
    client.take_notifications();
    for insight in ["Tea sells.", "Gold does not."] {
        let reply = client
            .call("append_insight", json!({ "insight": insight }))
            .await?;
        assert_eq!(reply.text(), "Insight added to memo");
    }
    assert_eq!(memo().await, "Insights:\n\n- Tea sells.\n- Gold does not.");
    let updates = client.take_notifications();
    let updates = updates
        .iter()
        .filter(|it| it["method"] == "notifications/resources/updated");
    assert_eq!(updates.count(), 2);
    let long = client
        .call("append_insight", json!({ "insight": "x".repeat(10_001) }))
        .await?;
    assert!(long.is_error());
    for _ in 2..1000 {
        client
            .call("append_insight", json!({ "insight": "x" }))
            .await?;
    }
    let full = client
        .call("append_insight", json!({ "insight": "x" }))
        .await?;
    assert!(
        full.is_error() && full.text().contains("limit"),
        "{}",
        full.text()
    );
    Ok(())
}

#[test]
fn files_that_are_no_database_are_reported_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let (missing, text) = (place.path().join("missing"), place.path().join("text"));
    fs::write(
        &text,
        "this is not a database, but a text that is long enough".repeat(100),
    )
    .unwrap();
    assert!(Database::open(&missing, false).is_err());
    assert!(!missing.exists());
    assert!(Database::open(&text, true).is_err());
    assert!(Database::open(&missing, true).is_ok());
}

#[test]
fn arguments_of_this_server_come_first() {
    for (line, path, can_write, rest) in [
        ("--db-path a.db", Some("a.db"), false, 0),
        ("--write --db-path a.db call x", Some("a.db"), true, 2),
        ("--db-path a.db --write --http", Some("a.db"), true, 1),
        ("call x --write", None, false, 3),
        ("--db-path", None, false, 0),
    ] {
        let (options, left) = split(line.split(' ').map(OsString::from));
        assert_eq!(options.path.as_deref(), path.map(Path::new), "{line}");
        assert_eq!((options.can_write, left.len()), (can_write, rest), "{line}");
    }
}
