//! The rules of a site for robots (RFC 9309).

use mcp_runtime::prelude::*;
use reqwest::{StatusCode, Url};
use texting_robots::Robot;
use tokio::task::spawn_blocking;

use crate::web::{Page, Web};

/// The name of this server in `robots.txt` and in the header `User-Agent`.
pub(crate) const NAME: &str = "mcp-runtime-fetch";

/// The maximum length of the `robots.txt` that is read: that of RFC 9309.
pub(crate) const MAX_BYTES: usize = 500 << 10;

/// The maximum number of its rules. Each is compiled.
const MAX_RULES: usize = 2_000;

/// Returns an error unless the site allows robots to read the page.
pub(crate) async fn check(web: &Web, page: &Url) -> Result<(), ToolError> {
    let mut place = page.clone();
    place.set_path("/robots.txt");
    place.set_query(None);
    place.set_fragment(None);
    let rules = web.page(&place, MAX_BYTES).await.map_err(|error| {
        ToolError::new(format!(
            "`{place}`, which says what robots may read, cannot be fetched: {error}"
        ))
    })?;
    if !applies(&place, rules.status)? {
        return Ok(());
    }
    if is_allowed(rules, page.clone()).await? {
        return Ok(());
    }
    Err(ToolError::new(format!(
        "`{place}` does not allow robots to read `{page}`. The user can fetch the page with the prompt `fetch`."
    )))
}

/// Returns `false` if a site has no rules, according to the status of its `robots.txt`.
fn applies(place: &Url, status: StatusCode) -> Result<bool, ToolError> {
    match status {
        _ if status.is_success() => Ok(true),
        StatusCode::TOO_MANY_REQUESTS => Err(refusal(place, status)),
        _ if status.is_client_error() => Ok(false),
        _ => Err(refusal(place, status)),
    }
}

fn refusal(place: &Url, status: StatusCode) -> ToolError {
    ToolError::new(format!(
        "`{place}` has the status {status}, so robots must not read pages of this site: try again later"
    ))
}

async fn is_allowed(rules: Page, page: Url) -> Result<bool, ToolError> {
    spawn_blocking(move || {
        let lines = rules.body.split_inclusive(|byte| *byte == b'\n');
        let lines: Vec<u8> = lines.take(MAX_RULES).flatten().copied().collect();
        let robot = Robot::new(NAME, &lines);
        // Rules that cannot be read allow nothing.
        robot.is_ok_and(|robot| robot.allowed(page.as_str()))
    })
    .await
    .map_err(ToolError::from)
}
