//! A certificate authority, and the certificates that it issues.

use std::path::PathBuf;
use std::sync::Arc;

use mcp_runtime::PeerCertificate;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

/// An authority whose certificate is in a file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate with its private key.
pub(crate) struct Certified {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pub(crate) pem: String,
}

impl Certified {
    /// Returns the certificate as the server parses it.
    pub(crate) fn parsed(&self) -> PeerCertificate {
        PeerCertificate::from_der(&*self.certificate).unwrap()
    }

    /// Returns the digest as `ClientCertificate::new` takes it.
    pub(crate) fn digest(&self) -> String {
        let digits = self.parsed().sha256().map(|byte| format!("{byte:02X}"));
        format!("sha256:{}", digits.join(":"))
    }
}

/// The parameters of a certificate with these names, which have the prefixes of `PeerCertificate::names`.
pub(crate) fn named(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    for name in names {
        let (kind, name) = name.split_once(':').unwrap();
        let text = || name.try_into().unwrap();
        match kind {
            "dns" => params.subject_alt_names.push(SanType::DnsName(text())),
            "uri" => params.subject_alt_names.push(SanType::URI(text())),
            "email" => params.subject_alt_names.push(SanType::Rfc822Name(text())),
            _ => params.distinguished_name.push(DnType::CommonName, name),
        }
    }
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self {
            issuer,
            folder: TempDir::new().unwrap(),
        };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the path of the certificate of the authority.
    pub(crate) fn file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(crate) fn issue(&self, params: CertificateParams) -> Certified {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// Issues a certificate with these names.
    pub(crate) fn client(&self, names: &[&str]) -> Certified {
        self.issue(named(names))
    }

    /// Issues a certificate that has expired.
    pub(crate) fn expired(&self, names: &[&str]) -> Certified {
        let mut params = named(names);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
        self.issue(params)
    }

    /// Issues a certificate for `localhost`, and writes it and its key into `server.pem` and `server.key`.
    pub(crate) fn certify_server(&self) -> Certified {
        let server = self.issue(named(&["dns:localhost"]));
        self.write("server.pem", &server.pem);
        self.write("server.key", &server.key.serialize_pem());
        server
    }

    /// Returns the configuration of a client that trusts this authority, and has this certificate.
    pub(crate) fn client_config(&self, own: Option<&Certified>) -> ClientConfig {
        self.config_of_versions(own, &[&version::TLS13, &version::TLS12])
    }

    pub(crate) fn config_of_versions(
        &self,
        own: Option<&Certified>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        match own {
            Some(own) => {
                let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
                let chain = vec![own.certificate.clone()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        }
    }
}
