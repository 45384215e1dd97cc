//! The tests of the tool and the prompt. Those of ways around the rules are in `escapes`, and those of
//! `robots.txt` in `robots`.

#[cfg(target_os = "linux")] // others have only one loopback address
mod escapes;
#[cfg(target_os = "linux")]
mod robots;
mod site;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::Client;
use serde_json::{Value, json};

use super::*;
use crate::addresses::Lookup;
use crate::tests::site::{Answer, Site};

/// The address of sites that the server may read. All others in this network are as private as it.
const ALLOWED: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn settings() -> Settings {
    Settings {
        allowed: vec![ALLOWED],
        ..Settings::default()
    }
}

/// Looks up names of the form `127-0-0-1.test`, and `localhost`.
fn lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let name = name.trim_end_matches('.');
            if name == "localhost" {
                return Ok(vec![ALLOWED]);
            }
            let numbers = name.strip_suffix(".test").unwrap_or(name).replace('-', ".");
            let address = numbers.parse().map_err(std::io::Error::other)?;
            Ok(vec![address])
        })
    })
}

async fn serve(settings: Settings) -> Client {
    server(Web::new(settings, lookup()).unwrap()).client().await
}

/// Returns the text of a call that succeeds.
async fn fetched(client: &Client, arguments: Value) -> String {
    let reply = client.call("fetch", arguments).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.text());
    reply.text()
}

/// Returns the text of a call that fails.
async fn refusal(client: &Client, url: &str) -> String {
    let reply = client.call("fetch", json!({ "url": url })).await.unwrap();
    assert!(reply.is_error(), "{url}: {}", reply.text());
    reply.text()
}

const HTML: &str = "<!DOCTYPE html><html><head><title>T</title><script>alert(1)</script></head><body>
<nav><a href='/'>Home</a></nav><h1>Title</h1><p>One <b>bold</b> and <a href='/a'>a link</a>.</p>
<ul><li>first</li><li>second</li></ul><table><tr><th>a</th></tr><tr><td>1</td></tr></table></body></html>";

fn page(path: &str) -> Answer {
    match path {
        "/page" => Answer::html(HTML),
        "/untyped" => Answer::new("", HTML),
        "/untyped-text" => Answer::new("", "one\ntwo"),
        "/blank" => Answer::html("<html><body> </body></html>"),
        "/text" => Answer::new("text/plain", "ünï 0123456789"),
        "/latin" => Answer::new(
            "text/html; charset=iso-8859-1",
            b"<p>caf\xe9</p>".as_slice(),
        ),
        "/moved" => Answer::redirect("/page"),
        "/image" => Answer::new("image/png", b"\x89PNG\0\0".as_slice()),
        _ => Answer::status(404),
    }
}

#[tokio::test]
async fn a_page_is_returned_as_markdown_or_as_source() {
    let site = Site::start(ALLOWED, page).await;
    let client = serve(settings()).await;
    let markdown =
        "# Title\n\nOne **bold** and [a link](/a).\n\n* first\n* second\n\n| a |\n| - |\n| 1 |";
    for path in ["/page", "/moved"] {
        let url = site.url(path);
        let text = fetched(&client, json!({ "url": url })).await;
        assert_eq!(text, format!("Contents of {url}:\n{markdown}"));
    }
    let url = site.url("/untyped");
    let text = fetched(&client, json!({ "url": url })).await;
    assert!(text.ends_with(markdown), "a page without a type: {text}");

    let url = site.url("/page");
    let text = fetched(&client, json!({ "url": url, "raw": true })).await;
    let note =
        "Content type text/html cannot be simplified to markdown, but here is the raw content:";
    assert_eq!(text, format!("{note}\nContents of {url}:\n{HTML}"));
    let text = fetched(&client, json!({ "url": site.url("/latin") })).await;
    assert!(text.ends_with("\ncafé"), "{text}");

    let text = fetched(&client, json!({ "url": site.url("/untyped-text") })).await;
    assert!(
        text.ends_with(":\none two"),
        "a text without a type: {text}"
    );
    let text = fetched(&client, json!({ "url": site.url("/blank") })).await;
    assert!(
        text.ends_with("\n<error>Page failed to be simplified from HTML</error>"),
        "{text}"
    );
    let origin = site.url("");
    let text = fetched(&client, json!({ "url": format!("{origin}/x/../text") })).await;
    assert!(
        text.contains(&format!("Contents of {origin}/text:\n")),
        "{text}"
    );

    let agents = site
        .requests()
        .iter()
        .map(|it| it.agent.clone())
        .collect::<Vec<_>>();
    assert!(
        agents
            .iter()
            .all(|agent| agent.starts_with("mcp-runtime-fetch/")),
        "{agents:?}"
    );
}

