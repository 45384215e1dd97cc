//! Callers who are identified by their certificates.

use mcp_runtime::{Auth, ClientCertificate, MutualTls, Principal, Revision, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::authority::{Authority, Certified, named};
use crate::fixture::{self, components};
use crate::http::{Client, ERAS, Reply, exchange, request};
use crate::secure::{connect, get, health, start_encrypted, start_mutual, tls, tunnel_with};

/// Calls a tool with a certificate.
async fn call(
    server: std::net::SocketAddr,
    authority: &Authority,
    own: &Certified,
    tool: &str,
) -> Reply {
    let address = tunnel_with(server, authority, own).await;
    let client = Client {
        address,
        revision: Revision::LATEST,
        session: None,
    };
    let params = json!({ "name": tool, "arguments": {} });
    client.request("tools/call", params, &[]).await
}

fn text(reply: &Reply) -> Value {
    reply.message()["result"]["content"][0]["text"].clone()
}

#[tokio::test]
async fn without_a_list_the_caller_is_the_first_name_of_the_certificate() {
    let authority = Authority::new("ca");
    let server = start_mutual(&authority).await;
    let uri = "uri:spiffe://example.com/reports";
    for (names, caller) in [
        (&["cn:ada"][..], Some("cn:ada")),
        (
            &["cn:ada", "dns:Ada.Example.COM"],
            Some("dns:ada.example.com"),
        ),
        (
            &["dns:b.example.com", "dns:a.example.com"],
            Some("dns:b.example.com"),
        ),
        (
            &["dns:a.example.com", "email:a@example.com"],
            Some("email:a@example.com"),
        ),
        (&["cn:x", "email:a@example.com", uri], Some(uri)),
        (&["cn:Zoë, \"x\" = y"], Some("cn:Zoë, \"x\" = y")),
        (&["cn:a\nb"], None),
        (&["cn:a\nb", "dns:a.example.com"], Some("dns:a.example.com")),
        (&[], None),
    ] {
        let reply = call(server, &authority, &authority.client(names), "who").await;
        match caller {
            Some(caller) => {
                let expected = format!("{:?} Some(\"\")", Some(Principal::new(caller).to_string()));
                assert_eq!(text(&reply), expected, "{names:?}");
            }
            None => assert_eq!(reply.status, 401, "{names:?}"),
        }
    }
}

fn listed(authority: &Authority, digest: String) -> MutualTls {
    Auth::mutual_tls(authority.file())
        .allow(ClientCertificate::new("by-digest", digest).scope("admin"))
        .allow(ClientCertificate::new("by-host", "dns:Reports.example.com").scope("calendar:read"))
        .allow(ClientCertificate::new("by-email", "email:a@example.com"))
        .allow(ClientCertificate::new(
            "by-uri",
            "uri:spiffe://example.com/a",
        ))
        .allow(ClientCertificate::new("by-name", "cn:ada"))
}

#[tokio::test]
async fn a_list_maps_digests_and_names_to_callers_with_scopes() {
    let authority = Authority::new("ca");
    let known = authority.client(&["dns:reports.example.com"]);
    let way = listed(&authority, known.digest());
    let server = start_encrypted(&authority, components().auth(way)).await;
    let caller = |id: &str, scopes: &str| format!("Some({id:?}) Some({scopes:?})");
    for (own, expected, may_add) in [
        (&known, Some(caller("by-digest", "admin")), true),
        (
            &authority.client(&["dns:REPORTS.example.com"]),
            Some(caller("by-host", "calendar:read")),
            false,
        ),
        (
            &authority.client(&["email:a@example.com"]),
            Some(caller("by-email", "")),
            false,
        ),
        (
            &authority.client(&["uri:spiffe://example.com/a"]),
            Some(caller("by-uri", "")),
            false,
        ),
        (
            &authority.client(&["cn:ada"]),
            Some(caller("by-name", "")),
            false,
        ),
        (
            &authority.client(&["dns:x.example.com", "cn:ada"]),
            Some(caller("by-name", "")),
            false,
        ),
        // A name of another kind, and parts of names.
        (&authority.client(&["dns:ada"]), None, false),
        (&authority.client(&["cn:reports.example.com"]), None, false),
        (
            &authority.client(&["dns:a.reports.example.com"]),
            None,
            false,
        ),
        (
            &authority.client(&["uri:spiffe://example.com/a/b"]),
            None,
            false,
        ),
        (&authority.client(&["cn:Ada"]), None, false),
    ] {
        let who = call(server, &authority, own, "who").await;
        let Some(expected) = expected else {
            assert_eq!(who.status, 401);
            continue;
        };
        assert_eq!(text(&who), expected);
        let add = call(server, &authority, own, "add_event").await;
        assert_eq!(add.status, if may_add { 200 } else { 403 });
        if !may_add {
            let challenge = add.challenge();
            assert_eq!(challenge["error"], "insufficient_scope");
            assert!(challenge["scope"].contains("calendar:write"));
        }
    }
}

#[tokio::test]
async fn certificates_that_are_expired_or_of_another_authority_are_refused() {
    let (authority, other) = (Authority::new("ca"), Authority::new("ca"));
    let server = start_mutual(&authority).await;
    let mut future = named(&["cn:ada"]);
    future.not_before = rcgen::date_time_ymd(4000, 1, 1);
    let mut for_servers = named(&["cn:ada"]);
    for_servers.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    for (own, is_accepted) in [
        (authority.client(&["cn:ada"]), true),
        (authority.expired(&["cn:ada"]), false),
        (authority.issue(future), false),
        (authority.issue(for_servers), false),
        (other.client(&["cn:ada"]), false),
    ] {
        let accepted = health(server, authority.client_config(Some(&own))).await;
        assert_eq!(accepted.is_ok(), is_accepted, "{accepted:?}");
    }
}

#[tokio::test]
async fn a_certificate_can_be_required() {
    let authority = Authority::new("ca");
    let server = start_mutual(&authority).await;
    let health_of = async |server| health(server, authority.client_config(None)).await;
    assert!(health_of(server).await.is_ok());
    let reply = get(server, authority.client_config(None), "/mcp").await;
    assert_eq!(reply.status, 401);
    let way = Auth::mutual_tls(authority.file()).required();
    let strict = start_encrypted(&authority, components().auth(way)).await;
    assert!(health_of(strict).await.is_err());
    let own = authority.client(&["cn:ada"]);
    assert!(
        health(strict, authority.client_config(Some(&own)))
            .await
            .is_ok()
    );
}

/// The certificate is verified in each handshake: a session of TLS is not resumed.
#[tokio::test]
async fn sessions_of_tls_are_not_resumed_with_client_certificates() {
    let authority = Authority::new("ca");
    let own = authority.client(&["cn:ada"]);
    for (is_mutual, kind) in [
        (false, tokio_rustls::rustls::HandshakeKind::Resumed),
        (true, tokio_rustls::rustls::HandshakeKind::Full),
    ] {
        let server = if is_mutual {
            start_mutual(&authority).await
        } else {
            start_encrypted(&authority, fixture::server()).await
        };
        // A clone shares the memory of sessions.
        let config = authority.client_config(Some(&own));
        health(server, config.clone()).await.unwrap();
        let stream = connect(server, config).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
    }
}

#[tokio::test]
async fn a_session_of_one_certificate_is_unknown_to_another() {
    let authority = Authority::new("ca");
    let server = start_mutual(&authority).await;
    let (ada, bob) = (authority.client(&["cn:ada"]), authority.client(&["cn:bob"]));
    let renewed = authority.client(&["cn:ada"]);
    let mut client = Client {
        address: tunnel_with(server, &authority, &ada).await,
        revision: ERAS[0],
        session: None,
    };
    client.session = client.open_session(&[]).await;
    let session = client.session.clone().unwrap();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let post = client.post("tools/list", "", &message.to_string(), Some(&session), &[]);
    let headers = [
        ("Accept", "text/event-stream"),
        ("MCP-Protocol-Version", "2025-11-25"),
        ("Mcp-Session-Id", &*session),
    ];
    let delete = request("DELETE /mcp", &headers, "");
    for (own, statuses) in [(&bob, [404, 404]), (&renewed, [200, 204])] {
        let address = tunnel_with(server, &authority, own).await;
        for (bytes, status) in [&post, &delete].into_iter().zip(statuses) {
            let reply = exchange(address, bytes).await;
            assert_eq!(reply.status, status, "{reply:?}");
        }
    }
}

#[test]
fn mistakes_in_a_list_are_problems_of_the_server() {
    for (principal, certificate, scope, problem) in [
        ("ada", "ada", "x", "selects no certificate"),
        ("ada", "sha256:12", "x", "64 hexadecimal digits"),
        ("ada", "ip:127.0.0.1", "x", "selects no certificate"),
        ("ada", "dns:", "x", "selects no certificate"),
        (" ", "cn:ada", "x", "the principal is empty"),
        ("ada", "cn:ada", "a\"b", "is not a scope"),
        ("ada", "dns:A.example.com", "x", "it occurs twice"),
    ] {
        let entry = ClientCertificate::new(principal, certificate).scope(scope);
        let way = Auth::mutual_tls("ca.pem")
            .allow(ClientCertificate::new("eve", "dns:a.example.com"))
            .allow(entry);
        let server = Server::new("x", "1").auth(way);
        let problems = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(server.start())
            .unwrap_err()
            .to_string();
        assert!(problems.contains(problem), "{problems}");
        assert!(problems.contains("`Auth::mutual_tls`"), "{problems}");
    }
}

#[tokio::test]
async fn a_server_with_client_certificates_may_be_reached_by_other_machines() {
    let authority = Authority::new("ca");
    authority.certify_server();
    for (server, is_refused) in [
        (components().tls(tls(&authority)), true),
        (
            components()
                .tls(tls(&authority))
                .auth(Auth::mutual_tls(authority.file())),
            false,
        ),
    ] {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let served = server.serve_listener_with_shutdown(listener, std::future::ready(()));
        let served = served.await;
        let exposed = matches!(served, Err(mcp_runtime::ServeError::Exposed(_)));
        assert_eq!(exposed, is_refused, "{served:?}");
    }
}
