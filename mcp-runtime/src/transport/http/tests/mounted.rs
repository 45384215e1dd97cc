//! Tests of the endpoint in an outer router.

use super::*;

#[tokio::test]
async fn it_mounts_into_axum_at_any_path() {
    let options = HttpOptions {
        path: None,
        ..HttpOptions::default()
    };
    let service = HttpService::new(Fake::new(Limits::default()), tokens(), options, None);
    let router = axum::Router::new()
        .route_service("/tools", service.clone())
        .nest_service("/nested", service);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    for line in ["POST /tools", "POST /nested"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = Request {
            line,
            ..post_modern("tell")
        };
        stream.write_all(&request.bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    }
    server.abort();
}

#[tokio::test]
async fn who_mounts_it_may_say_what_the_address_of_the_client_is() {
    use http_body_util::BodyExt;
    let options = HttpOptions {
        path: None,
        ..HttpOptions::default()
    };
    let service = HttpService::new(Fake::new(Limits::default()), tokens(), options, None);
    let peer = SocketAddr::from(([192, 0, 2, 1], 7));
    for known in [Some(peer), None] {
        let mut request = hyper::Request::post("http://localhost/")
            .header("Content-Type", "application/json")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "echo/peer")
            .body(modern("echo/peer", ""))
            .unwrap();
        if let Some(peer) = known {
            request.extensions_mut().insert(PeerAddress(peer));
        }
        let mut service = service.clone();
        let response = tower_service::Service::call(&mut service, request).await;
        let body = response.unwrap().into_body().collect().await.unwrap();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        assert!(text.contains(&format!("\"{known:?}\"")), "{text}");
    }
}

#[derive(Clone)]
struct Tenant(&'static str);

/// Returns a server with a tool that returns the tenant and the principal of its caller, and a layer that checks the tenant.
fn whoami() -> crate::Server {
    use serde_json::{Value, json};
    let schema = json!({ "type": "object" });
    let tool = crate::Tool::new(
        "who",
        schema,
        |_: Value, context: crate::Context| async move {
            let tenant = context.extension::<Tenant>().map(|tenant| tenant.0);
            format!(
                "{tenant:?} {:?}",
                context.principal().map(crate::Principal::id)
            )
        },
    );
    crate::Server::new("who", "1").with(tool).layer(
        |call: crate::LayeredCall, next: crate::Next| async move {
            assert_eq!(
                call.context().extension::<Tenant>().map(|tenant| tenant.0),
                Some("acme")
            );
            next.run().await
        },
    )
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Covers a stateless request, a request of a session, and a legacy request without a session.
#[tokio::test]
async fn what_an_outer_layer_puts_into_a_request_reaches_handlers_and_layers() {
    use http_body_util::BodyExt;
    let log = Log::default();
    let shared = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || shared.clone());
    let _logging = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());
    let service = whoami().into_service().await.unwrap();
    let send = async |method: &str, session: Option<&str>, modern: bool, body: String| {
        let mut request = hyper::Request::post("http://localhost/")
            .header("Content-Type", "application/json")
            .extension(Tenant("acme"))
            .extension(crate::Principal::new("ada"));
        if modern {
            request = request
                .header("MCP-Protocol-Version", "2026-07-28")
                .header("Mcp-Method", method)
                .header("Mcp-Name", "who");
        }
        if let Some(session) = session {
            request = request.header("Mcp-Session-Id", session);
        }
        let mut service = service.clone();
        let request = request.body(body).unwrap();
        let response = tower_service::Service::call(&mut service, request).await;
        let (head, body) = response.unwrap().into_parts();
        let session = head.headers.get("mcp-session-id").cloned();
        let body = body.collect().await.unwrap().to_bytes();
        (String::from_utf8(body.to_vec()).unwrap(), session)
    };
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let (_, session) = send("initialize", None, false, initialize.to_owned()).await;
    let session = session.unwrap().to_str().unwrap().to_owned();
    let call = |meta: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"who","arguments":{{}}{meta}}}}}"#
        )
    };
    let meta = r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    for (session, modern, body) in [
        (None, true, call(meta)),
        (Some(session.as_str()), false, call("")),
        (None, false, call("")),
    ] {
        let (answer, _) = send("tools/call", session, modern, body).await;
        let who = r#"Some(\"acme\") Some(\"ada\")"#;
        assert!(answer.contains(who), "{modern} {session:?}: {answer}");
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let events = log.lines().filter(|line| line.contains("a request ended"));
    assert_eq!(events.clone().count(), 4, "{log}");
    let has_principal = |event: &str| event.contains("principal=\"ada\"");
    assert!(events.clone().all(has_principal), "{log}");
    assert!(!log.contains(&session), "{log}");
}
