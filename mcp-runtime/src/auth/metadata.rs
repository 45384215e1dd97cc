//! The metadata of an authorization server (RFC 8414 and OpenID Connect Discovery 1.0).

use serde::Deserialize;

use super::address::{Address, Reach};
use super::fetch::{Fetch, FetchError};

/// An authorization server.
#[derive(Debug, Clone)]
pub(super) struct Issuer {
    /// The issuer identifier, compared character by character with that of metadata and tokens.
    pub(super) id: String,
    address: Address,
    pub(super) fetch: Fetch,
}

/// The members of the metadata that a resource server needs.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
    introspection_endpoint: Option<String>,
}

impl Issuer {
    /// Returns the issuer with this identifier.
    ///
    /// # Errors
    /// Returns an error if the identifier is not an `https` URL (or `http` with a literal loopback address), or has a query or
    /// a fragment.
    pub(super) fn new(id: &str) -> Result<Self, String> {
        let address = Address::parse(id)?;
        if address.query().is_some() {
            return Err(format!(
                "the issuer {id:?} has a query, which RFC 8414 does not allow"
            ));
        }
        let reach = Reach {
            loopback: address.is_loopback(),
            private: false,
        };
        Ok(Self {
            id: id.to_owned(),
            address,
            fetch: Fetch::new(reach),
        })
    }

    /// Reads the metadata, from the first of the well-known URLs that has it.
    ///
    /// # Errors
    /// Returns an error, which names the URLs, if none has metadata whose `issuer` is this issuer.
    pub(super) async fn metadata(&self) -> Result<Metadata, String> {
        let mut failures = Vec::new();
        for url in self.well_known() {
            let failure = match self.metadata_at(&url).await {
                Ok(metadata) => return Ok(metadata),
                Err(failure) => failure,
            };
            failures.push(format!("{url}: {failure}"));
            // The other URLs are on the same host.
            if matches!(failure, FetchError::Unreachable(_)) {
                break;
            }
        }
        Err(format!(
            "the metadata of the issuer {} cannot be read: {}",
            self.id,
            failures.join("; ")
        ))
    }

    async fn metadata_at(&self, url: &str) -> Result<Metadata, FetchError> {
        let address = Address::parse(url).map_err(FetchError::Document)?;
        let metadata: Metadata = self.fetch.get(&address).await?;
        if metadata.issuer != self.id {
            return Err(FetchError::Document(format!(
                "the document is that of the issuer {:?}",
                metadata.issuer.chars().take(200).collect::<String>()
            )));
        }
        Ok(metadata)
    }

    /// Returns the URLs of the metadata in the order of the MCP specification: RFC 8414 with the path at the end, OpenID
    /// Connect with the path at the end, and OpenID Connect with the path first.
    fn well_known(&self) -> Vec<String> {
        let origin = self.address.origin();
        let path = self.address.path().trim_end_matches('/');
        let mut urls = vec![
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
            format!("{origin}/.well-known/openid-configuration{path}"),
        ];
        if !path.is_empty() {
            urls.push(format!("{origin}{path}/.well-known/openid-configuration"));
        }
        urls
    }
}

impl Metadata {
    /// Returns the URL of the keys.
    pub(super) fn keys(&self) -> Result<Address, String> {
        endpoint("jwks_uri", self.jwks_uri.as_deref())
    }

    /// Returns the URL of the introspection endpoint.
    pub(super) fn introspection(&self) -> Result<Address, String> {
        let endpoint_url = self.introspection_endpoint.as_deref();
        endpoint("introspection_endpoint", endpoint_url)
    }
}

fn endpoint(name: &str, url: Option<&str>) -> Result<Address, String> {
    let url = url.ok_or_else(|| format!("the metadata of the issuer has no `{name}`"))?;
    Address::parse(url).map_err(|error| format!("`{name}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_urls_of_an_issuer() {
        let urls = |id| Issuer::new(id).unwrap().well_known();
        let root = [
            "https://a.example/.well-known/oauth-authorization-server",
            "https://a.example/.well-known/openid-configuration",
        ];
        assert_eq!(urls("https://a.example"), root);
        assert_eq!(urls("https://a.example/"), root);
        let tenant = [
            "https://a.example:8443/.well-known/oauth-authorization-server/t/1",
            "https://a.example:8443/.well-known/openid-configuration/t/1",
            "https://a.example:8443/t/1/.well-known/openid-configuration",
        ];
        assert_eq!(urls("https://a.example:8443/t/1"), tenant);
        assert_eq!(urls("https://a.example:8443/t/1/"), tenant);
    }

    #[test]
    fn an_issuer_without_https_is_refused() {
        for id in [
            "http://a.example",
            "a.example",
            "https://a.example?b",
            "https://a.example/#",
        ] {
            assert!(Issuer::new(id).is_err(), "{id}");
        }
    }
}
