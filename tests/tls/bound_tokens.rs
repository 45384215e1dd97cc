//! Tokens that are bound to a client certificate: RFC 8705.

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_runtime::{
    Auth, AuthFuture, Authenticate, ClientAuthorities, Credentials, Identity, PeerCertificate,
    Principal, Revision,
};
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::authority::{Authority, Certified};
use crate::fixture::components;
use crate::http::{Client, bearer};
use crate::secure::{start_encrypted, tunnel, tunnel_with};

const AUDIENCE: &str = "https://server.example/mcp";

/// An authorization server, which publishes its key.
struct Issuer {
    url: String,
    key: KeyPair,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string();
        let public = encoded(key.public_key_raw());
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": public, "kid": "1", "alg": "EdDSA" });
        let keys = json!({ "keys": [jwk] }).to_string();
        let well_known = "/.well-known/oauth-authorization-server";
        let router = Router::new()
            .route(well_known, get(async move || metadata))
            .route("/keys", get(async move || keys));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key }
    }

    /// Returns a token with this confirmation.
    fn token(&self, confirmation: Option<Value>) -> String {
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut claims =
            json!({ "iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": now + 600 });
        if let Some(confirmation) = confirmation {
            claims["cnf"] = confirmation;
        }
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "1" });
        let parts = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
        let message = parts.join(".");
        let signature = encoded(&self.key.sign(message.as_bytes()).unwrap());
        format!("{message}.{signature}")
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn thumbprint(own: &Certified) -> Value {
    json!({ "x5t#S256": encoded(own.parsed().sha256()) })
}

async fn status(address: std::net::SocketAddr, token: &str) -> u16 {
    let client = Client {
        address,
        revision: Revision::LATEST,
        session: None,
    };
    let params = json!({ "name": "who", "arguments": {} });
    let reply = client.request("tools/call", params, &[bearer(token)]).await;
    if reply.status == 401 {
        assert_eq!(reply.challenge()["error"], "invalid_token");
    } else {
        assert!(reply.body.contains("ada"), "{reply:?}");
    }
    reply.status
}

#[tokio::test]
async fn a_bound_token_needs_the_connection_of_its_certificate() {
    let (authority, issuer) = (Authority::new("ca"), Issuer::start().await);
    let way = Auth::jwt(&issuer.url, AUDIENCE);
    let clients = ClientAuthorities::from_file(authority.file());
    let server = components().auth(way).auth(clients);
    let server = start_encrypted(&authority, server).await;
    let (own, other) = (authority.client(&["cn:a"]), authority.client(&["cn:a"]));
    let certified = tunnel_with(server, &authority, &own).await;
    let stolen = tunnel_with(server, &authority, &other).await;
    let plain = tunnel(server, authority.client_config(None)).await;
    let bound = issuer.token(Some(thumbprint(&own)));
    let mut twice = thumbprint(&own);
    twice["jkt"] = json!("x");
    for (token, statuses) in [
        (issuer.token(None), [200, 200, 200]),
        // Also when it has been verified before, on another connection.
        (bound.clone(), [200, 401, 401]),
        (bound, [200, 401, 401]),
        (issuer.token(Some(thumbprint(&other))), [401, 200, 401]),
        (issuer.token(Some(twice)), [401, 401, 401]),
        (issuer.token(Some(json!({}))), [401, 401, 401]),
        (issuer.token(Some(json!("x"))), [401, 401, 401]),
        (
            issuer.token(Some(json!({ "x5t#S256": 7 }))),
            [401, 401, 401],
        ),
        (issuer.token(Some(json!({ "jkt": "x" }))), [401, 401, 401]),
    ] {
        for (address, expected) in [certified, stolen, plain].into_iter().zip(statuses) {
            assert_eq!(status(address, &token).await, expected);
        }
    }
}

/// A way of the application, which reads the certificate and returns claims with a confirmation.
struct Own(Value);

impl Authenticate for Own {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        let names = credentials
            .certificate()
            .into_iter()
            .flat_map(PeerCertificate::names);
        let names: Vec<_> = names.map(Value::from).collect();
        let claims = json!({ "cnf": self.0, "names": names });
        let identity = Identity::new(Principal::new("ada"));
        let identity = identity.claims(claims.as_object().cloned().unwrap_or_default());
        Box::pin(std::future::ready(Ok(Some(identity))))
    }
}

#[tokio::test]
async fn the_binding_also_counts_for_ways_of_the_application() {
    let authority = Authority::new("ca");
    let own = authority.client(&["cn:a"]);
    let server = components()
        .auth(Own(thumbprint(&own)))
        .auth(ClientAuthorities::from_file(authority.file()));
    let server = start_encrypted(&authority, server).await;
    let certified = tunnel_with(server, &authority, &own).await;
    let plain = tunnel(server, authority.client_config(None)).await;
    assert_eq!(status(certified, "x").await, 200);
    assert_eq!(status(plain, "x").await, 401);
}
