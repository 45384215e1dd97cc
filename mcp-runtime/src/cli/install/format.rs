//! The formats of configuration files.

use super::document::Document;
use super::{json, toml, yaml};

/// The format of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON, with comments and trailing commas.
    Json,
    Toml,
    Yaml,
}

impl Format {
    /// Parses a file. An empty text is a file without members.
    ///
    /// # Errors
    /// Returns an error, which names the line, if the text does not have this format.
    pub(super) fn parse(self, text: &str) -> Result<Box<dyn Document>, String> {
        Ok(match self {
            Self::Json => Box::new(json::JsonFile::parse(text)?),
            Self::Toml => Box::new(toml::TomlFile::parse(text)?),
            Self::Yaml => Box::new(yaml::YamlFile::parse(text)?),
        })
    }
}
