//! A server in an application that ends TLS itself.

use http_body_util::BodyExt as _;
use mcp_runtime::{Auth, ClientCertificate, Extension, PeerCertificate, prelude::*};
use tower::ServiceExt as _;

use crate::authority::Authority;
use crate::http::ERAS;

/// Return the names of the certificate.
#[tool]
async fn names(certificate: Extension<PeerCertificate>) -> Vec<String> {
    certificate.names().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_application_passes_the_certificate() {
    let authority = Authority::new("ca");
    let own = authority.client(&["cn:ada"]);
    let way = Auth::mutual_tls("not-read.pem").allow(ClientCertificate::new("ada", own.digest()));
    let server = Server::new("x", "1").with(components![names]).auth(way);
    let service = server.into_service().await.unwrap();
    let body = serde_json::json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "names",
            "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": ERAS[1].name(),
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    for (certificate, status) in [
        (Some(own.parsed()), 200),
        (Some(authority.client(&["cn:ada"]).parsed()), 401),
        (None, 401),
    ] {
        let mut request = http::Request::post("/")
            .header("Host", "localhost")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", ERAS[1].name())
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", "names")
            .body(body.to_string())
            .unwrap();
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text.contains("cn:ada"), status == 200, "{text}");
    }
}

#[test]
fn bytes_that_are_no_certificate_are_refused() {
    for bytes in [&b""[..], b"x", &[0x30, 0x80], &[0x30, 3, 2, 1, 0]] {
        let error = PeerCertificate::from_der(bytes).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the certificate is malformed"),
            "{error}"
        );
    }
}
