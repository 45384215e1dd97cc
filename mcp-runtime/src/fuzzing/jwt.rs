//! JWTs, with keys that sign some of them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use super::tokens::changed;
use crate::auth::{Auth, AuthError, Authenticate as _, Credentials, Identity, Jwt};

pub(super) const ISSUER: &str = "https://issuer.example";
const SERVER: &str = "https://server.example/mcp";

/// The private keys, in the format PKCS #8, and the parts of their public keys. Nothing else uses them.
const ED25519: &str = "MC4CAQAwBQYDK2VwBCIEIEYnN3eUQ4CnfvBj28tf88MnpIt_t7ho_Dr94zeu8hoL";
const ED25519_X: &str = "WgxPABqAij24eT5F4B7gZSmc8Vt_wPaVgYEg9StAdTs";
const P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPJyZcR_rNGoSO45P5VOH5AFLNO57e4sc0CEZwE7o9omhRANCAASQnWvK6Cw8FqonArQxci4WUpUAKC5j8EkGlzMshRfvcDCwgsHn3F3J2XHX4sjPR7OAXPqgF0Z9sKsrqBPHx0vJ";
const P256_X: &str = "kJ1ryugsPBaqJwK0MXIuFlKVACguY_BJBpczLIUX73A";
const P256_Y: &str = "MLCCwefcXcnZcdfiyM9Hs4Bc-qAXRn2wqyuoE8fHS8k";
/// A modulus, whose private key nobody has.
const RSA_N: &str = "sN9w4OkDbu6QeZF6DIWqHwAO85d7j9dh7Xv7mYm6JaLTf9ClWhw46YncHapGljYjd66v5s2e9wZUskpMwfk3FUWOS01Th8vxcvRClUIcAovMrVOfLCR5gWso7czv4Hfpaxmq1Y76VCdVs9Yx9vHvu_KU_obiNsURNlaLXx2wf-cdCDrH0l_6W0OUg0N1WSRdkubfwrGsyfgMQvdZPltb2r9JsuL6Cbsx3DY2ZteNPhKa_OorSQKL6z2rMPG1GPzdjOWuEqF5f6pnTswPrSKKbUyC3G90zz8vDyqJOjOQ2fXHM3pzmCEgGifbP6jOgMDy6j6Hd3gldQrdTLI_w_kn8w";

/// The seconds by which the clocks of the server and of the issuer may differ.
const LEEWAY: f64 = 30.0;
const LONGEST: usize = 16 * 1024;

struct Verifier {
    runtime: Runtime,
    jwt: Jwt,
}

thread_local! {
    static VERIFIER: Verifier = verifier();
}

fn verifier() -> Verifier {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let jwt = runtime.block_on(Auth::jwt(ISSUER, SERVER).fixed_keys(published()));
    Verifier { runtime, jwt }
}

/// The published keys: one that signs, one for each other kind, and a secret.
fn published() -> Vec<Value> {
    vec![
        json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_X, "kid": "ed", "use": "sig" }),
        json!({ "kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y, "kid": "ec" }),
        json!({ "kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "rsa", "alg": "RS256" }),
        json!({ "kty": "oct", "k": ED25519_X, "kid": "hmac", "alg": "HS256" }),
    ]
}

/// Sends a token. With three lines, they are the header, the claims, and the key that signs them or else the signature.
/// Only a signed token with right claims is accepted, as the caller that its claims name. It is then known, and no other token is.
pub fn jwt(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    if let (Some(header), Some(claims), Some(signer)) = (lines.next(), lines.next(), lines.next()) {
        signed(header, claims, signer);
    } else {
        assert!(sent(data).is_none(), "accepted: {text:?}");
        assert!(known(&[data]).is_none(), "known: {text:?}");
    }
}

fn signed(header: &str, claims: &str, signer: &str) {
    let objects = (object(header), object(claims));
    let caller = match &objects {
        (Some(header), Some(claims)) if names(header, signer) => caller(claims),
        _ => None,
    };
    let token = token(header, claims, signer);
    let accepted = sent(token.as_bytes());
    assert!(
        accepted.is_none() || accepted == caller,
        "{accepted:?} from {token}"
    );
    check_known(&token, accepted.as_deref(), claims.as_bytes());
    let other = changed(&token, claims.as_bytes());
    assert_eq!(sent(other.as_bytes()), None, "{other}");
    let other = format!("Bearer {other}");
    assert_eq!(known(&[other.as_bytes()]), None, "{other}");
    // A parser may refuse what is written twice, but nothing else of a valid token.
    if let (Some(header), Some(claims)) = objects {
        let [header, claims] = [header, claims].map(|part| Value::Object(part).to_string());
        let token = self::token(&header, &claims, signer);
        if token.len() <= LONGEST {
            assert_eq!(sent(token.as_bytes()), caller, "{token}");
        }
    }
}

/// Sends a token again, alone and in other values of the header. It is known if it was accepted, and nothing else is.
fn check_known(token: &str, accepted: Option<&str>, data: &[u8]) {
    let same = [format!("Bearer {token}"), format!("bEARER   {token}  ")];
    for value in same {
        assert_eq!(known(&[value.as_bytes()]).as_deref(), accepted, "{value}");
    }
    // The identity of a known token is that of its first verification.
    assert_eq!(sent(token.as_bytes()).as_deref(), accepted);
    let byte = data.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    let value = format!("Bearer {token}");
    let longer = [value.as_bytes(), &[byte]].concat();
    let inner = [b"Bearer ".as_slice(), &[byte], token.as_bytes()].concat();
    let [basic, joined] = ["Basic ", "Bearer"].map(|scheme| format!("{scheme}{token}"));
    let others: [&[&[u8]]; 6] = [
        &[value.as_bytes(), value.as_bytes()],
        &[value.as_bytes(), b""],
        &[basic.as_bytes()],
        &[joined.as_bytes()],
        &[&longer],
        &[&inner],
    ];
    for values in others {
        // A space around the token makes no difference.
        let is_same = byte == b' ' && values.len() == 1 && values[0].starts_with(b"Bearer ");
        assert!(is_same || known(values).is_none(), "{values:?}");
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn token(header: &str, claims: &str, signer: &str) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{claims}");
    let decoded = |key: &str| URL_SAFE_NO_PAD.decode(key).expect("base64");
    let key = match signer {
        "ed" => Ok((
            EncodingKey::from_ed_der(&decoded(ED25519)),
            Algorithm::EdDSA,
        )),
        "ec" => Ok((EncodingKey::from_ec_der(&decoded(P256)), Algorithm::ES256)),
        // An attacker has the public keys.
        "hmac" => EncodingKey::from_secret(&decoded(ED25519_X)).map(|key| (key, Algorithm::HS256)),
        signature => return format!("{message}.{signature}"),
    };
    let (key, algorithm) = key.expect("a key");
    let signature = sign(message.as_bytes(), &key, algorithm).expect("signed");
    format!("{message}.{signature}")
}

/// Returns the headers of a request with these values of `Authorization`, if headers can have them.
fn headers(values: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).ok()?);
    }
    Some(headers)
}

