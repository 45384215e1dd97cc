//! Runs the functions that list resources and complete arguments, as a client does that shows the components to its user.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::lints::{self, Finding};
use crate::client::{Client, ClientError};
use crate::server::{ComponentKind, ServerHandle, Snapshot};

/// The time after which a function is reported as too slow.
const MAX_DURATION: Duration = Duration::from_secs(10);

/// Returns a finding for each function that fails, panics or does not end in time, and for the texts that a function lists.
/// Each template is served alone, so that the finding can name it. `declared` are the resources that no function lists.
///
/// # Errors
/// Returns an error if the server could not be started.
pub(super) async fn check(
    client: &Client,
    handle: &ServerHandle,
    snapshot: &Snapshot,
    declared: &[Value],
) -> Result<Vec<Finding>, ClientError> {
    let declared: HashSet<Option<&str>> = declared.iter().map(|it| it["uri"].as_str()).collect();
    let mut found = Vec::new();
    for template in snapshot.listing_templates() {
        handle.replace(snapshot.listing(Some(template)));
        match outcome(client.resources()).await? {
            Ok(mut listed) => {
                listed.retain(|it| !declared.contains(&it["uri"].as_str()));
                found.extend(lints::of_listed(template, &listed));
            }
            Err(failure) => found.push(Finding::new(format!(
                "resource `{template}`: its list function {failure}"
            ))),
        }
    }
    handle.replace(snapshot.clone());
    for (kind, key, argument) in snapshot.completed() {
        let (noun, reference) = match kind {
            ComponentKind::Prompt => ("prompt", json!({ "type": "ref/prompt", "name": key })),
            _ => ("resource", json!({ "type": "ref/resource", "uri": key })),
        };
        let params = json!({ "ref": reference, "argument": { "name": argument, "value": "" } });
        if let Err(failure) = outcome(client.request("completion/complete", params)).await? {
            found.push(Finding::new(format!(
                "{noun} `{key}`: the completion of an empty `{argument}` {failure}"
            )));
        }
    }
    Ok(found)
}

/// Runs a request. Returns its result, or describes its failure.
async fn outcome<T>(
    request: impl Future<Output = Result<T, ClientError>>,
) -> Result<Result<T, String>, ClientError> {
    match tokio::time::timeout(MAX_DURATION, request).await {
        Ok(Ok(result)) => Ok(Ok(result)),
        Ok(Err(ClientError::Rpc { message, .. })) => Ok(Err(format!("failed: {message}"))),
        Ok(Err(other)) => Err(other),
        Err(_) => Ok(Err(format!(
            "has not ended after {} s: clients wait for it",
            MAX_DURATION.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use crate::prelude::*;
    use crate::{Completion, Listing, Prompt, PromptArgument, Resource, ResourceLink};

    use super::*;

    type Links = Result<Vec<ResourceLink>, ToolError>;

    fn template(uri: &str) -> Resource {
        Resource::new(uri, "it", |_, _| async { "text" }).description("It.")
    }

    fn prompt(name: &str, argument: PromptArgument) -> Prompt {
        Prompt::new(name, [argument], |_, _| async { "text" }).description("It.")
    }

    /// Returns the findings for a server with these components.
    async fn found(server: Server) -> Vec<String> {
        let handle = server.handle();
        let client = server.client().await;
        let found = check(&client, &handle, &handle.snapshot(), &[])
            .await
            .unwrap();
        found.iter().map(Finding::to_string).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_list_function_that_fails_is_named() {
        fn blocking_error(_: Listing) -> Links {
            Err(ToolError::new("no disk"))
        }
        async fn error(_: Listing) -> Links {
            Err(std::io::Error::other("no network").into())
        }
        fn blocking_panic(_: Listing) -> Links {
            panic!("a panic of a test")
        }
        async fn panic(_: Listing) -> Links {
            panic!("a panic of a test")
        }
        async fn endless(_: Listing) -> Links {
            pending().await
        }
        async fn empty(_: Listing) -> Links {
            Ok(Vec::new())
        }
        let server = Server::new("s", "1")
            .with(template("a://{x}").list(blocking_error))
            .with(template("b://{x}").list(empty))
            .with(template("c://{x}").list(error))
            .with(template("d://{x}").list(blocking_panic))
            .with(template("e://{x}").list(panic))
            .with(template("f://{x}").list(endless))
            .with(template("g://{x}"));
        let found = found(server).await;
        let expected = [
            ("a", "failed: no disk"),
            ("c", "failed: no network"),
            ("d", "failed: The list failed unexpectedly"),
            ("e", "failed: The list failed unexpectedly"),
            ("f", "has not ended after 10 s"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (line, (scheme, reason)) in found.iter().zip(expected) {
            let start = format!("resource `{scheme}://{{x}}`: its list function {reason}");
            assert!(line.starts_with(&start), "{line}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_completion_that_fails_is_named() {
        fn needs_a_letter(completion: Completion) -> Vec<String> {
            vec![completion.value()[..1].to_owned()]
        }
        async fn error(_: Completion) -> Result<Vec<String>, ToolError> {
            Err(ToolError::new("no network"))
        }
        async fn endless(_: Completion) -> Vec<String> {
            pending().await
        }
        fn echo(completion: Completion) -> Vec<String> {
            vec![completion.value().to_owned()]
        }
        let server = Server::new("s", "1")
            .with(
                template("a://{x}/{y}")
                    .complete("x", error)
                    .complete("y", echo),
            )
            .with(template("b://{x}").complete("x", endless))
            .with(prompt(
                "p",
                PromptArgument::new("x").complete(needs_a_letter),
            ))
            .with(prompt("q", PromptArgument::new("x")));
        let found = found(server).await;
        let expected = [
            "prompt `p`: the completion of an empty `x` failed: The completion failed unexpectedly",
            "resource `a://{x}/{y}`: the completion of an empty `x` failed: no network",
            "resource `b://{x}`: the completion of an empty `x` has not ended after 10 s",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (line, start) in found.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}");
        }
    }

    #[tokio::test]
    async fn the_components_are_the_same_afterwards() {
        fn list(_: Listing) -> Vec<ResourceLink> {
            vec![ResourceLink::new("a://1", "one")]
        }
        let server = Server::new("s", "1")
            .with(template("a://{x}").list(list))
            .with(template("b://{x}").list(list));
        let handle = server.handle();
        let client = server.client().await;
        let found = check(&client, &handle, &handle.snapshot(), &[])
            .await
            .unwrap();
        assert!(found.is_empty());
        assert_eq!(client.resources().await.unwrap().len(), 2);
    }
}
