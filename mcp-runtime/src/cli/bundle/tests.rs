//! Tests of the manifest, the entry for the registry, and the archive.

use std::io::Read as _;

use zip::ZipArchive;

use super::options::Setting;
use super::*;

fn bundle() -> Bundle {
    Bundle {
        name: "calc".to_owned(),
        title: Some("Calculator".to_owned()),
        version: "1.2.3".to_owned(),
        website: None,
        description: "Calculates.".to_owned(),
        author: "Ada".to_owned(),
        license: Some("MIT".to_owned()),
        privacy_policies: vec!["https://example.com/privacy".to_owned()],
        icon: None,
        settings: vec![Setting {
            variable: "API_KEY".to_owned(),
            title: "Your key".to_owned(),
            is_secret: true,
        }],
        arguments: vec!["--verbose".to_owned()],
        entry_point: "server/calc".to_owned(),
        tools: vec![json!({ "name": "add", "description": "Add two numbers." })],
        has_prompts: true,
        published: Some((
            "io.github.ada/calc".to_owned(),
            "https://example.com/calc.mcpb".to_owned(),
        )),
    }
}

#[test]
fn the_manifest_starts_the_program_with_the_settings() {
    let manifest = bundle().manifest();
    let server = &manifest["server"];
    assert_eq!(manifest["manifest_version"], "0.3");
    assert_eq!(server["type"], "binary");
    assert_eq!(server["mcp_config"]["command"], "${__dirname}/server/calc");
    assert_eq!(server["mcp_config"]["args"], json!(["--verbose"]));
    assert_eq!(
        server["mcp_config"]["env"]["API_KEY"],
        "${user_config.api_key}"
    );
    assert_eq!(manifest["user_config"]["api_key"]["sensitive"], true);
    assert_eq!(manifest["prompts_generated"], true);
    assert_eq!(
        manifest["privacy_policies"],
        json!(["https://example.com/privacy"])
    );
    assert!(manifest.get("homepage").is_none());
}

#[test]
fn the_registry_refuses_what_is_said_before_it_is_published() {
    let entry = bundle().registry_entry("00ff").unwrap().unwrap();
    let package = &entry["packages"][0];
    assert_eq!(
        (&package["registryType"], &package["fileSha256"]),
        (&json!("mcpb"), &json!("00ff"))
    );
    assert_eq!(package["environmentVariables"][0]["isSecret"], true);
    let unpublished = Bundle {
        published: None,
        ..bundle()
    };
    assert_eq!(unpublished.registry_entry("00ff"), Ok(None));
    let long = Bundle {
        description: "x".repeat(101),
        ..bundle()
    };
    assert!(long.registry_entry("00ff").is_err());
    for (name, url) in [
        ("calc", "https://example.com/calc.mcpb"),
        ("ada/calc", "https://example.com/calc.mcpb"),
        ("io.github.ada/", "https://example.com/calc.mcpb"),
        ("io.github.ada/a/b", "https://example.com/calc.mcpb"),
        ("io.github.ada/calc", "http://example.com/calc.mcpb"),
        ("io.github.ada/calc", "https://example.com/calc.zip"),
    ] {
        let published = Some((name.to_owned(), url.to_owned()));
        let bundle = Bundle {
            published,
            ..bundle()
        };
        assert!(bundle.registry_entry("00ff").is_err(), "{name} {url}");
    }
}

#[test]
fn the_archive_has_the_program_with_its_permissions_and_no_times() {
    let program = Program {
        path: PathBuf::from("/target/release/calc"),
        bytes: b"#!/bin/sh\n".to_vec(),
    };
    let archive = super::archive(&bundle(), &program).unwrap();
    assert_eq!(archive, super::archive(&bundle(), &program).unwrap());
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut packed = archive.by_name("server/calc").unwrap();
    assert_eq!(packed.unix_mode().unwrap() & 0o777, 0o755);
    let mut bytes = Vec::new();
    packed.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, program.bytes);
}
