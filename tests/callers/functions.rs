//! Parameters of the functions that complete and list.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    CacheScope, Call, Cancel, ClientError, Completion, Extension, Extraction, Headers, Listing,
    Param, Prompt, PromptArgument, Resource, ResourceLink, Revision,
};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::{ALL, ERAS, Host, Over, Who, header};

struct Names(Vec<&'static str>);

/// A parameter of the application that has to wait.
struct Waited(u32);

impl<'c> Param<'c> for Waited {
    const DEPENDS_ON_CALLER: bool = false;

    fn extract(_: &'c Call, _: usize) -> Extraction<'c, Self> {
        Extraction::wait(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(Self(7))
        })
    }
}

/// A parameter of the application that a header supplies.
struct Tenant(String);

impl<'c> Param<'c> for Tenant {
    fn extract(call: &'c Call, _: usize) -> Extraction<'c, Self> {
        let tenant = call.header("x-tenant").map(|name| Self(name.to_owned()));
        Extraction::ready(tenant.ok_or_else(|| "the header `X-Tenant` is missing".into()))
    }
}

/// Describes all that a function has received.
fn described(names: &Names, context: &Context, waited: &Waited, headers: &Headers) -> String {
    let tenant = headers.get("x-tenant").unwrap_or("nobody");
    let name = names.0.join("+");
    format!("{name} {} {} {tenant}", context.client().name, waited.0)
}

fn link(text: String) -> Vec<ResourceLink> {
    vec![ResourceLink::new("list://x", text)]
}

fn complete(
    completion: Completion,
    names: State<Names>,
    context: Context,
    waited: Waited,
    headers: Headers,
) -> Vec<String> {
    let described = described(&names, &context, &waited, &headers);
    vec![format!("{} {described}", completion.value())]
}

async fn complete_async(
    headers: Headers,
    waited: Waited,
    names: State<Names>,
    context: Context,
) -> Result<Vec<String>, ToolError> {
    tokio::task::yield_now().await;
    Ok(vec![described(&names, &context, &waited, &headers)])
}

fn list(
    names: State<Names>,
    context: Context,
    waited: Waited,
    headers: Headers,
) -> Vec<ResourceLink> {
    link(described(&names, &context, &waited, &headers))
}

async fn list_async(
    _: Listing,
    names: State<Names>,
    headers: Headers,
    waited: Waited,
    context: Context,
) -> Result<Vec<ResourceLink>, ToolError> {
    Ok(link(described(&names, &context, &waited, &headers)))
}

/// Ask.
#[prompt]
async fn ask(
    #[arg(complete = complete)] plain: String,
    #[arg(complete = complete_async)] eventual: String,
    #[arg(complete = nothing)] none: String,
) -> String {
    [plain, eventual, none].concat()
}

async fn nothing() -> Vec<String> {
    vec!["nothing".to_owned()]
}

/// Of a template.
#[resource("plain://{it}", list = list)]
async fn plain(#[arg(complete = complete)] it: String) -> String {
    it
}

/// Of a template.
#[resource("eventual://{it}", list = list_async)]
async fn eventual(#[arg(complete = complete_async)] it: String) -> String {
    it
}

struct Holder(&'static str);

#[tools]
impl Holder {
    fn complete(&self, names: State<Names>, completion: Completion) -> Vec<String> {
        vec![format!(
            "{} {} {}",
            self.0,
            names.0.join("+"),
            completion.value()
        )]
    }

    async fn complete_async(&self, completion: Completion, waited: Waited) -> Vec<String> {
        tokio::task::yield_now().await;
        vec![format!("{} {} {}", self.0, completion.value(), waited.0)]
    }

    fn list(&self, names: State<Names>) -> Vec<ResourceLink> {
        link(format!("{} {}", self.0, names.0.join("+")))
    }

    async fn list_async(&self, waited: Waited, tenant: Tenant) -> Vec<ResourceLink> {
        tokio::task::yield_now().await;
        link(format!("{} {} {}", self.0, waited.0, tenant.0))
    }

    fn of_none(&self) -> Vec<String> {
        vec![self.0.to_owned()]
    }

    /// Ask.
    #[prompt]
    fn of_value(
        #[arg(complete = Self::complete)] plain: String,
        #[arg(complete = Self::complete_async)] eventual: String,
        #[arg(complete = Self::of_none)] none: String,
    ) -> String {
        [plain, eventual, none].concat()
    }

    /// Of a template.
    #[resource("value-plain://{it}", list = Self::list)]
    fn plain(it: String) -> String {
        it
    }

    /// Of a template.
    #[resource("value-eventual://{it}", list = Self::list_async)]
    fn eventual(it: String) -> String {
        it
    }
}

fn server() -> Server {
    Server::new("x", "1")
        .with(components![ask, plain, eventual])
        .with(Holder("value"))
        .state(Names(vec!["a", "b"]))
}

#[tokio::test]
async fn functions_take_what_handlers_take_over_every_transport() {
    for over in ALL {
        let host = Host::of(server(), over).await;
        for revision in ERAS {
            let who = match over {
                Over::Connection => Who::default(),
                Over::Http => header("X-Tenant", "acme"),
            };
            let tenant = if over == Over::Http { "acme" } else { "nobody" };
            let caller = host.caller(revision, who).await;
            let all = format!("a+b caller 7 {tenant}");
            for (reference, argument, expected) in [
                ("ask", "plain", format!("typed {all}")),
                ("ask", "eventual", all.clone()),
                ("ask", "none", "nothing".to_owned()),
                ("plain://{it}", "it", format!("typed {all}")),
                ("eventual://{it}", "it", all.clone()),
                ("of_value", "plain", "value a+b typed".to_owned()),
                ("of_value", "eventual", "value typed 7".to_owned()),
                ("of_value", "none", "value".to_owned()),
            ] {
                let reference = if reference.contains("://") {
                    json!({ "type": "ref/resource", "uri": reference })
                } else {
                    json!({ "type": "ref/prompt", "name": reference })
                };
                let argument = json!({ "name": argument, "value": "typed" });
                let params = json!({ "ref": reference, "argument": argument });
                let result = caller.request("completion/complete", params).await.unwrap();
                let values = &result["completion"]["values"];
                assert_eq!(
                    *values,
                    json!([expected]),
                    "{over:?} {revision:?} {reference}"
                );
            }
            let listed = caller.request("resources/list", json!({})).await;
            if over == Over::Connection {
                let (code, message) = listed.unwrap_err();
                let expected = "Invalid request: the header `X-Tenant` is missing";
                assert_eq!((code, message.as_str()), (-32602, expected), "{revision:?}");
                continue;
            }
            let listed = listed.unwrap();
            let names = listed["resources"].as_array().unwrap().iter();
            let names: Vec<&Value> = names.map(|link| &link["name"]).collect();
            assert_eq!(
                names,
                [&all, &all, "value a+b", "value 7 acme"],
                "{revision:?}"
            );
        }
    }
}

/// The scope of the list of resources of a server whose lists are public, with this template.
async fn scope(template: Resource) -> Value {
    let server = Server::new("x", "1").with(template).state(Names(vec!["a"]));
    let server = server.cache(Duration::from_secs(60), CacheScope::Public);
    let client = server.connect().header("X-Tenant", "acme").await;
    let mut result = client.request("resources/list", json!({})).await.unwrap();
    assert_eq!(result["ttlMs"], 60_000);
    result["cacheScope"].take()
}

fn template() -> Resource {
    Resource::new("x://{it}", "x", |_: Value, _: Context| async { "x" })
}

#[tokio::test]
async fn a_list_that_depends_on_the_caller_is_not_shared() {
    assert_eq!(scope(template()).await, "public");
    let independent = template().list(|_: Listing, _: State<Names>, _: Waited| link(String::new()));
    assert_eq!(scope(independent).await, "public");
    let of_tenant = template().list(|tenant: Tenant| link(tenant.0));
    assert_eq!(scope(of_tenant).await, "private");
    let of_headers = template().list(|_: Headers| async { link(String::new()) });
    assert_eq!(scope(of_headers).await, "private");
}

#[tokio::test]
async fn functions_take_the_extensions_of_requests() {
    let template = || {
        template()
            .list(|extension: Extension<u8>| async move { link(extension.to_string()) })
            .complete("it", |extension: Extension<u8>| vec![extension.to_string()])
    };
    for revision in ERAS {
        let server = || Server::new("x", "1").with(template());
        let client = server().connect().revision(revision).extension(7_u8).await;
        assert_eq!(client.resources().await.unwrap()[0]["name"], "7");
        let completed = client.complete("x://{it}", "it", "").await.unwrap();
        assert_eq!(completed.values, ["7"]);
        let client = server().connect().revision(revision).await;
        assert!(client.resources().await.is_err());
        assert!(client.complete("x://{it}", "it", "").await.is_err());
    }
}

/// Returns the errors of building a server.
async fn problem(server: Server) -> String {
    match server
        .connect()
        .await
        .request("tools/list", json!({}))
        .await
    {
        Err(ClientError::Server(message)) => message,
        other => panic!("the server was built: {other:?}"),
    }
}

struct Missing;

fn needs_missing(_: State<Missing>) -> Vec<String> {
    vec![]
}

async fn lists_missing(_: Listing, _: State<Missing>) -> Vec<ResourceLink> {
    vec![]
}

/// Ask.
#[prompt]
fn asked(#[arg(complete = needs_missing)] it: String) -> String {
    it
}

/// Of a template.
#[resource("x://{it}", list = lists_missing)]
fn listed(#[arg(complete = needs_missing)] it: String) -> String {
    it
}

#[tokio::test]
async fn a_missing_state_names_the_function() {
    for (server, places) in [
        (
            Server::new("x", "1").with(components![asked]),
            vec!["prompt `asked`: the completing function of `it`"],
        ),
        (
            Server::new("x", "1").with(components![listed]),
            vec![
                "resource `x://{it}`: the completing function of `it`",
                "resource `x://{it}`: the listing function",
            ],
        ),
        (
            Server::new("x", "1").with(template().list(lists_missing)),
            vec!["resource `x://{it}`: the listing function"],
        ),
        (
            Server::new("x", "1").with(template().complete("it", needs_missing)),
            vec!["resource `x://{it}`: the completing function of `it`"],
        ),
        (
            Server::new("x", "1").with(Prompt::new(
                "made",
                [PromptArgument::new("it").complete(needs_missing)],
                |_: Value, _: Context| async { "x" },
            )),
            vec!["prompt `made`: the completing function of `it`"],
        ),
    ] {
        let problem = problem(server).await;
        for place in places {
            let expected = format!("{place} takes `State<callers::functions::Missing>`");
            assert!(problem.contains(&expected), "{problem}");
        }
        assert!(problem.contains("add `.state(..)` with one"), "{problem}");
    }
}

/// Take what only completing functions have.
#[tool]
async fn completing(_completion: Completion) {}

/// Take what only listing functions have.
#[prompt]
async fn listing(_listing: Listing) -> &'static str {
    "x"
}

#[tokio::test]
async fn requests_for_completions_and_lists_are_for_their_functions() {
    let misplaced = Server::new("x", "1")
        .with(components![completing, listing])
        .with(
            template()
                .list(|_: Completion| link(String::new()))
                .complete("it", |_: Listing| Vec::<String>::new()),
        )
        .with(Prompt::new(
            "made",
            [PromptArgument::new("it").complete(|_: String, _: Cancel| Vec::<String>::new())],
            |_: Value, _: Context| async { "x" },
        ));
    let problem = problem(misplaced).await;
    for expected in [
        "tool `completing`: `_completion` has a type that only completing functions can take",
        "prompt `listing`: `_listing` has a type that only listing functions can take",
        "the listing function takes a `mcp_runtime::registry::complete::Completion`, which only completing functions can take",
        "the completing function of `it` takes a `mcp_runtime::registry::listing::Listing`, which only listing functions",
        "prompt `made`: the completing function of `it` takes a `alloc::string::String`, and clients send no arguments to it",
    ] {
        assert!(
            problem.contains(expected),
            "{expected} is not in\n{problem}"
        );
    }
}

#[tokio::test]
async fn a_function_that_is_cancelled_while_a_parameter_waits_does_not_run() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    struct Never;
    impl<'c> Param<'c> for Never {
        fn extract(_: &'c Call, _: usize) -> Extraction<'c, Self> {
            Extraction::wait(std::future::pending())
        }
    }
    fn run(_: Never) -> Vec<String> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        vec![]
    }
    let server = Server::new("x", "1").with(template().complete("it", run));
    let client = server.connect().revision(Revision::LATEST).await;
    let completed = client.complete("x://{it}", "it", "");
    let late = tokio::time::timeout(Duration::from_millis(50), completed).await;
    assert!(late.is_err());
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);
}
