//! The metadata of a protected resource, and the challenges that name it.

use std::net::Ipv4Addr;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::header::{HeaderName, WWW_AUTHENTICATE};
use hyper::{Method, Request};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower_service::Service as _;

use super::jwt::ISSUER;
use super::whole::server;
use crate::{Auth, HttpService, PeerAddress, Server};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const CONFIGURED: &str = "https://api.example.com/tools/mcp";
const CONFIGURED_METADATA: &str =
    "https://api.example.com/.well-known/oauth-protected-resource/tools/mcp";

/// The hosts that the servers answer for.
const HOSTS: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "api.example.com"];

struct Servers {
    runtime: Runtime,
    /// A server that a router mounts, and one that has its URL.
    mounted: HttpService,
    configured: HttpService,
}

thread_local! {
    static SERVERS: Servers = servers();
}

fn servers() -> Servers {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let protected = || {
        // Without keys, which would be loaded from the issuer.
        let jwt = runtime.block_on(Auth::jwt(ISSUER, CONFIGURED).fixed_keys(Vec::new()));
        server().allow_host("api.example.com").auth(jwt)
    };
    let started = |server: Server| runtime.block_on(server.into_service()).expect("a server");
    Servers {
        mounted: started(protected()),
        configured: started(protected().resource_url(CONFIGURED)),
        runtime,
    }
}

/// What a server answers.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    challenge: Option<String>,
    body: String,
}

/// Requests the URI of the first line with the headers of the other lines. What the server says of itself names a host that it
/// answers for, and nothing that a proxy could have added changes it.
pub fn well_known(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((uri, headers)) = text.split_once('\n') else {
        return;
    };
    for method in [Method::GET, Method::POST] {
        let Some(request) = request(&method, uri, headers) else {
            return;
        };
        check(&request);
    }
}

fn check(request: &Request<()>) {
    SERVERS.with(|servers| {
        for (service, is_configured) in [(&servers.mounted, false), (&servers.configured, true)] {
            let answer = servers.runtime.block_on(ask(service, request.clone()));
            if request.uri().path().starts_with(WELL_KNOWN) && request.method() == Method::GET {
                check_metadata(&answer, request.uri().path(), is_configured);
            } else {
                assert_ne!(answer.status, 200, "{answer:?}");
            }
            check_challenge(&answer, is_configured);
            let direct = servers
                .runtime
                .block_on(ask(service, not_forwarded(request)));
            assert_eq!(direct, answer, "{request:?}");
        }
    });
}

fn request(method: &Method, uri: &str, headers: &str) -> Option<Request<()>> {
    let mut request = Request::builder().method(method).uri(uri);
    for line in headers.lines() {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    let peer = PeerAddress((Ipv4Addr::LOCALHOST, 1).into());
    request.extension(peer).body(()).ok()
}

fn not_forwarded(request: &Request<()>) -> Request<()> {
    let mut request = request.clone();
    let is_forwarded = |name: &&HeaderName| {
        name.as_str() == "forwarded" || name.as_str().starts_with("x-forwarded-")
    };
    let names: Vec<HeaderName> = request
        .headers()
        .keys()
        .filter(is_forwarded)
        .cloned()
        .collect();
    for name in names {
        request.headers_mut().remove(name);
    }
    request
}

async fn ask(service: &HttpService, request: Request<()>) -> Answer {
    let request = request.map(|()| Empty::<Bytes>::new());
    let Ok(response) = service.clone().call(request).await;
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().expect("ASCII").to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body");
    let body = String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8");
    Answer {
        status,
        challenge,
        body,
    }
}

fn check_metadata(answer: &Answer, path: &str, is_configured: bool) {
    if answer.status != 200 {
        return;
    }
    let document: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(
        document["authorization_servers"],
        serde_json::json!([ISSUER])
    );
    let resource = document["resource"].as_str().expect("a URL");
    if is_configured {
        assert_eq!(resource, CONFIGURED);
        return;
    }
    let own = path.strip_prefix(WELL_KNOWN).filter(|own| *own != "/");
    let found = path_of(resource);
    // Bytes that a URL cannot have are encoded.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte);
    if path.bytes().all(is_plain) {
        assert_eq!(found, own.unwrap_or_default(), "{resource}");
    }
    assert!(
        found.bytes().all(|byte| byte.is_ascii_graphic()),
        "{resource}"
    );
}

fn check_challenge(answer: &Answer, is_configured: bool) {
    let Some(challenge) = &answer.challenge else {
        assert_ne!(answer.status, 401, "{answer:?}");
        return;
    };
    // Malformed credentials are answered with 400.
    assert!([400, 401].contains(&answer.status), "{answer:?}");
    let (_, url) = challenge.split_once("resource_metadata=\"").expect("a URL");
    let (url, _) = url.split_once('"').expect("a quoted URL");
    if is_configured {
        assert_eq!(url, CONFIGURED_METADATA);
    } else {
        assert!(path_of(url).starts_with(WELL_KNOWN), "{url}");
    }
}

/// Returns the path of a URL, whose host is one that the server answers for.
fn path_of(url: &str) -> &str {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let rest = rest.expect(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    assert!(HOSTS.contains(&host), "{url} is foreign");
    path
}
