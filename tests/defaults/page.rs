//! The tables of `docs/defaults.md`. The unit tests of `mcp-runtime` read them, too.

use std::collections::BTreeMap;
use std::time::Duration;

const PAGE: &str = include_str!("../../docs/defaults.md");

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    meaning: &'static str,
    default: &'static str,
    over: &'static str,
    beyond: &'static str,
}

/// Returns the rows by their names.
pub(crate) fn rows() -> BTreeMap<&'static str, Row> {
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut rows = BTreeMap::new();
    for line in lines {
        let (name, rest) = line.split_once('`').expect(line);
        let cells: Vec<&str> = rest.trim_end_matches('|').split(" | ").collect();
        let [meaning, default, over, _, beyond] = cells[..] else {
            panic!("not five cells: {line}");
        };
        let beyond = beyond.trim();
        let row = Row {
            meaning,
            default,
            over,
            beyond,
        };
        assert!(rows.insert(name, row).is_none(), "two rows of {name}");
    }
    rows
}

/// Returns the row of this name.
pub(crate) fn row(name: &str) -> Row {
    rows().remove(name).expect(name)
}

impl Row {
    /// Returns the default as a number: of bytes, if it has a unit of bytes.
    pub(crate) fn number(&self) -> usize {
        let (number, unit) = self.default.split_once(' ').unwrap_or((self.default, ""));
        let number: usize = number.replace(',', "").parse().expect(self.default);
        match unit {
            "KiB" => number << 10,
            "MiB" => number << 20,
            _ => number,
        }
    }

    /// Returns the default as a time.
    pub(crate) fn time(&self) -> Duration {
        let seconds = self.default.strip_suffix(" s").expect(self.default);
        Duration::from_secs(seconds.replace(',', "").parse().expect(seconds))
    }

    /// Fails unless this is the default.
    pub(crate) fn is(self, default: &str) -> Self {
        assert_eq!(self.default, default);
        self
    }

    /// Fails unless the meaning of the row contains this.
    pub(crate) fn means(self, text: &str) -> Self {
        assert!(self.meaning.contains(text), "{text}: {}", self.meaning);
        self
    }

    /// Fails unless the row applies to all transports and revisions.
    pub(crate) fn for_all(self) -> Self {
        assert_eq!(self.over, "all");
        self
    }

    /// Fails unless the row says that this happens beyond the default.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        assert!(
            self.beyond.contains(text),
            "{text} is not in: {}",
            self.beyond
        );
    }

    /// Fails unless the row has this code, and this status if it is not 200.
    #[track_caller]
    pub(crate) fn says_refusal(&self, code: Option<i64>, status: Option<u16>) {
        if let Some(code) = code {
            self.says(&code.to_string());
        }
        if let Some(status) = status.filter(|status| *status != 200) {
            self.says(&format!("HTTP {status}"));
        }
    }
}
