//! The certificate authorities that clients of this crate trust, and their configuration of TLS.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Returns the certificate authorities of the system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
///
/// # Errors
/// Returns an error if there are none.
pub(crate) fn native_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(
            "the system has no certificate authorities: install its package ca-certificates, or set SSL_CERT_FILE"
                .to_owned(),
        );
    }
    Ok(roots)
}

/// Returns the configuration of a client that trusts these certificate authorities.
///
/// # Errors
/// Returns an error if the provider has no protocol versions.
pub(crate) fn client_config(roots: RootCertStore) -> Result<ClientConfig, String> {
    // The provider is named, because an application may have none as the default of its process.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
