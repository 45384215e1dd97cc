//! Files as resources: `file://` URIs with absolute paths.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use mcp_runtime::{Completion, prelude::*};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::jail::{Directories, Jail};
use crate::listing::entries;
use crate::reading::{TEXT_BYTES, read_at_most};
use crate::search::walk;

/// The maximum number of files that are listed.
const LISTED: usize = 1000;

/// The characters that are encoded in a segment of a URI.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A file, as text or as bytes.
#[resource("file:///{+path}", list = list_files)]
async fn file(
    /// The absolute path without its first slash.
    #[arg(complete = complete_path)]
    path: String,
    jail: Jail,
) -> Result<Option<ResourceContents>, ToolError> {
    jail.run(move |jail| read(jail, &format!("/{path}"))).await
}

fn read(jail: &Jail, path: &str) -> Result<Option<ResourceContents>, ToolError> {
    // A path that leads out of the directories is reported like a missing file.
    let Ok(place) = jail.find(path) else {
        return Ok(None);
    };
    if place.metadata().is_err() {
        return Ok(None);
    }
    let bytes = read_at_most(place.open()?, TEXT_BYTES).map_err(|error| place.error(error))?;
    let bytes = bytes.ok_or_else(|| place.error(format!("larger than {TEXT_BYTES} bytes")))?;
    let contents = String::from_utf8(bytes).map_or_else(
        |error| ResourceContents::bytes(error.into_bytes()).mime("application/octet-stream"),
        |text| ResourceContents::text(text).mime("text/plain"),
    );
    Ok(Some(contents))
}

/// Lists the files of the directories of the command line: the roots of a client cannot be asked for here.
fn list_files(directories: State<Directories>) -> Vec<ResourceLink> {
    let mut links = Vec::new();
    for directory in directories.jail().directories() {
        let walked = walk(&directory.dir, "", 0, &mut |_, entry, path| {
            if entry.kind.is_file() {
                links.push(ResourceLink::new(uri_of(&directory.path.join(path)), path));
            }
            let is_full = links.len() >= LISTED;
            if is_full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(true)
            }
        });
        if walked.is_break() {
            break;
        }
    }
    links
}

/// Returns the URI of an absolute path. Each segment is encoded: a name may contain `%`, `?` and `#`.
pub(crate) fn uri_of(path: &Path) -> String {
    let segments = path.components().filter_map(|component| match component {
        std::path::Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    let encoded = segments.map(|name| format!("/{}", utf8_percent_encode(&name, ESCAPED)));
    format!("file://{}", encoded.collect::<String>())
}

/// Completes a path up to its next slash. A missing directory has no completions.
fn complete_path(completion: Completion, directories: State<Directories>) -> Vec<String> {
    complete(completion.value(), &directories.jail()).unwrap_or_default()
}

fn complete(typed: &str, jail: &Jail) -> io::Result<Vec<String>> {
    let (above, _) = typed.split_at(typed.rfind('/').map_or(0, |slash| slash + 1));
    let path = format!("/{above}");
    let Ok(place) = jail.find(&path) else {
        return Ok(complete_directory(typed, jail));
    };
    let found = entries(&place.directory.dir.open_dir(&place.below)?)?.into_iter();
    let found = found.filter(|entry| entry.kind.is_file() || entry.kind.is_dir());
    let paths = found.map(|entry| {
        let end = if entry.kind.is_dir() { "/" } else { "" };
        format!("{above}{}{end}", entry.name)
    });
    Ok(paths.filter(|path| path.starts_with(typed)).collect())
}

/// Completes the path of an allowed directory.
fn complete_directory(typed: &str, jail: &Jail) -> Vec<String> {
    let paths = jail
        .directories()
        .iter()
        .map(|it| it.path.display().to_string());
    let paths = paths.filter_map(|path| Some(format!("{}/", path.strip_prefix('/')?)));
    paths.filter(|path| path.starts_with(typed)).collect()
}