/// Returns the subject of the caller if the token is accepted.
fn sent(token: &[u8]) -> Option<String> {
    let headers = headers(&[&[b"Bearer ", token].concat()])?;
    let checked = VERIFIER.with(|verifier| {
        let credentials = Credentials::new(&headers, None);
        verifier
            .runtime
            .block_on(verifier.jwt.authenticate(&credentials))
    });
    let is_checked = !matches!(checked, Err(AuthError::Unavailable(_)));
    assert!(is_checked, "the keys are known: {checked:?}");
    checked.ok().flatten().as_ref().map(subject)
}

/// Returns the subject of the caller of a request with these values of `Authorization`, if its token is known.
fn known(values: &[&[u8]]) -> Option<String> {
    let headers = headers(values)?;
    let known = VERIFIER.with(|verifier| verifier.jwt.known(&Credentials::new(&headers, None)));
    known.as_deref().map(subject)
}

fn subject(identity: &Identity) -> String {
    assert_eq!(identity.principal.issuer(), Some(ISSUER));
    assert!(!identity.has_expired());
    identity.principal.id().to_owned()
}

/// Returns `true` if the header names the key that signs, and no other kind of token.
fn names(header: &Map<String, Value>, signer: &str) -> bool {
    let algorithms: &[&str] = match signer {
        "ed" => &["EdDSA", "Ed25519"],
        "ec" => &["ES256"],
        _ => &[],
    };
    let is_algorithm = |name: &Value| algorithms.iter().any(|one| name == one);
    let kind = |kind: &str| ["jwt", "at+jwt", "application/at+jwt"].contains(&kind);
    let member = |name| header.get(name).filter(|value| !value.is_null());
    let is_kind = |value: &Value| {
        value
            .as_str()
            .is_some_and(|it| kind(&it.to_ascii_lowercase()))
    };
    header.get("alg").is_some_and(is_algorithm)
        && member("kid").is_none_or(|id| id == signer)
        && member("typ").is_none_or(is_kind)
        && !header.contains_key("crit")
}

/// Returns the subject of claims that are right.
fn caller(claims: &Map<String, Value>) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let now = now.as_secs_f64();
    let time = |name| claims.get(name).map(Value::as_f64);
    let has_begun = |name| time(name).is_none_or(|it| it.is_some_and(|it| it <= now + LEEWAY));
    let is_or_lacks = |name, value: &str| claims.get(name).is_none_or(|it| it == value);
    let is_addressed = match claims.get("aud")? {
        Value::Array(all) => all.iter().any(|one| one == SERVER),
        one => one == SERVER,
    };
    let is_right = is_addressed
        && claims.get("iss")? == ISSUER
        && time("exp")?? + LEEWAY > now
        && has_begun("nbf")
        && has_begun("iat")
        && is_or_lacks("token_use", "access")
        && is_or_lacks("typ", "Bearer")
        && !["at_hash", "c_hash", "cnf"]
            .iter()
            .any(|name| claims.contains_key(*name));
    let named = |name| claims.get(name).and_then(Value::as_str);
    let subject = named("sub").or_else(|| named("client_id"))?;
    (is_right && (1..=512).contains(&subject.len())).then(|| subject.to_owned())
}
