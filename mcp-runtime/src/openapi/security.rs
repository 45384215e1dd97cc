//! Security schemes, and the credentials of requests.
//!
//! See <https://spec.openapis.org/oas/v3.1.0#security-scheme-object>.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::document::{Document, encoded};
use super::parameter::Place;
use crate::error::ToolError;
use crate::secret::Secret;
use crate::service::BoxFuture;

/// A security scheme that this crate can use.
#[derive(Debug)]
pub(super) struct Scheme {
    pub(super) name: String,
    way: Way,
}

/// The place and the form of a credential.
#[derive(Debug)]
enum Way {
    ApiKey(Place, String),
    /// `bearer`, also for the access tokens of `oauth2` and `openIdConnect`.
    Bearer,
    /// The secret is `user:password`.
    Basic,
}

/// The schemes of a specification. Those of another kind, such as client certificates, are left to the client.
pub(super) fn schemes(document: &Document) -> Vec<Arc<Scheme>> {
    let schemes = document.components("securitySchemes").into_iter().flatten();
    let schemes = schemes.filter_map(|(name, scheme)| {
        let scheme = document.resolve(scheme).ok()?;
        let way = way(scheme)?;
        let name = name.clone();
        Some(Arc::new(Scheme { name, way }))
    });
    schemes.collect()
}

fn way(scheme: &Value) -> Option<Way> {
    match scheme["type"].as_str()? {
        "apiKey" => {
            let place = match scheme["in"].as_str()? {
                "query" => Place::Query,
                "header" => Place::Header,
                "cookie" => Place::Cookie,
                _ => return None,
            };
            Some(Way::ApiKey(place, scheme["name"].as_str()?.to_owned()))
        }
        "http" => {
            let name = scheme["scheme"].as_str()?;
            if name.eq_ignore_ascii_case("basic") {
                return Some(Way::Basic);
            }
            name.eq_ignore_ascii_case("bearer").then_some(Way::Bearer)
        }
        "oauth2" | "openIdConnect" => Some(Way::Bearer),
        _ => None,
    }
}

/// Returns `true` if a parameter is the credential of a scheme, so that it is no argument.
pub(super) fn is_secret(schemes: &[Arc<Scheme>], place: Place, name: &str) -> bool {
    schemes.iter().any(|scheme| match &scheme.way {
        Way::ApiKey(of, key) if place == Place::Header => {
            *of == place && key.eq_ignore_ascii_case(name)
        }
        Way::ApiKey(of, key) => *of == place && key == name,
        _ => false,
    })
}

/// The ways in which an operation can be authenticated: one of these lists, with all of its schemes.
pub(super) type Alternatives = Vec<Vec<Arc<Scheme>>>;

/// Returns the alternatives of an operation. Those with a scheme that is not known are left out.
pub(super) fn alternatives(
    document: &Document,
    operation: &Value,
    schemes: &[Arc<Scheme>],
) -> Alternatives {
    let security = operation.get("security");
    let security = security.unwrap_or_else(|| document.member("security"));
    let alternatives = security.as_array().into_iter().flatten();
    let alternatives = alternatives.filter_map(|alternative| {
        let names = alternative.as_object()?.keys();
        let find = |name: &String| schemes.iter().find(|it| it.name == *name).cloned();
        names.map(find).collect()
    });
    alternatives.collect()
}

type Lookup = dyn Fn(String) -> BoxFuture<Result<Option<Secret<String>>, ToolError>> + Send + Sync;

/// The secrets of the security schemes.
#[derive(Default)]
pub(super) struct Secrets {
    pub(super) fixed: HashMap<String, Secret<String>>,
    pub(super) lookup: Option<Box<Lookup>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets(..)")
    }
}

impl Secrets {
    async fn get(&self, scheme: &str) -> Result<Option<Secret<String>>, ToolError> {
        match (self.fixed.get(scheme), &self.lookup) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some(lookup)) => lookup(scheme.to_owned()).await,
            (None, None) => Ok(None),
        }
    }

    /// Returns the credentials of the first alternative whose secrets are all known, or none.
    ///
    /// # Errors
    /// Returns the error of the function that looks up secrets.
    pub(super) async fn credentials(
        &self,
        alternatives: &Alternatives,
    ) -> Result<Credentials, ToolError> {
        'alternatives: for alternative in alternatives {
            let mut credentials = Credentials::default();
            for scheme in alternative {
                match self.get(&scheme.name).await? {
                    Some(secret) => credentials.add(scheme, secret),
                    None => continue 'alternatives,
                }
            }
            return Ok(credentials);
        }
        Ok(Credentials::default())
    }
}

/// The credentials of one request.
#[derive(Default)]
pub(super) struct Credentials {
    /// With names as they are.
    pub(super) headers: Vec<(String, Secret<String>)>,
    /// Pairs of the query, encoded.
    pub(super) query: Vec<(String, Secret<String>)>,
    /// Pairs of cookies, encoded.
    pub(super) cookies: Vec<(String, Secret<String>)>,
    /// All texts that must not be shown.
    secrets: Vec<Secret<String>>,
}

impl Credentials {
    fn add(&mut self, scheme: &Scheme, secret: Secret<String>) {
        let value = secret.expose();
        match &scheme.way {
            Way::Bearer => self.authorization(format!("Bearer {value}")),
            Way::Basic => {
                let pair = STANDARD.encode(value);
                self.authorization(format!("Basic {pair}"));
                self.secrets.push(pair.into());
            }
            Way::ApiKey(Place::Query, name) => {
                self.query.push((encoded(name), encoded(value).into()));
                self.secrets.push(encoded(value).into());
            }
            Way::ApiKey(Place::Cookie, name) => {
                self.cookies.push((encoded(name), encoded(value).into()));
                self.secrets.push(encoded(value).into());
            }
            Way::ApiKey(_, name) => self.headers.push((name.clone(), secret.clone())),
        }
        self.secrets.push(secret);
    }

    fn authorization(&mut self, value: String) {
        self.headers
            .push(("authorization".to_owned(), value.into()));
    }

    /// Returns a text without secrets, for models and logs.
    pub(super) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let secret = secret.expose();
            // A shorter one could be part of any word.
            if secret.len() >= 4 && text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "[secret]");
            }
        }
        text
    }
}
