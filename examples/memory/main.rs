//! A knowledge graph that a model remembers: entities with observations, and relations between them.
//!
//! The server has the 9 tools of the reference server `@modelcontextprotocol/server-memory`, with the same names,
//! arguments and results, and uses the same file, so that users can switch between them. `docs/reference-servers.md`
//! lists the differences. The graph is also the resource `memory://knowledge-graph`, which clients can subscribe to.
//!
//! ```sh
//! export MEMORY_FILE_PATH="$HOME/memory.jsonl"
//! cargo run --example memory -- call search_nodes query=Ada
//! cargo build --release --example memory
//! claude mcp add memory --env MEMORY_FILE_PATH="$MEMORY_FILE_PATH" -- "$PWD/target/release/examples/memory"
//! ```
//!
//! Without the variable, the file is `memory.jsonl` in the working directory.
//!
//! What a tool has confirmed is on the disk: it survives the end of the process and of the machine. The file is always
//! complete, because each change writes a new file, and renames it (see `store`). Servers of several clients can use one
//! file at the same time. The reference server takes no lock, so it must not run beside them.

mod graph;
mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use mcp_runtime::{JsonWithText, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::{Entity, Graph, Relation};
use crate::store::Store;

/// The URI of the resource of the whole graph.
const GRAPH: &str = "memory://knowledge-graph";

/// Returns structured content, and `shown` as indented JSON for the model.
fn with_json<T>(result: T, shown: &impl Serialize) -> Result<JsonWithText<T>, ToolError> {
    Ok(Json(result).with_text(serde_json::to_string_pretty(shown)?))
}

#[derive(Serialize, JsonSchema)]
struct Entities {
    entities: Vec<Entity>,
}

/// Create entities in the knowledge graph. Those whose names exist already are left out.
#[tool(
    title = "Create Entities",
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
fn create_entities(
    /// The new entities.
    entities: Vec<Entity>,
    store: State<Store>,
    context: Context,
) -> Result<JsonWithText<Entities>, ToolError> {
    let entities = store.change(|graph| Ok(graph.create_entities(entities)))?;
    context.notify().resource_updated(GRAPH);
    let shown = serde_json::to_value(&entities)?;
    with_json(Entities { entities }, &shown)
}

#[derive(Serialize, JsonSchema)]
struct Relations {
    relations: Vec<Relation>,
}

/// Create relations between entities, in active voice. Those that exist already are left out.
#[tool(
    title = "Create Relations",
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
fn create_relations(
    /// The new relations.
    relations: Vec<Relation>,
    store: State<Store>,
    context: Context,
) -> Result<JsonWithText<Relations>, ToolError> {
    let relations = store.change(|graph| Ok(graph.create_relations(relations)))?;
    context.notify().resource_updated(GRAPH);
    let shown = serde_json::to_value(&relations)?;
    with_json(Relations { relations }, &shown)
}

/// Observations to add to an entity.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Observed {
    /// The name of the entity.
    entity_name: String,
    /// The observations.
    contents: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Added {
    entity_name: String,
    added_observations: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct AddedObservations {
    results: Vec<Added>,
}

/// Add observations to entities. If one of the entities does not exist, nothing is added.
#[tool(
    title = "Add Observations",
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
fn add_observations(
    /// The observations of each entity.
    observations: Vec<Observed>,
    store: State<Store>,
    context: Context,
) -> Result<JsonWithText<AddedObservations>, ToolError> {
    let add = |graph: &mut Graph, it: Observed| {
        Ok(Added {
            added_observations: graph.add_observations(&it.entity_name, it.contents)?,
            entity_name: it.entity_name,
        })
    };
    let results = store.change(|graph| {
        let added = observations.into_iter().map(|it| add(graph, it));
        added.collect::<Result<Vec<Added>, ToolError>>()
    })?;
    context.notify().resource_updated(GRAPH);
    let shown = serde_json::to_value(&results)?;
    with_json(AddedObservations { results }, &shown)
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    success: bool,
    message: &'static str,
}

fn deleted(context: &Context, message: &'static str) -> JsonWithText<Deleted> {
    context.notify().resource_updated(GRAPH);
    let success = true;
    Json(Deleted { success, message }).with_text(message)
}

/// Delete entities, and their relations.
#[tool(title = "Delete Entities", destructive, idempotent, open_world = false)]
fn delete_entities(
    /// The names of the entities.
    #[arg(name = "entityNames")]
    names: Vec<String>,
    store: State<Store>,
    context: Context,
) -> Result<JsonWithText<Deleted>, ToolError> {
    store.change(|graph| {
        graph.delete_entities(&names);
        Ok(())
    })?;
    Ok(deleted(&context, "Entities deleted successfully"))
}

/// Observations to delete from an entity.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Deletion {
    /// The name of the entity.
    entity_name: String,
    /// The observations.
    observations: Vec<String>,
}

/// Delete observations of entities.
#[tool(
    title = "Delete Observations",
    destructive,
    idempotent,
    open_world = false
)]
fn delete_observations(
    /// The observations of each entity.
    deletions: Vec<Deletion>,
    store: State<Store>,
    context: Context,
) -> Result<JsonWithText<Deleted>, ToolError> {
    store.change(|graph| {
        for it in &deletions {
            graph.delete_observations(&it.entity_name, &it.observations);
        }
        Ok(())
    })?;
    Ok(deleted(&context, "Observations deleted successfully"))
}

