//! The tools that list directories and describe files.

use std::fmt::Write as _;
use std::io;

use cap_std::fs::{Dir, DirEntry, FileType, Metadata};
use jiff::Timestamp;
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::jail::Jail;
use crate::{Text, text};

/// An entry of a directory.
pub(crate) struct Entry {
    /// A name that is not UTF-8 has replacement characters.
    pub(crate) name: String,
    pub(crate) kind: FileType,
}

impl Entry {
    fn new(entry: &DirEntry) -> io::Result<Self> {
        Ok(Self {
            name: entry.file_name().to_string_lossy().into_owned(),
            kind: entry.file_type()?,
        })
    }

    /// Returns the name with its mark. A link has the mark of a file, whatever it leads to.
    fn marked(&self) -> String {
        let mark = if self.kind.is_dir() {
            "[DIR]"
        } else {
            "[FILE]"
        };
        format!("{mark} {}", self.name)
    }
}

/// Returns the entries of a directory, sorted by name, without those that are removed meanwhile.
pub(crate) fn entries(directory: &Dir) -> io::Result<Vec<Entry>> {
    let entries = directory.entries()?.filter_map(Result::ok);
    let mut entries: Vec<Entry> = entries
        .filter_map(|entry| Entry::new(&entry).ok())
        .collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// List the files and directories in a directory.
#[tool(title = "List Directory", read_only, open_world = false)]
async fn list_directory(
    /// The directory.
    path: String,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let entries = entries(&place.open_dir()?).map_err(|error| place.error(error))?;
        let lines: Vec<String> = entries.iter().map(Entry::marked).collect();
        text(lines.join("\n"))
    })
    .await
}

#[derive(Clone, Copy, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Name,
    Size,
}

/// List the files and directories in a directory with their sizes.
#[tool(title = "List Directory with Sizes", read_only, open_world = false)]
async fn list_directory_with_sizes(
    /// The directory.
    path: String,
    /// The order of the list: by name, or the largest file first.
    #[arg(name = "sortBy", default)]
    sort_by: Order,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let dir = place.open_dir()?;
        let entries = entries(&dir).map_err(|error| place.error(error))?;
        // A link that leads out of the allowed directories has no size.
        let size = |entry: &Entry| dir.metadata(&entry.name).map_or(0, |it| it.len());
        let mut sized: Vec<(u64, Entry)> = entries.into_iter().map(|it| (size(&it), it)).collect();
        match sort_by {
            Order::Name => sized.sort_by_cached_key(|(_, entry)| entry.name.to_lowercase()),
            Order::Size => sized.sort_by_key(|(size, _)| std::cmp::Reverse(*size)),
        }
        text(table(&sized))
    })
    .await
}

fn table(entries: &[(u64, Entry)]) -> String {
    let mut table = String::new();
    let (mut directories, mut bytes) = (0, 0_u64);
    for (size, entry) in entries {
        let (mark, size) = if entry.kind.is_dir() {
            directories += 1;
            ("[DIR]", String::new())
        } else {
            bytes = bytes.saturating_add(*size);
            ("[FILE]", format!("{:>10}", in_units(*size)))
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(table, "{mark} {:<30} {size}", entry.name);
    }
    let files = entries.len() - directories;
    let bytes = in_units(bytes);
    format!("{table}\nTotal: {files} files, {directories} directories\nCombined size: {bytes}")
}

/// Returns a size in the largest unit of which there is at least one.
fn in_units(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[allow(clippy::cast_precision_loss)] // two decimals are shown
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    format!("{size:.2} {unit}")
}

/// Describe a file or directory: its size, its times, its kind and its permissions.
#[tool(title = "Get File Info", read_only, open_world = false)]
async fn get_file_info(
    /// The file or directory.
    path: String,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let metadata = place.metadata().map_err(|error| place.error(error))?;
        let time = |time: io::Result<cap_std::time::SystemTime>| {
            let time = time.ok().and_then(|it| Timestamp::try_from(it.into_std()).ok());
            time.map_or_else(|| "unknown".to_owned(), |it| it.strftime("%FT%TZ").to_string())
        };
        text(format!(
            "size: {}\ncreated: {}\nmodified: {}\naccessed: {}\nisDirectory: {}\nisFile: {}\npermissions: {}",
            metadata.len(),
            time(metadata.created()),
            time(metadata.modified()),
            time(metadata.accessed()),
            metadata.is_dir(),
            metadata.is_file(),
            permissions(&metadata),
        ))
    })
    .await
}

#[cfg(unix)]
fn permissions(metadata: &Metadata) -> String {
    use cap_std::fs::PermissionsExt;
    format!("{:03o}", metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn permissions(metadata: &Metadata) -> String {
    let read_only = metadata.permissions().readonly();
    if read_only { "444" } else { "666" }.to_owned()
}

/// List the directories that this server may use, with everything in them.
#[tool(title = "List Allowed Directories", read_only, open_world = false)]
async fn list_allowed_directories(jail: Jail) -> Result<Text, ToolError> {
    jail.run(move |jail| text(format!("Allowed directories:\n{}", jail.list())))
        .await
}

#[cfg(test)]
mod tests {
    use super::in_units;

    #[test]
    fn sizes_have_units() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KB"),
            (1536, "1.50 KB"),
            (5 << 20, "5.00 MB"),
            (1 << 50, "1024.00 TB"),
        ] {
            assert_eq!(in_units(bytes), shown);
        }
    }
}
