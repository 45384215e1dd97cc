//! `bundle`: the program as an MCP bundle (`.mcpb`), and its entry for the MCP registry (`server.json`).

mod description;
mod options;
mod program;

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use self::description::{Bundle, platform};
use self::program::Program;
use super::output::{Failure, lines, write};
use crate::client::Client;
use crate::hexadecimal::hexadecimal;
pub(super) use options::command;

/// The permissions of the program in the bundle.
const EXECUTABLE: u32 = 0o755;

/// Writes the bundle and, if the options name the server in the registry, its `server.json`.
pub(super) async fn run(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let program = Program::read()?;
    let bundle = Bundle::new(client, matches, &program).await?;
    let archive = archive(&bundle, &program)?;
    let folder = matches
        .get_one::<PathBuf>("out")
        .cloned()
        .unwrap_or_default();
    let path = folder.join(bundle.file_name());
    let digest = hexadecimal(&Sha256::digest(&archive));
    if let Some(folder) = path.parent().filter(|it| *it != Path::new("")) {
        fs::create_dir_all(folder).map_err(|error| failure(folder, &error))?;
    }
    fs::write(&path, &archive).map_err(|error| failure(&path, &error))?;
    let mut written = vec![path];
    if let Some(entry) = bundle.registry_entry(&digest)? {
        let path = folder.join("server.json");
        fs::write(&path, format!("{entry:#}\n")).map_err(|error| failure(&path, &error))?;
        written.push(path);
    }
    report(matches, &written, &digest)
}

/// Returns the bytes of the bundle. The same program gives the same bytes, because the times of the files are not in it.
fn archive(bundle: &Bundle, program: &Program) -> Result<Vec<u8>, Failure> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let file = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    archive.start_file("manifest.json", file)?;
    archive.write_all(format!("{:#}\n", bundle.manifest()).as_bytes())?;
    if let Some(icon) = &bundle.icon {
        archive.start_file("icon.png", file)?;
        archive.write_all(icon)?;
    }
    archive.start_file(program.entry_point(), file.unix_permissions(EXECUTABLE))?;
    archive.write_all(&program.bytes)?;
    Ok(archive.finish()?.into_inner())
}

fn failure(path: &Path, error: &std::io::Error) -> String {
    format!("`{}` cannot be written: {error}", path.display())
}

fn report(matches: &ArgMatches, written: &[PathBuf], digest: &str) -> Result<ExitCode, Failure> {
    let paths: Vec<_> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if matches.get_flag("json") {
        let report = json!({ "files": paths, "sha256": digest, "platform": platform() });
        write(&format!("{report:#}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text: Vec<String> = paths.iter().map(|path| format!("wrote {path}")).collect();
    text.push(format!("for {}, SHA-256 {digest}", platform()));
    if written.len() == 1 {
        text.push(
            "`--registry-name io.github.USER/NAME --download URL` also writes server.json for the MCP registry".to_owned(),
        );
    }
    if cfg!(debug_assertions) {
        text.push("this is a debug build: bundle one of `cargo build --release`".to_owned());
    }
    write(&lines(text.into_iter()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
