//! Names and options that several commands use.

use clap::{Arg, ArgAction};

/// The command that serves, as no other does.
pub(super) const DEV: &str = "dev";

pub(super) fn json_flag() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON")
}
