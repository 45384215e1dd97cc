//! Web pages as Markdown, in parts that fit a model.
//!
//! The server has the tool and the prompt of the reference server `mcp-server-fetch`, with the same names and arguments. The
//! Markdown differs: it contains the whole page without its navigation and hidden text, while the reference server looks for
//! the main text.
//!
//! ```sh
//! cargo run --features http-client --example fetch -- call fetch url=https://example.com
//! cargo build --release --features http-client --example fetch
//! claude mcp add fetch -- "$PWD/target/release/examples/fetch"
//! ```
//!
//! The options come first, and the arguments of every server follow:
//!
//! - `--allow-address ADDRESS` allows one address that is not public, such as that of a wiki in the local network. It can be
//!   repeated.
//! - `--ignore-robots-txt` reads pages that their sites do not allow robots to read. The prompt always does, because a user
//!   starts it.
//!
//! # Security
//!
//! A model chooses the URLs, and may have read them in a page of an attacker. So the server must not be a way into the
//! network that it runs in:
//!
//! - It connects only to public addresses (`addresses`). Each name is looked up once for each connection, by the function that
//!   checks the result.
//! - A redirect is a new URL with the same checks, also that of `robots.txt`. There are at most 5 (`web`).
//! - URLs are http or https, without user names and passwords, and their ports are 80, 443, or 1024 and higher.
//! - A page has at most 5 MiB, after decompression, and 30 seconds. The conversion has limits of its own (`markdown`). The
//!   tool runs at most 8 calls at once.
//!
//! The tests in `tests/escapes.rs` are a list of ways around these rules.
//!
//! The content of a page can contain instructions to the model. No server can remove them: the client must treat the result
//! as data.

mod addresses;
mod markdown;
mod page;
mod robots;
#[cfg(test)]
mod tests;
mod web;

use std::ffi::OsString;
use std::iter::Peekable;
use std::process::ExitCode;

use mcp_runtime::{ConcurrencyLimit, prelude::*};
use tokio::task::spawn_blocking;

use crate::addresses::system_lookup;
use crate::web::{Page, Settings, Web};

/// Fetch a page from the Internet, and return it as Markdown. A long page is returned in parts.
#[tool(read_only, open_world, layer = ConcurrencyLimit::new(8))]
async fn fetch(
    /// The URL of the page.
    #[arg(length(1..=2048))]
    url: String,
    /// The maximum number of characters to return.
    #[arg(default = 5000, range(1..=999_999))]
    max_length: usize,
    /// The number of characters to skip: continue a page where the previous part ended.
    #[arg(default, range(0..))]
    start_index: usize,
    /// Whether to return the source of the page.
    #[arg(default)]
    raw: bool,
    web: State<Web>,
) -> Result<String, ToolError> {
    let url = web::parse(&url)?;
    let page = web.fetch(&url).await?;
    let (note, content) = content(page, raw).await?;
    let part = part(&content, start_index, max_length);
    Ok(format!("{note}Contents of {url}:\n{part}"))
}

/// Fetch a page from the Internet, and add it to the conversation as Markdown.
#[prompt(name = "fetch")]
async fn fetch_for_user(
    /// The URL of the page.
    #[arg(length(1..=2048))]
    url: String,
    web: State<Web>,
) -> Result<String, ToolError> {
    let page = web.fetch_for_user(&web::parse(&url)?).await?;
    let (note, content) = content(page, false).await?;
    Ok(note + &content)
}

/// The content of an HTML page without a text.
const NO_TEXT: &str = "<error>Page failed to be simplified from HTML</error>";

/// Returns the content of a page, and a note about its form.
async fn content(page: Page, raw: bool) -> Result<(String, String), ToolError> {
    let Some(text) = page.text() else {
        let message = format!("`{}` is not text: its type is `{}`", page.url, page.kind);
        return Err(ToolError::new(message));
    };
    let converts = page.is_html() && !raw;
    let mut note = String::new();
    if !converts {
        let kind = &page.kind;
        note = format!(
            "Content type {kind} cannot be simplified to markdown, but here is the raw content:\n"
        );
    }
    if !page.is_whole {
        let bytes = page.body.len();
        note = format!("{note}Only the first {bytes} bytes of the page were read.\n");
    }
    if !converts {
        return Ok((note, text));
    }
    let converted = spawn_blocking(move || markdown::of_html(&text)).await;
    let content = converted.map_err(|_| {
        let message = format!(
            "`{}` cannot be converted to Markdown: call again with `raw`",
            page.url
        );
        ToolError::new(message)
    })?;
    let is_blank = content.trim().is_empty();
    Ok((
        note,
        if is_blank {
            NO_TEXT.to_owned()
        } else {
            content
        },
    ))
}

/// Returns a part of a text, and how to continue. Positions are in characters.
fn part(text: &str, start: usize, max_length: usize) -> String {
    let index = |character: usize| text.char_indices().nth(character).map(|(index, _)| index);
    let Some(first) = index(start) else {
        return "<error>No more content available.</error>".to_owned();
    };
    let end = start.saturating_add(max_length);
    match index(end) {
        None => text[first..].to_owned(),
        Some(last) => format!(
            "{}\n\n<error>Content truncated. Call the fetch tool with a start_index of {end} to get more content.</error>",
            &text[first..last]
        ),
    }
}

fn server(web: Web) -> Server {
    mcp_runtime::server!().title("Fetch").state(web)
}

/// Takes the options of this server from the front of the arguments.
fn options(arguments: &mut Peekable<impl Iterator<Item = OsString>>) -> Result<Settings, String> {
    let mut settings = Settings::default();
    while let Some(option) =
        arguments.next_if(|it| it == "--allow-address" || it == "--ignore-robots-txt")
    {
        if option == "--ignore-robots-txt" {
            settings.obeys_robots = false;
            continue;
        }
        let address = arguments.next().unwrap_or_default();
        let address = address.to_string_lossy();
        let parsed = address.parse().map_err(|_| {
            format!("--allow-address `{address}`: write an IP address, such as 192.168.1.10")
        })?;
        settings.allowed.push(parsed);
    }
    Ok(settings)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let web = options(&mut arguments).and_then(|settings| {
        Web::new(settings, system_lookup())
            .map_err(|error| format!("the HTTP client cannot be created: {error}"))
    });
    match web {
        Ok(web) => server(web).run_from(arguments),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
