//! An authorization server that publishes one key, and a token of it. It runs in the process of the client, so that its
//! instructions are not counted.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::Result;

/// The key, in the format PKCS #8: a prefix that names Ed25519, and 32 bytes.
fn key() -> Vec<u8> {
    let prefix = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    [&prefix[..], &[7; 32]].concat()
}

/// Returns the URL of the issuer, which serves its documents as long as this process runs.
pub(super) fn serve() -> Result<String> {
    static ISSUER: OnceLock<String> = OnceLock::new();
    if let Some(issuer) = ISSUER.get() {
        return Ok(issuer.clone());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let issuer = url.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = answer(stream, &issuer) {
                eprintln!("the issuer: {error}");
            }
        }
    });
    Ok(ISSUER.get_or_init(|| url).clone())
}

fn answer(mut stream: TcpStream, issuer: &str) -> Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let body = if head.contains("/keys") {
        json!({ "keys": [jwk()?] })
    } else {
        json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") })
    }
    .to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    Ok(stream.write_all((head + &body).as_bytes())?)
}

fn jwk() -> Result<Value> {
    let public = DEFAULT_PROVIDER
        .key_utils
        .ed_pub_components_from_private_key;
    let x = URL_SAFE_NO_PAD.encode(public(&key(), &EllipticCurve::Ed25519)?);
    Ok(json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "key", "use": "sig" }))
}

/// Returns the header `Authorization` with a token of this subject. It has about 900 bytes, the usual size of one that is signed with RSA.
pub(super) fn credentials(subject: &str) -> Result<String> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("key".to_owned());
    let claims = json!({
        "iss": serve()?, "aud": "https://server.example/mcp", "exp": 4_102_444_800_u64, "iat": 1_700_000_000,
        "sub": subject, "client_id": "calendar-client", "jti": "x".repeat(350),
        "scope": "calendar:read calendar:write mail:read", "email": "ada@example.com",
    });
    let token = encode(&header, &claims, &EncodingKey::from_ed_der(&key()))?;
    Ok(format!("Authorization: Bearer {token}\r\n"))
}