/// Delete relations.
#[tool(
    title = "Delete Relations",
    destructive,
    idempotent,
    open_world = false
)]
fn delete_relations(
    /// The relations.
    relations: Vec<Relation>,
    store: State<Store>,
    context: Context,
) -> Result<JsonWithText<Deleted>, ToolError> {
    store.change(|graph| {
        graph.delete_relations(&relations);
        Ok(())
    })?;
    Ok(deleted(&context, "Relations deleted successfully"))
}

fn shown(graph: Graph) -> Result<JsonWithText<Graph>, ToolError> {
    let json = serde_json::to_value(&graph)?;
    with_json(graph, &json)
}

/// Read the whole knowledge graph.
#[tool(title = "Read Graph", read_only, open_world = false)]
fn read_graph(store: State<Store>) -> Result<JsonWithText<Graph>, ToolError> {
    shown(store.read()?)
}

/// Find entities whose names, types or observations contain a text, and their relations.
#[tool(title = "Search Nodes", read_only, open_world = false)]
fn search_nodes(
    /// The text, in any case.
    query: &str,
    store: State<Store>,
) -> Result<JsonWithText<Graph>, ToolError> {
    shown(store.read()?.search(query))
}

/// Read entities by their names, and their relations.
#[tool(title = "Open Nodes", read_only, open_world = false)]
fn open_nodes(
    /// The names of the entities.
    names: Vec<String>,
    store: State<Store>,
) -> Result<JsonWithText<Graph>, ToolError> {
    shown(store.read()?.open(&names))
}

/// The whole knowledge graph: all entities and relations.
#[resource(
    "memory://knowledge-graph",
    name = "knowledge-graph",
    title = "Knowledge Graph",
    mime = "application/json"
)]
fn knowledge_graph(store: State<Store>) -> Result<String, ToolError> {
    Ok(serde_json::to_string_pretty(&store.read()?)?)
}

fn server(store: Store) -> Server {
    mcp_runtime::server!()
        .title("Memory")
        .instructions(
            "Search the graph before you answer questions about the user, and add what you learn.",
        )
        .state(store)
}

fn main() -> ExitCode {
    let path = std::env::var_os("MEMORY_FILE_PATH").map(PathBuf::from);
    let path = path.unwrap_or_else(|| PathBuf::from("memory.jsonl"));
    match Store::open(&path) {
        Ok(store) => server(store).run(),
        Err(error) => {
            eprintln!(
                "the file `{}` (variable MEMORY_FILE_PATH) cannot be used: {error}",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}
