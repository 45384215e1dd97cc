//! Agent Skills: what clients read, folders and their traps, changes while the server runs, and skills of mounted servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod entries;
mod folder;
#[cfg(feature = "proxy")]
mod gateway;
mod mounts;
#[allow(dead_code)] // `defaults` uses more of it
#[path = "../defaults/page.rs"]
mod page;
mod refused;
mod reload;
#[allow(dead_code)] // `callers` uses more of it
#[path = "../callers/wires.rs"]
mod wires;

use std::fs;
use std::path::{Path, PathBuf};

use mcp_runtime::{Server, Skill};
use mcp_tests::client::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A `SKILL.md` with a number in its frontmatter.
const MAIN: &str = "---\nname: pdf-tools\ndescription: Fill in PDF forms.\nmetadata:\n  version: 1.5\n---\nRead references/forms.md.\n";

/// The SHA-256 of [`MAIN`], of `FORMS` and of [`PNG`], by `sha256sum`.
const DIGESTS: [&str; 3] = [
    "sha256:e32dbc5a4c37c4a3942455e8e960e17dbcdedfc8c24ab74655f34bc79ce3d171",
    "sha256:111198a69a324efe68bb9dd7e0ca9cb2e50e1c374da3d383a7d3569824965082",
    "sha256:871923f8e5535ef938edc1ea710d5cf9e18637ce5d39feccef23030823993e4e",
];

const FORMS: &str = "# Forms\n";

/// Bytes that are not UTF-8.
const PNG: &[u8] = b"\x89PNG\x01";

/// The text of a `SKILL.md`.
fn main_file(name: &str) -> String {
    format!("---\nname: {name}\ndescription: About {name}.\n---\n# {name}\n")
}

fn pdf_tools() -> Skill {
    Skill::new("pdf-tools")
        .file("SKILL.md", MAIN)
        .file("references/forms.md", FORMS)
        .file("assets/logo.png", PNG)
}

fn skill(path: &str) -> Skill {
    let name = path.rsplit('/').next().unwrap();
    Skill::new(path).file("SKILL.md", main_file(name))
}

fn server() -> Server {
    Server::new("skills", "1")
}

/// A folder of skills that is removed at the end.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        place.write("skills/pdf-tools/SKILL.md", MAIN);
        place.write("skills/pdf-tools/references/forms.md", FORMS);
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn skills(&self) -> PathBuf {
        self.path("skills")
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
        fs::write(path, content).unwrap();
    }

    fn server(&self) -> Server {
        server().skills(self.skills())
    }
}

/// Returns the URIs of a list of objects.
fn uris(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|it| it["uri"].as_str().unwrap()).collect()
}

async fn skills(client: &Client) -> Value {
    let listed = client.request("skills/list", json!({})).await.unwrap();
    listed["skills"].clone()
}

async fn directory(client: &Client, uri: &str) -> Value {
    let params = json!({ "uri": uri });
    let read = client.request("resources/directory/read", params).await;
    read.unwrap()["resources"].clone()
}

/// Returns the code of the error of a request.
async fn code(client: &Client, method: &str, uri: &str) -> i64 {
    let refused = client.request(method, json!({ "uri": uri })).await;
    match refused.unwrap_err() {
        mcp_runtime::ClientError::Rpc { code, .. } => code,
        other => panic!("{other}"),
    }
}