#[tokio::test]
async fn a_long_page_is_read_in_parts() {
    let site = Site::start(ALLOWED, page).await;
    let client = serve(settings()).await;
    let part = async |start: u64| {
        let arguments = json!({ "url": site.url("/text"), "max_length": 6, "start_index": start });
        let text = fetched(&client, arguments).await;
        text.split_once("/text:\n").unwrap().1.to_owned()
    };
    let next = |start: usize| {
        format!(
            "\n\n<error>Content truncated. Call the fetch tool with a start_index of {start} to get more content.</error>"
        )
    };
    assert_eq!(part(0).await, format!("ünï 01{}", next(6)));
    assert_eq!(part(6).await, format!("234567{}", next(12)));
    assert_eq!(part(12).await, "89");
    for start in [14, 15, u64::MAX] {
        assert_eq!(
            part(start).await,
            "<error>No more content available.</error>"
        );
    }
}

#[tokio::test]
async fn errors_name_the_page() {
    let site = Site::start(ALLOWED, page).await;
    let client = serve(settings()).await;
    let url = site.url("/none");
    assert_eq!(
        refusal(&client, &url).await,
        format!("`{url}` has the status 404 Not Found")
    );
    let url = site.url("/image");
    assert_eq!(
        refusal(&client, &url).await,
        format!("`{url}` is not text: its type is `image/png`")
    );
    let text = refusal(&client, "example.com").await;
    assert!(
        text.contains("write it as `https://example.com/page`"),
        "{text}"
    );
    let text = refusal(&client, "http://127.0.0.1:1/").await;
    assert!(text.contains("the port 1 is not allowed"), "{text}");
    let text = refusal(&client, "http://nobody.invalid/").await;
    assert!(
        text.contains("`http://nobody.invalid/robots.txt`"),
        "{text}"
    );
}

#[tokio::test]
async fn the_prompt_contains_the_page() {
    let site = Site::start(ALLOWED, page).await;
    let client = serve(settings()).await;
    let url = site.url("/text");
    let messages = client.prompt("fetch", json!({ "url": url })).await.unwrap();
    let text = messages[0]["content"]["text"].as_str().unwrap();
    let note =
        "Content type text/plain cannot be simplified to markdown, but here is the raw content:";
    assert_eq!(text, format!("{note}\nünï 0123456789"));
}

#[test]
fn the_options_are_read() {
    let parse = |arguments: &[&str]| {
        let mut arguments = arguments.iter().map(OsString::from).peekable();
        let settings = options(&mut arguments);
        settings.map(|it| (it.allowed, it.obeys_robots, arguments.count()))
    };
    assert_eq!(parse(&["list", "--json"]), Ok((vec![], true, 2)));
    assert_eq!(
        parse(&[
            "--allow-address",
            "127.0.0.1",
            "--ignore-robots-txt",
            "--http"
        ]),
        Ok((vec![ALLOWED], false, 1))
    );
    for wrong in [&["--allow-address"][..], &["--allow-address", "localhost"]] {
        assert!(parse(wrong).unwrap_err().contains("write an IP address"));
    }
}
