use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Section {
    Profile,
    Posts,
}

#[resource("users://{id}/{section}{?limit,after}", title = "A user", mime = "text/plain", list = all)]
async fn user(
    /// Which.
    #[arg(complete = ids)]
    id: u64,
    section: Section,
    limit: Option<u8>,
    #[arg(name = "after")] start: Option<&str>,
    context: Context,
) -> String {
    let section = match section {
        Section::Profile => "profile",
        Section::Posts => "posts",
    };
    format!("{id} {section} {limit:?} {start:?} {:?}", context.revision())
}

async fn all(_: mcp_runtime::Listing) -> Result<Vec<ResourceLink>, ToolError> {
    Ok(Vec::new())
}

async fn ids(completion: mcp_runtime::Completion) -> Result<Vec<String>, ToolError> {
    Ok(vec![completion.value().to_owned()])
}

#[resource("files://{+path}")]
fn file(path: String) -> Vec<u8> {
    path.into_bytes()
}

#[resource("parts:///{part*}")]
fn parts(part: Vec<String>) -> String {
    part.concat()
}

#[resource("config://app", size = 5)]
fn config(state: State<String>) -> String {
    state.to_string()
}

#[test]
fn it_runs() {
    let _ = components![user, file, parts, config];
}
