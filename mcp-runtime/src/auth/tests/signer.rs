//! Keys that sign tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

use super::super::algorithm::{KeyKind, SigningAlgorithm};
use super::SERVER;
use crate::store::now;

/// A key pair with the public key as published.
pub(super) struct Signer {
    pub(super) jwk: Value,
    /// The header of its tokens.
    pub(super) header: Value,
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Signer {
    pub(super) fn new(algorithm: SigningAlgorithm, name: &str, id: &str) -> Self {
        let (key, mut jwk) = generate(algorithm);
        jwk["kid"] = json!(id);
        jwk["use"] = json!("sig");
        Self {
            jwk,
            header: json!({ "alg": name, "kid": id, "typ": "at+jwt" }),
            key,
            algorithm: algorithm.verified(),
        }
    }

    /// Returns a signer with ES256, the fastest to generate.
    pub(super) fn es256(id: &str) -> Self {
        Self::new(SigningAlgorithm::ES256, "ES256", id)
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header, claims)
    }

    /// Signs a token whose header has these members, too.
    pub(super) fn sign_adding(&self, members: Value, claims: &Value) -> String {
        self.sign_with(&merged(&self.header, members), claims)
    }

    pub(super) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// Returns a key with the algorithm HS256.
pub(super) fn hmac(secret: &[u8], id: &str) -> Signer {
    Signer {
        jwk: json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret), "kid": id, "alg": "HS256" }),
        header: json!({ "alg": "HS256", "kid": id, "typ": "at+jwt" }),
        key: EncodingKey::from_secret(secret).unwrap(),
        algorithm: Algorithm::HS256,
    }
}

/// Returns the claims of a valid token.
pub(super) fn claims(issuer: &str) -> Value {
    let now = seconds();
    json!({
        "iss": issuer, "aud": SERVER, "sub": "alice", "client_id": "script",
        "iat": now, "exp": now + 600, "scope": "tools:read tools:write",
    })
}

/// Returns the time in seconds since 1970.
pub(super) fn seconds() -> i64 {
    i64::try_from(now() / 1000).unwrap()
}

/// Returns a JSON object with more members. Those that are `null` are removed.
pub(super) fn merged(object: &Value, members: Value) -> Value {
    let mut object = object.as_object().unwrap().clone();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    Value::Object(object)
}

pub(super) fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn generate(algorithm: SigningAlgorithm) -> (EncodingKey, Value) {
    let curves = match algorithm.key_kind() {
        KeyKind::Rsa => return generate_rsa(),
        KeyKind::Ed25519 => return generate_ed25519(),
        KeyKind::P256 => (&rcgen::PKCS_ECDSA_P256_SHA256, "P-256"),
        KeyKind::P384 => (&rcgen::PKCS_ECDSA_P384_SHA384, "P-384"),
    };
    let der = KeyPair::generate_for(curves.0).unwrap().serialize_der();
    let public = DEFAULT_PROVIDER
        .key_utils
        .ec_pub_components_from_private_key;
    let (_, x, y) = public(&der, algorithm.verified()).unwrap();
    let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
    let jwk = json!({ "kty": "EC", "crv": curves.1, "x": x, "y": y });
    (EncodingKey::from_ec_der(&der), jwk)
}

fn generate_rsa() -> (EncodingKey, Value) {
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
    // The format PKCS #8 is that of PKCS #1 after 26 bytes, which name the algorithm.
    let der = &key.unwrap().serialize_der()[26..];
    let key = EncodingKey::from_rsa_der(der);
    let public = DEFAULT_PROVIDER
        .key_utils
        .rsa_pub_components_from_private_key;
    let (n, e) = public(der).unwrap();
    let [n, e] = [n, e].map(|part| URL_SAFE_NO_PAD.encode(part));
    (key, json!({ "kty": "RSA", "n": n, "e": e }))
}

fn generate_ed25519() -> (EncodingKey, Value) {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let der = key.serialize_der();
    let public = DEFAULT_PROVIDER
        .key_utils
        .ed_pub_components_from_private_key;
    let x = public(&der, &EllipticCurve::Ed25519).unwrap();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x) });
    (EncodingKey::from_ed_der(&der), jwk)
}
