//! The public API of the published crates: each line of a snapshot is one item.
//!
//! Every difference is an error, so that no change of the API goes unnoticed. `BLESS=1` rewrites the snapshots, and
//! `CHANGELOG.md` must name the change. The test needs the output of rustdoc in JSON, which stable Rust offers behind `RUSTC_BOOTSTRAP`.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Documents the libraries of the workspace as `cargo doc` does, in JSON, and returns the folder of the documentation.
///
/// With the same packages and features, it uses what `cargo doc` has built before.
fn documentation() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = root().join("target");
        let status = Command::new(env!("CARGO"))
            .args([
                "doc",
                "--quiet",
                "--workspace",
                "--all-features",
                "--no-deps",
                "--lib",
            ])
            .current_dir(root())
            // It sets `RUSTC_BOOTSTRAP` for rustdoc alone: cargo would build all crates again that look at this variable.
            .env("RUSTDOC", root().join("tests/api/rustdoc"))
            .env(
                "RUSTDOCFLAGS",
                "-Z unstable-options --output-format json --cap-lints allow",
            )
            .env("CARGO_TARGET_DIR", &target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "rustdoc failed");
        target.join("doc")
    });
    &FOLDER
}

/// Returns the items of a library, one per line.
fn api(library: &str) -> String {
    let json = documentation().join(format!("{library}.json"));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .expect("the format of rustdoc is known");
    api.items().map(|item| format!("{item}\n")).collect()
}

/// Returns `true` if an item names a type by a path through a module that is not public.
fn names_a_private_module(item: &str, library: &str) -> bool {
    let root = format!("{library}::");
    let paths = item.split(&root).skip(1);
    let mut modules = paths
        .filter_map(|path| path.split_once("::"))
        .map(|(module, _)| module);
    modules.any(|module| {
        module.starts_with(|letter: char| letter.is_lowercase())
            && module
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
            && !["check", "layer", "prelude"].contains(&module)
    })
}

fn check(folder: &str, library: &str) {
    let api = api(library);
    assert!(api.lines().count() >= 5, "{folder} has no API:\n{api}");
    let hidden: Vec<&str> = api
        .lines()
        .filter(|item| names_a_private_module(item, library))
        .collect();
    assert!(
        hidden.is_empty(),
        "types that users cannot name:\n{}",
        hidden.join("\n")
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{folder}.txt"));
    if env::var_os("BLESS").is_some() {
        assert!(
            env::var_os("CI").is_none(),
            "CI compares snapshots, and never writes them"
        );
        fs::write(path, api).expect("the snapshot can be written");
        return;
    }
    let snapshot = fs::read_to_string(&path).expect("the snapshot is part of the repository");
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
        (snapshot.lines().collect(), api.lines().collect());
    let removed = old.difference(&new).map(|item| format!("- {item}\n"));
    let added = new.difference(&old).map(|item| format!("+ {item}\n"));
    let changes: String = removed.chain(added).collect();
    assert!(
        changes.is_empty(),
        "the public API of {folder} differs from its snapshot; if this is meant, run with BLESS=1 and name the change in \
         CHANGELOG.md:\n{changes}"
    );
}

#[test]
fn the_api_of_the_runtime_is_that_of_its_snapshot() {
    check("mcp-runtime", "mcp_runtime");
}

#[test]
fn the_api_of_the_macros_is_that_of_its_snapshot() {
    check("mcp-macros", "mcp_macros");
}
