//! All that the protocol has, for tests of clients.
//!
//! The tools, prompts and resources of the reference server `@modelcontextprotocol/server-everything` have the same names,
//! arguments and results, and this server adds what that one does not have. Clients of revision 2026-07-28 and of older ones can use
//! all of it.
//!
//! ```sh
//! cargo run --example everything -- list
//! cargo run --example everything -- call trigger-elicitation-request
//! cargo run --features dev --example everything -- dev
//! cargo build --release --example everything
//! claude mcp add everything -- "$PWD/target/release/examples/everything"
//! ```
//!
//! | part of the protocol | component |
//! |---|---|
//! | content: text, images, sound, links, resources | `get-tiny-image`, `get-sound`, `get-resource-links`, `get-resource-reference` |
//! | annotations and `_meta` | `get-annotated-message`, `get-request-meta` |
//! | structured content | `get-structured-content` |
//! | icons and titles | the server, `echo` |
//! | progress and cancellation | `trigger-long-running-operation` |
//! | log messages | `send-log-messages` |
//! | errors | `fail` |
//! | questions to the user: forms and URLs | `trigger-elicitation-request`, `trigger-url-elicitation` |
//! | questions to the client: sampling and roots | `trigger-sampling-request`, `get-roots-list` |
//! | data of a session | `count-calls` |
//! | resources: static, templates, binary, created by a call | `demo://resource/..`, `gzip-file-as-resource` |
//! | updates of a resource | `demo://resource/counter`, `toggle-subscriber-updates` |
//! | changes of lists | `toggle-components` |
//! | prompts: arguments, completions, resources, images | `args-prompt`, `completable-prompt`, `resource-prompt`, `image-prompt` |
//! | pages of lists | a page has 10 entries |
//! | lifetimes of results in caches | `demo://resource/static/document/{name}` |
//!
//! Four tools of the reference server are missing. Three need tasks, which this library does not support.
//! `toggle-simulated-logging` sends log messages after its call, but in revision 2026-07-28 a log message belongs to a call.
//! Three tools do less: `get-env` returns only variables whose names begin with `MCP_`, because others may be secrets,
//! `gzip-file-as-resource` takes only `data:` URLs, because the server should not fetch what a model names (the example
//! `fetch` shows what that needs), and `trigger-url-elicitation` has no IDs and no errors that ask for a page, because
//! revision 2026-07-28 does not have them.

mod asking;
mod changing;
mod content;
mod prompts;
mod resources;
mod running;
#[cfg(test)]
mod tests;

use std::time::Duration;

use mcp_runtime::{Icon, prelude::*};

use crate::changing::Updates;

/// The time between two updates of the counter.
const INTERVAL: Duration = Duration::from_secs(5);

/// A blue square.
const ICON: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAxIDEiPjxyZWN0IGZpbGw9IiMyNTYzZWIiIHdpZHRoPSIxIiBoZWlnaHQ9IjEiLz48L3N2Zz4=";

fn icon() -> Icon {
    Icon::new(ICON).mime("image/svg+xml").sizes(["any"])
}

fn server(interval: Duration) -> Server {
    let server = mcp_runtime::server!();
    let handle = server.handle();
    server
        .title("Everything")
        .icons(icon())
        .instructions(
            "This server is for tests of clients: its tools have no effects outside of it.",
        )
        .page_size(10)
        .state(handle)
        .state(Updates::new(interval))
}

fn main() -> std::process::ExitCode {
    server(INTERVAL).run()
}
