//! Schemas in the form that the APIs of some models take.
//!
//! A converted schema allows at least what the original allows, in another form: what the form cannot express is said in
//! descriptions. [`Converted::restored`] turns arguments of that form back. Calls are checked against the original schema.
//!
//! Sources, as of 2026-12-01:
//!
//! - Gemini: the type `Schema` of function declarations, <https://github.com/googleapis/python-genai/blob/main/google/genai/types.py>;
//!   names that it does not have fail the request (<https://github.com/pizza-bot-app/pizza-bot/issues/62>), and so do other
//!   formats (<https://github.com/google-gemini/gemini-cli/issues/3178>), enums of numbers
//!   (<https://github.com/microsoft/azure-devops-mcp/issues/145>) and objects without properties
//!   (<https://github.com/MarkusPfundstein/mcp-obsidian/issues/21>).
//! - `OpenAI`: strict schemas, <https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas> and
//!   <https://github.com/openai/openai-python/blob/main/src/openai/lib/_pydantic.py>.

mod convert;
mod converted;
mod form;
mod merge;
mod notes;
mod objects;
mod restore;
mod scalars;
#[cfg(test)]
mod tests;
mod unions;

pub(crate) use converted::Converted;
pub(crate) use form::Dialect;
pub use form::SchemaDialect;
#[cfg(feature = "cli")]
pub(crate) use form::{OPENAI_FORMATS, OPENAI_LEVELS};
pub(crate) use restore::Restored;
