//! A server whose components need scopes.

use mcp_runtime::prelude::*;
use mcp_runtime::{
    ApiKey, Auth, AuthError, AuthFuture, Authenticate, Credentials, Headers, Identity, Json,
    Principal, ResourceLink,
};

/// The keys of callers: without scopes, with those of the calendar, and with one that implies all others.
pub(crate) const ADA: &str = "ada-0123456789abcdef-0123456789abcdef";
pub(crate) const BOB: &str = "bob-0123456789abcdef-0123456789abcdef";
pub(crate) const ROOT: &str = "root-0123456789abcdef-0123456789abcdef";

/// Is for everybody.
#[tool]
async fn open() -> &'static str {
    "open"
}

/// Return the caller.
#[tool]
async fn who(context: Context) -> String {
    let identity = context.identity().map(|it| it.scopes.join(" "));
    let principal = context.principal().map(Principal::to_string);
    format!("{principal:?} {identity:?}")
}

/// Return the values of these headers.
#[tool]
async fn read_headers(
    /// The names of the headers.
    names: Vec<String>,
    headers: Headers,
) -> Json<Vec<Option<String>>> {
    let value = |name: &String| headers.get(name).map(str::to_owned);
    Json(names.iter().map(value).collect())
}

/// Add an event.
#[tool(scopes("calendar:write", "calendar:read"))]
async fn add_event() -> &'static str {
    "added"
}

/// Delete everything.
#[tool(hidden, scopes("admin"))]
async fn wipe() -> &'static str {
    "wiped"
}

/// The calendar.
#[resource("calendar://today", scopes("calendar:read"))]
async fn today() -> &'static str {
    "today"
}

/// The calendar of a day.
#[resource("calendar-of://{day}", list = days, scopes("calendar:read"))]
async fn day(#[arg(complete = words)] day: String) -> String {
    day
}

/// The key.
#[resource("key://1", hidden, scopes("admin"))]
async fn key() -> &'static str {
    "key"
}

/// Plan a day.
#[prompt(scopes("calendar:read", "plan"))]
async fn plan(
    /// The day.
    #[arg(complete = words)]
    day: String,
) -> String {
    day
}

/// Is secret.
#[prompt(hidden, scopes("admin"))]
async fn conspire(
    /// The day.
    #[arg(complete = words)]
    day: String,
) -> String {
    day
}

async fn words() -> Vec<&'static str> {
    vec!["word"]
}

async fn days() -> Vec<ResourceLink> {
    vec![ResourceLink::new("calendar-of://monday", "monday")]
}

/// Returns the server without a way to authenticate.
pub(crate) fn components() -> Server {
    Server::new("calendar", "1")
        .title("The calendar")
        .with(components![
            open,
            who,
            read_headers,
            add_event,
            wipe,
            today,
            day,
            key,
            plan,
            conspire
        ])
        .implies("admin", ["calendar", "plan"])
        .implies("calendar", ["calendar:read", "calendar:write"])
}

/// Tokens whose text is what happens to them.
pub(crate) struct Tokens;

impl Authenticate for Tokens {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(async move {
            let issued =
                |id: &str| Identity::new(Principal::new(id).issued_by("https://auth.example.com"));
            match credentials.bearer() {
                Some("token-unavailable") => Err(AuthError::Unavailable("no network".into())),
                Some("token-revoked") => Err(AuthError::Invalid("revoked".into())),
                Some("token-hanging") => std::future::pending().await,
                Some("token-panicking") => panic!("a mistake"),
                Some("token-expired") => {
                    let mut identity = issued("eve");
                    identity.expires = Some(std::time::SystemTime::now());
                    Ok(Some(identity))
                }
                Some("token-of-ada") => Ok(Some(issued("ada").scopes(["calendar:read", "other"]))),
                _ => Ok(None),
            }
        })
    }

    fn authorization_servers(&self) -> Vec<String> {
        vec!["https://auth.example.com".to_owned()]
    }
}

/// Returns the server with all ways to authenticate.
pub(crate) fn server() -> Server {
    let keys = Auth::api_keys([
        ApiKey::new("ada", ADA),
        ApiKey::new("bob", BOB)
            .scope("calendar:write")
            .scope("calendar:read")
            .scope("plan"),
        ApiKey::new("root", ROOT).scope("admin"),
    ]);
    components().auth(keys).auth(Tokens).auth(Auth::from_env())
}
