//! The configuration of rustls from the contents of the files.

use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};

use super::files::{Contents, Files};
use crate::certificate::PeerCertificate;

impl Files {
    /// Returns the configuration for new connections.
    ///
    /// # Errors
    /// Returns an error that names the file if one cannot be used.
    pub(super) fn config(&self, contents: &Contents) -> Result<ServerConfig, String> {
        // The provider is named, because an application may have none as the default of its process.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certified = self.certified_key(contents, &provider)?;
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let verifying = match self.verifier(contents, provider)? {
            Some(verifier) => versions.with_client_cert_verifier(verifier),
            None => versions.with_no_client_auth(),
        };
        let mut config = verifying.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !self.authorities.is_empty() {
            // A resumed session has the client certificate of its first handshake, which is not verified again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    fn certified_key(
        &self,
        contents: &Contents,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, String> {
        let (chain, key) = (self.chain(contents)?, self.private_key(contents)?);
        let (path, of_key) = (self.certificate.display(), self.key.display());
        if let Some(own) = chain.first() {
            self.check_own(own)?;
        }
        CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
                "the key file `{of_key}` does not belong to the certificate file `{path}`, whose first certificate must be that \
                 of the server"
            ),
            error => format!(
                "the key file `{of_key}` has a key that cannot be used: {error}: use an RSA key of 2,048 to 8,192 bits, an \
                 ECDSA key with P-256, P-384 or P-521, or an Ed25519 key"
            ),
        })
    }

    /// Checks the certificate of the server. An expired one is only logged: clients are the ones who refuse it.
    fn check_own(&self, own: &CertificateDer<'_>) -> Result<(), String> {
        let path = self.certificate.display();
        let own = PeerCertificate::from_der(&**own)
            .map_err(|error| format!("the certificate file `{path}` cannot be used: {error}"))?;
        if own.expires() <= SystemTime::now() {
            tracing::warn!(file = %path, "the certificate of the server has expired");
        }
        Ok(())
    }

    /// Returns the verifier of client certificates; `None` if the handshake does not ask for them.
    fn verifier(
        &self,
        contents: &Contents,
        provider: Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        if self.authorities.is_empty() {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        for (authority, unusable) in self.authorities(contents)? {
            let added = roots.add(authority);
            added.map_err(|error| format!("{unusable}: {error}"))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if self.is_certificate_required {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        verifier
            .build()
            .map(Some)
            .map_err(|error| error.to_string())
    }
}
