//! Upstream servers that are held to a lock file while a gateway serves.

use std::process::{Output, Stdio};
use std::sync::atomic::Ordering;

use mcp_runtime::{Client, Revision, RunningServer, Server, Upstream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::extras;
use super::peer::{LIMIT, Peer, until};
use super::places::{ALL, ERAS, HttpServer, Over, process};

/// The kinds of components, and the lists, members and keys that have them.
const KINDS: [(&str, &str, &str, &str); 4] = [
    ("tool", "tools/list", "tools", "name"),
    ("prompt", "prompts/list", "prompts", "name"),
    ("resource", "resources/list", "resources", "uri"),
    (
        "template",
        "resources/templates/list",
        "resourceTemplates",
        "uriTemplate",
    ),
];

/// A lock file in its own directory.
struct Lock {
    _folder: TempDir,
    path: String,
}

impl Lock {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("mcp.lock").to_str().unwrap().to_owned();
        Self {
            _folder: folder,
            path,
        }
    }

    /// Returns a command of a gateway whose upstream server is at a URL or, without one, a process with definitions of this text.
    fn command(&self, url: Option<&str>, text: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_locked-gateway"));
        command.args(arguments);
        command.env("LOCK", &self.path).env("DEFINED_AS", text);
        match url {
            Some(url) => command.env("UPSTREAM_URL", url),
            None => command.env("UPSTREAM_COMMAND", env!("CARGO_BIN_EXE_upstream-server")),
        };
        command
    }

    async fn run(&self, url: Option<&str>, text: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(url, text, arguments);
        command.stdin(Stdio::null());
        timeout(LIMIT, command.output()).await.unwrap().unwrap()
    }

    /// Accepts the definitions that the upstream server has now.
    async fn accept(&self, url: Option<&str>, text: &str) {
        let output = self.run(url, text, &["manifest", "--write-lock"]).await;
        assert!(output.status.success(), "{output:?}");
    }

    /// Returns the lines of `check --lock` about the upstream server.
    async fn differences(&self, text: &str) -> Vec<String> {
        let output = self.run(None, text, &["check", "--lock"]).await;
        let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
        let lines = lines.filter(|it| it.starts_with("upstream server"));
        lines.map(str::to_owned).collect()
    }

    async fn gateway(&self, upstream: Upstream) -> RunningServer {
        let gateway = Server::new("gateway", "1.0.0").mount("up", upstream);
        gateway.lock_upstreams(&self.path).start().await.unwrap()
    }
}

/// The upstream server of a case.
struct Place {
    server: Option<HttpServer>,
}

impl Place {
    async fn new(over: Over) -> Self {
        let server = match over {
            Over::Stdio => None,
            Over::Http => Some(HttpServer::start(extras::server()).await),
        };
        Self { server }
    }

    fn url(&self) -> Option<String> {
        self.server.as_ref().map(HttpServer::url)
    }

    fn upstream(&self) -> Upstream {
        self.server
            .as_ref()
            .map_or_else(process, HttpServer::upstream)
    }
}

