//! The options of TLS, from the command line or the environment.

use clap::Arg;

use super::output::Failure;
#[cfg(feature = "auth")]
use crate::auth::Auth;
use crate::server::{Server, Tls};

const CERTIFICATE: &str = "tls-cert";
const KEY: &str = "tls-key";
#[cfg(feature = "auth")]
const CLIENT_AUTHORITIES: &str = "tls-client-ca";

/// The names of all options.
pub(super) const NAMES: &[&str] = &[
    CERTIFICATE,
    KEY,
    #[cfg(feature = "auth")]
    CLIENT_AUTHORITIES,
];

/// Returns the options.
pub(super) fn options() -> Vec<Arg> {
    let file = |name, variable| {
        let option = Arg::new(name).long(name).env(variable);
        option.value_name("FILE")
    };
    vec![
        file(CERTIFICATE, "MCP_TLS_CERT").help(
            "Serve HTTPS with the certificate in this PEM file, followed by those of intermediate authorities",
        ),
        file(KEY, "MCP_TLS_KEY").help("The PEM file with the private key of the certificate"),
        #[cfg(feature = "auth")]
        file(CLIENT_AUTHORITIES, "MCP_TLS_CLIENT_CA").help(
            "Accept clients with a certificate of an authority in this PEM file; the caller is the first name of the certificate",
        ),
    ]
}

/// Adds TLS as the options say, whose values `value` returns.
///
/// # Errors
/// Returns an error if one of the two files of the server's certificate is missing.
pub(super) fn encrypted<'a>(
    server: Server,
    value: impl Fn(&str) -> Option<&'a str>,
) -> Result<Server, Failure> {
    let server = match (value(CERTIFICATE), value(KEY)) {
        (Some(certificate), Some(key)) => server.tls(Tls::from_files(certificate, key)),
        (None, None) => server,
        _ => {
            let problem = "`--tls-cert` (MCP_TLS_CERT) and `--tls-key` (MCP_TLS_KEY) need each other: add the other one";
            return Err(problem.into());
        }
    };
    #[cfg(feature = "auth")]
    if let Some(authorities) = value(CLIENT_AUTHORITIES) {
        return Ok(server.auth(Auth::mutual_tls(authorities)));
    }
    Ok(server)
}
