//! X.509 certificates of TLS peers: their names, digest and expiry. Chains and signatures are verified by rustls.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{self, Decode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The attribute `commonName` of a subject.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A verified certificate of a TLS client. A clone is cheap.
///
/// The built-in listener verifies certificates with the authorities of `Auth::mutual_tls`. `Credentials::certificate` returns
/// the certificate, and so does the parameter [`Extension<PeerCertificate>`](crate::Extension) of a handler.
///
/// An application that mounts the endpoint and ends TLS itself inserts the certificate that it has verified into the
/// `http::Extensions` of each request:
///
/// ```
/// use mcp_runtime::PeerCertificate;
///
/// fn add_certificate(
///     request: &mut hyper::Request<String>,
///     verified: &[u8],
/// ) -> Result<(), mcp_runtime::CertificateError> {
///     request.extensions_mut().insert(PeerCertificate::from_der(verified)?);
///     Ok(())
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    der: Vec<u8>,
    sha256: [u8; 32],
    names: Vec<String>,
    expires: SystemTime,
}

impl PeerCertificate {
    /// Parses a certificate in the format DER, which the application has verified.
    ///
    /// # Errors
    /// Returns an error if the bytes are not a certificate.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self, CertificateError> {
        let der = der.into();
        let parsed = CertificateInner::<Raw>::from_der(&der).map_err(CertificateError)?;
        let content = parsed.tbs_certificate();
        let names = names(content).map_err(CertificateError)?;
        let expires = UNIX_EPOCH + content.validity().not_after.to_unix_duration();
        let sha256 = Sha256::digest(&der).into();
        Ok(Self(Arc::new(Parts {
            der,
            sha256,
            names,
            expires,
        })))
    }

    /// Returns the certificate in the format DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns the SHA-256 digest of the certificate in the format DER.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }

    /// Returns the names of the subject: the URIs, email addresses and DNS names of the extension `subjectAltName`, and then
    /// the common name, as `uri:..`, `email:..`, `dns:..` and `cn:..`. DNS names are in lower case.
    ///
    /// Names with control characters, and several common names, are left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names.iter().map(String::as_str)
    }

    /// Returns the time after which the certificate is not valid any more.
    pub fn expires(&self) -> SystemTime {
        self.0.expires
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PeerCertificate")
            .field("names", &self.0.names)
            .field("expires", &self.0.expires)
            .finish_non_exhaustive()
    }
}

/// The error of bytes that are not an X.509 certificate.
///
/// ```
/// use mcp_runtime::PeerCertificate;
///
/// let error = PeerCertificate::from_der(b"not a certificate".to_vec()).err();
/// assert!(error.is_some_and(|error| !error.to_string().is_empty()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateError(der::Error);

impl fmt::Display for CertificateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the certificate is malformed: {}", self.0)
    }
}

impl std::error::Error for CertificateError {}

fn names(content: &TbsCertificateInner<Raw>) -> der::Result<Vec<String>> {
    let (mut uris, mut emails, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
    let extension = content.get_extension::<SubjectAltName>()?;
    for name in extension.iter().flat_map(|(_, names)| &names.0) {
        match name {
            GeneralName::UniformResourceIdentifier(uri) => uris.push(format!("uri:{uri}")),
            GeneralName::Rfc822Name(email) => emails.push(format!("email:{email}")),
            GeneralName::DnsName(host) => hosts.push(dns(host.as_str())),
            _ => {}
        }
    }
    let common = common_name(content).map(|name| format!("cn:{name}"));
    let all = [uris, emails, hosts].into_iter().flatten().chain(common);
    Ok(all
        .filter(|name| !name.contains(char::is_control))
        .collect())
}

/// Returns a DNS name as [`PeerCertificate::names`] does.
pub(crate) fn dns(host: &str) -> String {
    format!("dns:{}", host.to_ascii_lowercase())
}

/// Returns the common name; `None` if there is not exactly one.
fn common_name(content: &TbsCertificateInner<Raw>) -> Option<String> {
    let attributes = content.subject().iter();
    let mut common = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    let first = common.next().filter(|_| common.next().is_none())?;
    text(first)
}

fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let value = &attribute.value;
    let utf8 = value.decode_as::<Utf8StringRef<'_>>();
    let text = utf8.map(|text| text.as_str().to_owned());
    let printable = || value.decode_as::<PrintableStringRef<'_>>();
    let text = text.or_else(|_| printable().map(|text| text.as_str().to_owned()));
    let ascii = || value.decode_as::<Ia5StringRef<'_>>();
    let text = text.or_else(|_| ascii().map(|text| text.as_str().to_owned()));
    text.ok()
}
