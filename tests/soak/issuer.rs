//! An authorization server on loopback. It signs tokens with ES256, and replaces its keys every few seconds.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mcp_tests::Outcome;
use serde_json::{Value, json};

use crate::callers::{AUDIENCE, Caller};
use crate::random::Random;

/// The life of a token in seconds.
const LIFE: f64 = 0.4;
/// The time for which a key signs tokens, in seconds. A key is published for as long before and after.
const ROTATION: u64 = 10;
/// The life of the first key in seconds, so that short runs have a rotation too.
const FIRST: u64 = 2;
/// The number of a key that is never published.
const FOREIGN: u64 = u64::MAX;
/// The header of a token without a signature: `{"alg":"none"}`.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0";

/// The start of the program, from which the keys are numbered.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The issuer, which serves its metadata and keys as long as this process runs.
pub(crate) struct Issuer {
    pub(crate) url: String,
}

/// A token, and the time at which it expires, in seconds since 1970.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) expires: f64,
}

/// Returns the time in seconds since 1970.
pub(crate) fn now() -> Outcome<f64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(since.as_secs_f64())
}

/// Returns the number of the key that signs now.
fn current() -> u64 {
    (STARTED.elapsed().as_secs() + ROTATION - FIRST) / ROTATION
}

/// Returns the private key with a number, in the format PKCS #8: a prefix that names P-256, and 32 bytes.
fn key(number: u64) -> EncodingKey {
    let prefix = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\
                   \x04\x27\x30\x25\x02\x01\x01\x04\x20";
    let number = number.to_be_bytes();
    EncodingKey::from_ec_der(&[&prefix[..], &[7; 24], &number].concat())
}

fn jwk(number: u64) -> Outcome<Jwk> {
    let mut jwk = Jwk::from_encoding_key(&key(number), Algorithm::ES256)?;
    jwk.common.key_id = Some(number.to_string());
    Ok(jwk)
}

impl Issuer {
    /// Starts to serve on a port of its own.
    pub(crate) fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let this = Self { url: url.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = answer(stream, &url) {
                    eprintln!("the issuer: {error}");
                }
            }
        });
        Ok(this)
    }

    /// Returns a new token of a caller.
    pub(crate) fn token(&self, caller: &Caller) -> Outcome<Token> {
        let claims = self.claims(caller)?;
        let number = current();
        Ok(Token {
            expires: claims["exp"].as_f64().ok_or("no expiry")?,
            text: signed(number, &number.to_string(), &claims)?,
        })
    }

    /// Returns a token that the server must not accept. Each looks like one of a caller.
    pub(crate) fn forgery(&self, caller: &Caller, random: &mut Random) -> Outcome<String> {
        let number = current();
        let id = number.to_string();
        let mut claims = self.claims(caller)?;
        match random.below(7) {
            0 => signed(FOREIGN, &id, &claims),
            1 => signed(FOREIGN, "foreign", &claims),
            2 => {
                claims["aud"] = json!([format!("{AUDIENCE}/other")]);
                signed(number, &id, &claims)
            }
            3 => {
                claims["iss"] = json!("http://127.0.0.1:1");
                signed(number, &id, &claims)
            }
            4 => {
                claims["exp"] = json!(now()? - 1.0);
                signed(number, &id, &claims)
            }
            5 => {
                let token = signed(number, &id, &claims)?;
                let claims = token.split('.').nth(1).ok_or("no claims")?;
                Ok(format!("{UNSIGNED}.{claims}."))
            }
            _ => signed_with_public_key(number, &claims),
        }
    }

    fn claims(&self, caller: &Caller) -> Outcome<Value> {
        let now = now()?;
        Ok(json!({
            "iss": self.url, "aud": AUDIENCE, "sub": caller.name, "client_id": "soak", "scope": caller.scopes(),
            "iat": now, "nbf": now, "exp": now + LIFE,
        }))
    }
}

fn signed(number: u64, id: &str, claims: &Value) -> Outcome<String> {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(id.to_owned());
    Ok(encode(&header, claims, &key(number))?)
}

/// Signs with an HMAC whose secret is the public key.
fn signed_with_public_key(number: u64, claims: &Value) -> Outcome<String> {
    let AlgorithmParameters::EllipticCurve(public) = jwk(number)?.algorithm else {
        return Err("the key has no curve".into());
    };
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(number.to_string());
    let secret = EncodingKey::from_secret(public.x.as_bytes())?;
    Ok(encode(&header, claims, &secret)?)
}

fn answer(mut stream: TcpStream, issuer: &str) -> Outcome<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let body = if head.starts_with("GET /keys ") {
        let number = current();
        let keys = (number.saturating_sub(1)..=number + 1).map(jwk);
        json!({ "keys": keys.collect::<Outcome<Vec<_>>>()? })
    } else {
        json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") })
    };
    let body = body.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    Ok(stream.write_all((head + &body).as_bytes())?)
}
