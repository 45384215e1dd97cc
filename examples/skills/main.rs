//! Agent Skills: those in a folder, which are read again when they change, and one in the program.
//!
//! ```sh
//! cargo run --features skills --example skills -- list resources
//! cargo run --features skills --example skills -- --http
//! ```

use mcp_runtime::{Server, Skill, prelude::*};

/// The folder of the skills. A server that is installed elsewhere takes it from its configuration.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/skills/files");

/// Tell the time zone of the team.
#[tool(read_only)]
async fn time_zone() -> &'static str {
    "Europe/Oslo"
}

fn server() -> Server {
    let meetings = "---\nname: meetings\ndescription: Plan a meeting of the team.\n---\n\
        Ask the tool `time_zone` first. See examples/invitation.txt.\n";
    mcp_runtime::server!().skills(FOLDER).with(
        Skill::new("team/meetings")
            .file("SKILL.md", meetings)
            .file("examples/invitation.txt", "Wednesday, 10:00 in Oslo?\n"),
    )
}

fn main() -> std::process::ExitCode {
    server().run()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn clients_find_the_skills() -> Result<(), mcp_runtime::ClientError> {
        let client = server().client().await;
        let listed = client.request("skills/list", json!({})).await?;
        let names = listed["skills"].as_array().into_iter().flatten();
        let names = names.map(|it| &it["frontmatter"]["name"]);
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["pdf-tools", "commit-messages", "meetings"]
        );
        let forms = client.read("skill://pdf-tools/references/forms.md").await?;
        assert!(
            forms[0]["text"]
                .as_str()
                .is_some_and(|it| it.starts_with("# Forms"))
        );
        Ok(())
    }
}
