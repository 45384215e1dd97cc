//! The command `manifest`: prints all definitions with their digests, or writes them as a lock file.

mod compare;
mod definitions;
mod excerpt;
mod lock;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;

use super::collect;
use super::output::{self, Failure};
use crate::client::Client;
use crate::lock_file::Record;
use crate::server::ServerHandle;

pub(super) use definitions::Manifest;
pub(super) use lock::Lock;

/// Prints the manifest, or writes it to the lock file.
pub(super) async fn run(
    client: &Client,
    handle: &ServerHandle,
    record: &Record,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let all = collect::declared(client, handle).await?;
    let manifest = Manifest::new(&all, record.recorded());
    if let Some(name) = manifest.unknown().next() {
        // Without its definitions, the file would no longer accept them.
        return Err(lock::unknown(name).into());
    }
    if let Some(path) = matches.get_one::<PathBuf>("write-lock") {
        lock::write(path, &manifest)?;
        let path = path.display().to_string();
        output::write(&if matches.get_flag("json") {
            format!(
                "{:#}",
                json!({ "file": path, "definitions": manifest.len() })
            )
        } else {
            let (count, path) = (manifest.len(), output::line(&path));
            format!("wrote {count} definitions to {path}")
        })?;
    } else {
        output::write(&manifest.to_json())?;
    }
    Ok(ExitCode::SUCCESS)
}