/// Returns the names or URIs of a list, from all pages.
async fn listed(peer: &Peer, method: &str, member: &str, key: &str) -> Vec<String> {
    let list = peer.request(method, json!({})).await.unwrap();
    assert!(list.get("nextCursor").is_none());
    let list = list[member].as_array().unwrap().iter();
    list.map(|it| it[key].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the name or URI that clients of the gateway know.
fn outer(kind: &str, name: &str) -> String {
    match kind {
        "tool" | "prompt" => format!("up_{name}"),
        "resource" => format!("defined://up/{name}"),
        _ => format!("pages://up/{name}/{{page}}"),
    }
}

async fn is_listed(peer: &Peer, kind: &str, name: &str) -> bool {
    let of_kind = KINDS.iter().find(|it| it.0 == kind).unwrap();
    let (_, method, member, key) = of_kind;
    let listed = listed(peer, method, member, key).await;
    listed.contains(&outer(kind, name))
}

/// Uses a component.
async fn used(peer: &Peer, kind: &str, name: &str) -> Result<Value, Value> {
    let outer = outer(kind, name).replace("{page}", "1");
    match kind {
        "tool" => peer.request("tools/call", json!({ "name": outer })).await,
        "prompt" => peer.request("prompts/get", json!({ "name": outer })).await,
        _ => {
            peer.request("resources/read", json!({ "uri": outer }))
                .await
        }
    }
}

/// Asserts that a component is offered, and can be used.
async fn is_offered(case: &str, peer: &Peer, kind: &str, name: &str) {
    let what = format!("{case}: {kind} {name} is offered");
    until(&what, async || is_listed(peer, kind, name).await).await;
    let used = used(peer, kind, name).await;
    assert!(
        used.as_ref()
            .is_ok_and(|it| it.to_string().contains("defined")),
        "{what}: {used:?}"
    );
}

/// Asserts that a component is answered as one that does not exist.
async fn is_withheld(case: &str, peer: &Peer, kind: &str, name: &str) {
    let what = format!("{case}: {kind} {name} is withheld");
    until(&what, async || !is_listed(peer, kind, name).await).await;
    let error = used(peer, kind, name).await.unwrap_err().to_string();
    let unknown = used(peer, kind, "zzzz").await.unwrap_err().to_string();
    let (error, unknown) = (error.replace(name, "zzzz"), unknown);
    assert_eq!(error, unknown, "{what}");
}

async fn define(peer: &Peer, kind: &str, name: &str, text: Option<&str>) {
    let arguments = json!({ "kind": kind, "name": name, "text": text });
    peer.call("up_define", arguments).await.unwrap();
}

async fn check_case(over: Over, of_upstream: Revision, of_client: Revision) {
    let case = &format!("{over:?}, {of_upstream:?}, {of_client:?}");
    let (place, lock) = (Place::new(over).await, Lock::new());
    let url = place.url();
    lock.accept(url.as_deref(), "old").await;
    let gateway = lock.gateway(place.upstream().revision(of_upstream)).await;
    let peer = &Peer::connect(&gateway, of_client, |_| None).await;
    for (kind, ..) in KINDS {
        is_offered(case, peer, kind, "kept").await;
        define(peer, kind, "kept", Some("new")).await;
        is_withheld(case, peer, kind, "kept").await;
        define(peer, kind, "kept", Some("old")).await;
        is_offered(case, peer, kind, "kept").await;
        define(peer, kind, "kept", None).await;
        is_withheld(case, peer, kind, "kept").await;
        define(peer, kind, "fresh", Some("old")).await;
        // The next change of the same list is applied after that.
        define(peer, kind, "kept", Some("old")).await;
        is_offered(case, peer, kind, "kept").await;
        is_withheld(case, peer, kind, "fresh").await;
        define(peer, kind, "fresh", None).await;
        define(peer, kind, "kept", Some("new")).await;
        is_withheld(case, peer, kind, "kept").await;
    }
    // Nothing is restarted.
    lock.accept(url.as_deref(), "new").await;
    for (kind, ..) in KINDS {
        is_offered(case, peer, kind, "kept").await;
    }
    // What is no longer accepted is withheld, too.
    lock.accept_only(&[]);
    for (kind, ..) in KINDS {
        is_withheld(case, peer, kind, "kept").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_accepted_definitions_are_offered() {
    // The futures of async closures cannot move to another thread.
    let local = LocalSet::new();
    let mut cases = JoinSet::new();
    for over in ALL {
        for of_upstream in ERAS {
            for of_client in ERAS {
                cases.spawn_local_on(check_case(over, of_upstream, of_client), &local);
            }
        }
    }
    let all = async {
        while let Some(case) = cases.join_next().await {
            case.unwrap();
        }
    };
    local.run_until(all).await;
}

impl Lock {
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let text = std::fs::read(&self.path).unwrap();
        let mut lock = serde_json::from_slice(&text).unwrap();
        change(&mut lock);
        std::fs::write(&self.path, lock.to_string()).unwrap();
    }

    /// Removes all entries of the upstream server but those with these names.
    fn accept_only(&self, names: &[&str]) {
        self.edit(|lock| {
            let all = lock["upstreams"]["upstream"].as_array_mut().unwrap();
            all.retain(|it| names.contains(&it["name"].as_str().unwrap()));
        });
    }
}

/// Nests, prefixes, transforms and connections of single callers do not change what is compared.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_mount_is_held_to_the_lock_file() {
    use mcp_runtime::Transform;
    let lock = Lock::new();
    lock.accept(None, "old").await;
    lock.accept_only(&["kept", "define"]);
    let gateway = || Server::new("gateway", "1.0.0");
    let nested = || Server::new("middle", "1.0.0").mount("up", process());
    let renamed = Transform::tool("up_kept").later().rename("other");
    let described = Transform::tool("up_kept").later().description("Mine.");
    let cases = [
        ("up_", "up_kept", gateway().mount("up", process())),
        ("", "kept", gateway().mount_without_prefix(process())),
        (
            "outer_up_",
            "outer_up_kept",
            gateway().mount("outer", nested()),
        ),
        ("up_", "up_kept", gateway().mount_without_prefix(nested())),
        (
            "up_",
            "up_kept",
            gateway().mount("up", process().per_caller()),
        ),
        (
            "up_",
            "other",
            gateway().mount("up", process()).transform(renamed),
        ),
        (
            "up_",
            "up_kept",
            gateway().mount("up", process()).transform(described),
        ),
    ];
    for (number, (prefix, kept, gateway)) in cases.into_iter().enumerate() {
        let gateway = gateway.lock_upstreams(&lock.path).start().await.unwrap();
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        let mut tools = peer.tools().await;
        tools.sort();
        let mut expected = [format!("{prefix}define"), kept.to_owned()];
        expected.sort();
        assert_eq!(tools, expected, "{number}");
        if number == 4 {
            // The process of the caller changes its own definitions only.
            continue;
        }
        let arguments = json!({ "kind": "tool", "name": "kept", "text": "new" });
        peer.call(&format!("{prefix}define"), arguments)
            .await
            .unwrap();
        let define = [format!("{prefix}define")];
        until(&number.to_string(), async || peer.tools().await == define).await;
        assert!(peer.call(kept, json!({})).await.is_err(), "{number}");
    }
}

/// The lists are not read again for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_keeps_nothing_that_is_no_longer_accepted() {
    let (place, lock) = (Place::new(Over::Http).await, Lock::new());
    lock.accept(place.url().as_deref(), "old").await;
    let gateway = lock.gateway(place.upstream()).await;
    let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
    is_offered("before", &peer, "tool", "kept").await;
    let server = place.server.as_ref().unwrap();
    server.is_broken.store(true, Ordering::SeqCst);
    lock.accept_only(&["define"]);
    for (kind, ..) in KINDS {
        is_withheld("after", &peer, kind, "kept").await;
    }
    assert_eq!(peer.tools().await, ["up_define"]);
}

/// A bridge passes the instructions of its upstream server on.
#[tokio::test(flavor = "multi_thread")]
async fn instructions_that_are_not_accepted_are_not_passed_on() {
    let lock = Lock::new();
    lock.accept(None, "old").await;
    lock.edit(|lock| lock["definitions"][0]["name"] = "upstream".into());
    let said = async |client: &Client| {
        let discovered = client.request("server/discover", json!({})).await.unwrap();
        discovered["instructions"].as_str().map(str::to_owned)
    };
    for (text, expected) in [("old", Some("old")), ("new", None)] {
        let bridge = Server::from(process().env("DEFINED_AS", text));
        let client = bridge.lock_upstreams(&lock.path).client().await;
        assert_eq!(said(&client).await.as_deref(), expected);
        lock.edit(|lock| {
            let all = lock["upstreams"]["upstream"].as_array_mut().unwrap();
            all.retain(|it| it["kind"] != "server");
        });
        until(text, async || said(&client).await.is_none()).await;
        lock.accept(None, "old").await;
        lock.edit(|lock| lock["definitions"][0]["name"] = "upstream".into());
        until(text, async || said(&client).await.as_deref() == expected).await;
    }
}

/// What is withheld cannot be found by a search.
#[tokio::test]
async fn a_withheld_tool_is_in_no_search() {
    let lock = Lock::new();
    lock.accept(None, "old").await;
    for (text, is_found) in [("old", true), ("new", false)] {
        let upstream = process().env("DEFINED_AS", text);
        let gateway = Server::new("gateway", "1.0.0").mount("up", upstream);
        let gateway = gateway.lock_upstreams(&lock.path);
        let gateway = gateway.tool_search(mcp_runtime::ToolSearch::new());
        let client = gateway.client().await;
        let found = client
            .call("search_tools", json!({ "query": "kept" }))
            .await;
        let found = found.unwrap().text();
        assert_eq!(found.contains("up_kept"), is_found, "{found}");
    }
}

/// Returns the error of a start.
async fn problem(server: Server) -> String {
    match server.start().await {
        Ok(_) => panic!("it starts"),
        Err(error) => mcp_runtime_error(&error),
    }
}

fn mcp_runtime_error(error: &dyn std::error::Error) -> String {
    let source = error.source().map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

#[tokio::test]
async fn a_lock_file_that_cannot_be_used_is_an_error_of_the_start() {
    let lock = Lock::new();
    let server = || Server::new("gateway", "1.0.0").mount("up", process());
    let of_server =
        |name: &str| json!({ "kind": "server", "name": name, "sha256": "", "definition": {} });
    let with = |upstreams: Value| {
        json!({ "format": 1, "definitions": [of_server("gateway")], "upstreams": upstreams })
            .to_string()
    };
    let other = json!({ "format": 1, "definitions": [of_server("other")] }).to_string();
    let entry = json!({ "kind": "tool", "name": "kept", "sha256": "0", "definition": {} });
    for (text, expected) in [
        (None, "could not be read: "),
        (Some(String::new()), "is damaged: it is not JSON"),
        (Some("{\"format\":2}".to_owned()), "has the format 2"),
        (
            Some(other),
            "is that of the server `other`, and this is `gateway`",
        ),
        (Some(with(json!([]))), "its `upstreams` are not an object"),
        (
            Some(with(json!({ "upstream": [{}] }))),
            "the definitions of the upstream server `upstream` are invalid: missing field",
        ),
        (
            Some(with(json!({ "upstream": [entry] }))),
            "the `sha256` of tool `kept` of the upstream server `upstream` does not belong to its definition",
        ),
        (
            Some(with(
                json!({ "upstream": [of_server("a"), of_server("a")] }),
            )),
            "it has server `a` twice",
        ),
    ] {
        if let Some(text) = &text {
            std::fs::write(&lock.path, text).unwrap();
        }
        let problem = problem(server().lock_upstreams(&lock.path)).await;
        assert!(problem.contains(expected), "{text:?}: {problem}");
        let place = format!("the lock file `{}` ", lock.path);
        assert!(problem.contains(&place), "{text:?}: {problem}");
        let fix = format!("`manifest --write-lock {}`", lock.path);
        let fixes = [&*fix, "use its own file"];
        assert!(fixes.iter().any(|it| problem.contains(it)), "{problem}");
    }
    std::fs::write(&lock.path, with(json!({}))).unwrap();
    let twice = server().mount("two", process()).lock_upstreams(&lock.path);
    let problem_of_names = problem(twice).await;
    assert!(
        problem_of_names.contains("two upstream servers are called `upstream`"),
        "{problem_of_names}"
    );
    let inner = Server::from(process()).lock_upstreams(&lock.path);
    let inner = problem(Server::new("gateway", "1.0.0").mount("in", inner)).await;
    assert!(inner.contains("`.lock_upstreams(..)`"), "{inner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_file_that_is_damaged_later_changes_nothing() {
    let lock = Lock::new();
    lock.accept(None, "old").await;
    let good = std::fs::read(&lock.path).unwrap();
    let mut gateway = lock.command(None, "old", &[]);
    gateway.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut gateway = gateway.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(gateway.stderr.take().unwrap()).lines();
    let in_process = lock.gateway(process()).await;
    let peer = Peer::connect(&in_process, ERAS[1], |_| None).await;
    for damaged in ["", "{}"] {
        std::fs::write(&lock.path, damaged).unwrap();
        loop {
            let line = timeout(LIMIT, log.next_line()).await.unwrap().unwrap();
            let line = line.unwrap();
            if line.contains("is damaged") {
                assert!(line.contains(&lock.path) && line.contains("WARN"), "{line}");
                assert!(line.contains("accepted before"), "{line}");
                break;
            }
        }
        is_offered(damaged, &peer, "tool", "kept").await;
        define(&peer, "tool", "kept", Some("new")).await;
        is_withheld(damaged, &peer, "tool", "kept").await;
        define(&peer, "tool", "kept", Some("old")).await;
        is_offered(damaged, &peer, "tool", "kept").await;
    }
    std::fs::remove_file(&lock.path).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    is_offered("removed", &peer, "tool", "kept").await;
    // The same text as before works again, and a later change is seen.
    std::fs::write(&lock.path, good).unwrap();
    is_offered("restored", &peer, "tool", "kept").await;
    lock.accept_only(&["define"]);
    is_withheld("restored", &peer, "tool", "kept").await;
    drop(gateway.stdin.take());
    gateway.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_the_commands_name_what_is_withheld() {
    let lock = Lock::new();
    lock.accept(None, "old").await;
    assert_eq!(lock.differences("old").await, [""; 0]);
    let text = "new\u{1b}[2J\u{202e}";
    let found = lock.differences(text).await;
    assert_eq!(found.len(), 5, "{found:?}");
    let end = format!(
        "after `{0}` was written: if that is intended, write the file with `manifest --write-lock {0}`, and review its difference before you deploy it",
        lock.path
    );
    let expected = format!(
        "upstream server `upstream`: tool `kept`: `description` changed from `\"old\"` to `\"new\\u001b[2J\\u{{202e}}\"` {end}"
    );
    assert!(found.contains(&expected), "{found:#?}");
    for kind in [
        "prompt `kept`: `arguments[0].description`",
        "resource `defined://kept`: `title`",
        "template `pages://kept/{page}`: `title`",
    ] {
        let start = format!("upstream server `upstream`: {kind} changed from ");
        assert!(found.iter().any(|it| it.starts_with(&start)), "{found:#?}");
    }
    let listed = lock.run(None, text, &["list"]).await;
    let (stdout, stderr) = (
        String::from_utf8(listed.stdout).unwrap(),
        String::from_utf8(listed.stderr).unwrap(),
    );
    assert!(
        stdout.contains("up_define") && !stdout.contains("up_kept"),
        "{stdout}"
    );
    for (kind, name) in [
        ("tool", "kept"),
        ("prompt", "kept"),
        ("resource", "defined://kept"),
        ("template", "pages://kept/{page}"),
    ] {
        let said = format!(
            "the definition of the {kind} `{name}` has changed since the lock file was written"
        );
        let line = stderr
            .lines()
            .find(|it| it.contains(&said))
            .unwrap_or_else(|| panic!("{stderr}"));
        for part in [
            "WARN",
            "upstream=\"upstream\"",
            &format!("`manifest --write-lock {}`", lock.path),
        ] {
            assert!(line.contains(part), "{line}");
        }
    }
    // A server that the file does not name is one line.
    lock.edit(|lock| lock["upstreams"] = json!({}));
    let listed = lock.run(None, "old", &["list"]).await;
    let stderr = String::from_utf8(listed.stderr).unwrap();
    assert!(!String::from_utf8(listed.stdout).unwrap().contains("up_"));
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(
        lines[0].contains("it is not in the lock file: nothing of it is offered"),
        "{stderr}"
    );
    let new = lock.differences("old").await;
    let added = new
        .iter()
        .find(|it| it.contains("tool `kept` was added: `{\"description\":\"old\""));
    assert!(added.is_some(), "{new:#?}");
}

#[tokio::test]
async fn definitions_of_a_server_that_is_not_available_stay_accepted() {
    let lock = Lock::new();
    lock.accept(None, "old").await;
    let before = std::fs::read(&lock.path).unwrap();
    let absent = Some("http://127.0.0.1:1/mcp");
    let written = lock.run(absent, "old", &["manifest", "--write-lock"]).await;
    assert_eq!(written.status.code(), Some(1), "{written:?}");
    let said = "the definitions of the upstream server `upstream` are not known";
    assert!(String::from_utf8(written.stderr).unwrap().contains(said));
    assert_eq!(std::fs::read(&lock.path).unwrap(), before);
    let checked = lock.run(absent, "old", &["check", "--lock"]).await;
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(String::from_utf8(checked.stdout).unwrap().contains(said));
}
