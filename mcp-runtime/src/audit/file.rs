//! The audit in a file, which is rotated by its size.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::{AuditFn, AuditRecord};
use crate::sync::Mutex;

/// The default maximum size of a file.
const MAX_BYTES: u64 = 64 << 20;

/// The default number of older files that are kept.
const KEPT: u32 = 10;

/// The settings of an audit in a file. See [`Audit::file`](super::Audit::file).
///
/// ```no_run
/// use mcp_runtime::{Audit, Server};
///
/// // At most four files of 10 MB.
/// let file = Audit::file("/var/log/app/audit.jsonl").max_bytes(10_000_000).keep(3);
/// let server = Server::new("app", "1.0.0").audit(file);
/// ```
#[derive(Debug, Clone)]
pub struct AuditFile {
    path: PathBuf,
    max_bytes: u64,
    kept: u32,
}

impl AuditFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            max_bytes: MAX_BYTES,
            kept: KEPT,
        }
    }

    /// Sets the size, in bytes, at which the file is rotated.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the number of older files that are kept.
    pub fn keep(mut self, files: u32) -> Self {
        self.kept = files;
        self
    }
}

/// Opens the file, and returns the function that appends records to it.
///
/// # Errors
/// Returns an error if the file cannot be opened.
pub(super) fn start(settings: AuditFile) -> Result<AuditFn, String> {
    let place = settings.path.display().to_string();
    let file = RotatedFile::open(settings)
        .map_err(|error| format!("the audit file `{place}` cannot be opened: {error}"))?;
    let file = Mutex::new(file);
    Ok(Arc::new(move |record| append(&file, record)))
}

/// Appends a record. A record that cannot be written is in the log, so that it is not lost.
fn append(file: &Mutex<RotatedFile>, record: &AuditRecord) {
    let line = serde_json::to_string(record).unwrap_or_default() + "\n";
    if let Err(error) = file.lock().write(line.as_bytes()) {
        tracing::error!(%error, record = line.trim_end(), "an audit record could not be written");
    }
}

struct RotatedFile {
    settings: AuditFile,
    file: File,
    bytes: u64,
}

impl RotatedFile {
    fn open(settings: AuditFile) -> io::Result<Self> {
        let file = open(&settings.path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            settings,
            file,
            bytes,
        })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.settings.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes += length;
        Ok(())
    }

    /// Renames the file and those before it, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let AuditFile { path, kept, .. } = &self.settings;
        for number in (1..*kept).rev() {
            rename(&numbered(path, number), &numbered(path, number + 1))?;
        }
        match kept {
            0 => fs::remove_file(path)?,
            _ => rename(path, &numbered(path, 1))?,
        }
        self.file = open(path)?;
        self.bytes = 0;
        Ok(())
    }
}

/// Renames a file if it exists.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::super::record::AuditDecision;
    use super::*;
    use crate::seal::unique;

    #[test]
    fn a_file_is_rotated_and_no_record_is_lost() {
        let folder = std::env::temp_dir().join(format!("mcp-audit-{}", unique()));
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("audit.jsonl");
        let settings = AuditFile::new(path.clone()).max_bytes(1000).keep(3);
        let lines = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let record = |number: i32| AuditRecord {
            code: Some(number),
            ..AuditRecord::new(AuditDecision::Allowed, "http")
        };
        let mut written = 0;
        // A process that starts again appends.
        for _ in 0..2 {
            let append = start(settings.clone()).expect("the file opens");
            for _ in 0..10 {
                append(&record(written));
                written += 1;
            }
        }
        let paths = [3, 2, 1].map(|number| numbered(&path, number));
        let kept: String = paths
            .iter()
            .chain([&path])
            .map(|path| lines(path))
            .collect();
        let codes: Vec<i64> = kept
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .filter_map(|record| record["code"].as_i64())
            .collect();
        let all: Vec<i64> = (0..i64::from(written)).collect();
        assert!(all.ends_with(&codes), "{codes:?}");
        assert_eq!(codes.len(), kept.lines().count());
        assert!(
            paths
                .iter()
                .chain([&path])
                .all(|path| lines(path).len() <= 1000)
        );
        assert!(!numbered(&path, 4).exists() && paths[2].exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(&folder).expect("removed");
        let missing = start(AuditFile::new(folder.join("audit.jsonl"))).err();
        assert!(missing.is_some_and(|error| error.contains("cannot be opened")));
    }
}
