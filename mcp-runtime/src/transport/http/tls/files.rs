//! The PEM files of TLS.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The maximum size of a file in bytes.
const LARGEST: u64 = 1 << 20;

/// The paths of the files, and what they are for.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The files with the authorities of client certificates.
    pub(crate) authorities: Vec<PathBuf>,
    /// `true` if a connection without a client certificate is refused.
    pub(crate) is_certificate_required: bool,
}

/// The contents of the files.
#[derive(PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Vec<Vec<u8>>,
}

/// The kind and the path of a file, for errors.
struct Place<'a> {
    kind: &'static str,
    path: &'a Path,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the {} `{}`", self.kind, self.path.display())
    }
}

impl Files {
    fn certificate_place(&self) -> Place<'_> {
        Place {
            kind: "certificate file",
            path: &self.certificate,
        }
    }

    fn key_place(&self) -> Place<'_> {
        Place {
            kind: "key file",
            path: &self.key,
        }
    }

    fn authority_places(&self) -> impl Iterator<Item = Place<'_>> {
        let kind = "file of client certificate authorities";
        self.authorities
            .iter()
            .map(move |path| Place { kind, path })
    }

    /// Reads all files.
    ///
    /// # Errors
    /// Returns an error that names the file if one cannot be read.
    pub(super) fn read(&self) -> Result<Contents, String> {
        Ok(Contents {
            certificate: self.certificate_place().read()?,
            key: self.key_place().read()?,
            authorities: self
                .authority_places()
                .map(|place| place.read())
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the certificate of the server, followed by those of intermediate authorities.
    pub(super) fn chain(
        &self,
        contents: &Contents,
    ) -> Result<Vec<CertificateDer<'static>>, String> {
        self.certificate_place().certificates(&contents.certificate)
    }

    pub(super) fn private_key(
        &self,
        contents: &Contents,
    ) -> Result<PrivateKeyDer<'static>, String> {
        let (place, text) = (self.key_place(), &contents.key);
        if contains(text, "ENCRYPTED") {
            let path = place.path.display();
            return Err(format!(
                "{place} is encrypted: decrypt it with `openssl pkey -in {path} -out decrypted.key`"
            ));
        }
        PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
            pem::Error::NoItemsFound => place.lacks("private key", "PRIVATE KEY", text),
            error => place.malformed(error),
        })
    }

    /// Returns the certificates of the authorities, each with the error that names its file if it cannot be used.
    pub(super) fn authorities(
        &self,
        contents: &Contents,
    ) -> Result<Vec<(CertificateDer<'static>, String)>, String> {
        let mut authorities = Vec::new();
        for (place, text) in self.authority_places().zip(&contents.authorities) {
            let unusable = format!("{place} has a certificate that cannot be used");
            let certificates = place.certificates(text)?.into_iter();
            authorities.extend(certificates.map(|one| (one, unusable.clone())));
        }
        Ok(authorities)
    }
}

impl Place<'_> {
    fn read(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = File::open(self.path).and_then(|file| {
            let mut file = file.take(LARGEST + 1);
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(length) if length as u64 <= LARGEST => Ok(bytes),
            Ok(_) => Err(format!(
                "{self} is larger than 1 MiB: it must be a PEM file"
            )),
            Err(error) => Err(format!(
                "{self} cannot be read: {error}: check the path and the permissions"
            )),
        }
    }

    fn certificates(&self, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                Err(self.lacks("certificate", "CERTIFICATE", text))
            }
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.malformed(error)),
        }
    }

    fn lacks(&self, what: &str, section: &str, text: &[u8]) -> String {
        let found = match section {
            _ if text.is_empty() => ": it is empty",
            "CERTIFICATE" if contains(text, "PRIVATE KEY-----") => {
                ", but a private key: are the two files exchanged?"
            }
            "PRIVATE KEY" if contains(text, "BEGIN CERTIFICATE-----") => {
                ", but a certificate: are the two files exchanged?"
            }
            _ => "",
        };
        format!(
            "{self} has no {what}{found}; it needs the format PEM, with a section `-----BEGIN {section}-----`"
        )
    }

    fn malformed(&self, error: pem::Error) -> String {
        format!("{self} is malformed: {error}: replace it by a complete file in the format PEM")
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}
