//! A notebook: the start of a server of your own.

mod notes;

use std::process::ExitCode;

use mcp_runtime::Server;

use crate::notes::Notes;

/// Creates the server. The components of this package register themselves.
fn server() -> Server {
    mcp_runtime::server!().state(Notes::default())
}

fn main() -> ExitCode {
    server().run()
}

#[cfg(test)]
mod tests {
    use mcp_runtime::ClientError;
    use mcp_runtime::serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_note_that_was_added_is_found_and_read() -> Result<(), ClientError> {
        let client = server().client().await;
        let note = json!({"title": "Milk", "text": "Two litres"});
        let added = client.call("add_note", note).await?;
        assert_eq!(added.structured()["result"], 1);

        let found = client
            .call("find_notes", json!({"words": "litres"}))
            .await?;
        assert_eq!(found.content()[0]["uri"], "note://1");
        let contents = client.read("note://1").await?;
        assert_eq!(contents[0]["text"], "Two litres");
        Ok(())
    }

    #[tokio::test]
    async fn two_notes_have_two_titles() -> Result<(), ClientError> {
        let client = server().client().await;
        let note = json!({"title": "Milk", "text": ""});
        assert!(!client.call("add_note", note.clone()).await?.is_error());
        assert!(client.call("add_note", note).await?.is_error());
        Ok(())
    }
}
