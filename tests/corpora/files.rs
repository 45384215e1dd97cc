//! The files of the collections.

use std::path::{Path, PathBuf};

/// The verdict of `JSONTestSuite` about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused,
    Either,
}

/// A file of `JSONTestSuite`.
#[derive(Debug)]
pub(crate) struct JsonFile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) verdict: Verdict,
}

/// Returns the files of <https://github.com/nst/JSONTestSuite>, or `None` if they are not beside the repository.
pub(crate) fn json_files() -> Option<Vec<JsonFile>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/json");
    let folder = folder.join("test_parsing");
    if !folder.is_dir() {
        let is_ci = std::env::var_os("CI").is_some();
        assert!(!is_ci, "{} does not exist", folder.display());
        return None;
    }
    let files = sorted(&folder).into_iter().map(|path| JsonFile {
        verdict: match path.file_name().unwrap().as_encoded_bytes()[0] {
            b'y' => Verdict::Accepted,
            b'n' => Verdict::Refused,
            _ => Verdict::Either,
        },
        bytes: std::fs::read(&path).unwrap(),
        name: name(&path),
    });
    Some(files.collect())
}

/// Returns a folder of the files that `tests/corpora/run` has downloaded.
pub(crate) fn downloaded(folder: &str) -> PathBuf {
    let corpora = std::env::var_os("CORPORA");
    let corpora = corpora.expect("`CORPORA` is not set: use tests/corpora/run");
    PathBuf::from(corpora).join(folder)
}

/// Returns the paths in a folder, in the order of their names.
pub(crate) fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Returns the name of a file.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
