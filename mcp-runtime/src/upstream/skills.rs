//! The skills of an upstream server, which become a part of the definitions of its resources: files that its list of resources leaves
//! out are added, and each file has its digest. So the registry has the skills, as those of the server itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::registry::{Manifest, SKILL_FILE, SkillFile};

/// The id of the extension.
const EXTENSION: &str = "io.modelcontextprotocol/skills";

/// The method that lists skills.
pub(super) const METHOD: &str = "skills/list";

/// The member of a definition with its place in a skill. No server sends it.
const MEMBER: &str = "skillFile";

/// The maximum number of files of a skill.
const MAX_FILES: usize = 512;

/// Returns `true` if a server with these capabilities has skills.
pub(super) fn are_declared(capabilities: &Value) -> bool {
    capabilities["extensions"][EXTENSION].is_object()
}

/// An entry of `skills/list`.
#[derive(Deserialize)]
struct Skill {
    uri: String,
    frontmatter: Map<String, Value>,
    /// The files, or the text `dynamic`.
    resources: Value,
}

#[derive(Deserialize)]
struct File {
    uri: String,
    digest: String,
    size: u64,
}

/// The place of a definition in a skill.
#[derive(Deserialize)]
pub(super) struct Place {
    digest: String,
    is_listed: bool,
    /// The frontmatter, and the paths of the other files.
    manifest: Option<(Map<String, Value>, Vec<String>)>,
}

impl From<Place> for SkillFile {
    fn from(place: Place) -> Self {
        let manifest = |(frontmatter, files)| {
            Arc::new(Manifest {
                frontmatter: Value::Object(frontmatter).to_string(),
                files,
            })
        };
        Self {
            digest: place.digest.into(),
            is_listed: place.is_listed,
            manifest: place.manifest.map(manifest),
        }
    }
}

/// Removes places in skills from definitions that a server sent. Otherwise it could make a skill that `skills/list` does not have.
pub(super) fn remove_places(definitions: &mut [Value]) {
    for definition in definitions {
        if let Some(members) = definition.as_object_mut() {
            members.remove(MEMBER);
        }
    }
}

/// Adds skills to the definitions of resources, of which there are at most `limit` then. `withhold` receives the URI of each skill
/// that is left out, and the reason.
pub(super) fn merge(
    definitions: &mut Vec<Value>,
    skills: Vec<Value>,
    limit: usize,
    mut withhold: impl FnMut(&str, &str),
) {
    let mut positions = BTreeMap::new();
    for (position, definition) in definitions.iter().enumerate() {
        if let Some(uri) = definition["uri"].as_str() {
            positions.insert(uri.to_owned(), position);
        }
    }
    for skill in skills {
        let uri = skill["uri"].as_str().unwrap_or_default().to_owned();
        let checked = checked(skill).and_then(|it| {
            if definitions.len() + additional(&it.2, &positions) > limit {
                return Err(format!("its server would have more than {limit} resources"));
            }
            Ok(it)
        });
        match checked {
            Ok((skill, root, files)) => add(definitions, &mut positions, skill, &root, files),
            Err(why) => withhold(&uri, &why),
        }
    }
}

/// Returns the number of files that are no resources yet.
fn additional(files: &[File], positions: &BTreeMap<String, usize>) -> usize {
    let uris = files.iter().map(|file| &file.uri);
    let new = uris.filter(|uri| !positions.contains_key(*uri));
    new.collect::<BTreeSet<_>>().len()
}

/// Returns a skill, the URI of its folder with a slash, and its files.
fn checked(skill: Value) -> Result<(Skill, String, Vec<File>), String> {
    let malformed = |error| format!("its entry is malformed: {error}");
    let mut skill: Skill = serde_json::from_value(skill).map_err(malformed)?;
    if skill.resources == "dynamic" {
        return Err("its files are not listed".to_owned());
    }
    let files: Vec<File> = serde_json::from_value(skill.resources.take()).map_err(malformed)?;
    let root = skill.uri.strip_suffix(SKILL_FILE);
    let root = root.and_then(|root| root.strip_suffix('/'));
    let root = root
        .ok_or("its URI does not end with `/SKILL.md`")?
        .to_owned()
        + "/";
    let name = skill.frontmatter.get("name").and_then(Value::as_str);
    if name.is_none_or(|name| !root.ends_with(&format!("/{name}/"))) {
        return Err("its name is not that of its folder".to_owned());
    }
    if files.len() > MAX_FILES {
        return Err(format!("it has more than {MAX_FILES} files"));
    }
    if !files.iter().any(|file| file.uri == skill.uri) {
        return Err("its `SKILL.md` is not among its files".to_owned());
    }
    let is_in_folder = |file: &File| file.uri.strip_prefix(&root).is_some_and(is_path);
    match files.iter().find(|file| !is_in_folder(file)) {
        Some(file) => Err(format!("the file `{}` is not in its folder", file.uri)),
        None if has_dots(&root) => Err("its URI has a segment `.` or `..`".to_owned()),
        None => Ok((skill, root, files)),
    }
}

/// Returns `true` if a path stays in its folder, also when a client resolves it: without segments that are empty, `.` or `..`.
fn is_path(path: &str) -> bool {
    let decoded = decoded(path);
    !has_dots(path) && decoded.split('/').all(|segment| !segment.is_empty())
}

/// Returns `true` if a segment of a URI is `.` or `..`.
fn has_dots(uri: &str) -> bool {
    let decoded = decoded(uri);
    decoded
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}

/// Returns a URI with the dots and separators that were percent-encoded. A backslash separates segments on some systems.
fn decoded(uri: &str) -> String {
    let mut decoded = uri.replace('\\', "/");
    for (encoded, letter) in [
        ("%2e", "."),
        ("%2E", "."),
        ("%2f", "/"),
        ("%2F", "/"),
        ("%5c", "/"),
        ("%5C", "/"),
    ] {
        decoded = decoded.replace(encoded, letter);
    }
    decoded
}

fn add(
    definitions: &mut Vec<Value>,
    positions: &mut BTreeMap<String, usize>,
    skill: Skill,
    root: &str,
    files: Vec<File>,
) {
    let others = files.iter().filter(|file| file.uri != skill.uri);
    let paths: Vec<&str> = others
        .filter_map(|file| file.uri.strip_prefix(root))
        .collect();
    let manifest = json!([skill.frontmatter, paths]);
    for File { uri, digest, size } in files {
        let is_main = uri == skill.uri;
        let position = positions.get(&uri).copied().unwrap_or_else(|| {
            let name = uri.rsplit('/').next().unwrap_or(&uri);
            definitions.push(json!({ "uri": uri, "name": name, MEMBER: { "is_listed": is_main } }));
            definitions.len() - 1
        });
        let Some(definition) = definitions.get_mut(position) else {
            continue;
        };
        definition["size"] = size.into();
        let place = &mut definition[MEMBER];
        if place.is_null() {
            *place = json!({ "is_listed": true });
        }
        place["digest"] = digest.into();
        // The `SKILL.md` of a skill within another one is a file of both.
        if is_main {
            place["is_listed"] = true.into();
            place["manifest"] = manifest.clone();
        }
        positions.insert(uri, position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uri: &str, files: &[&str]) -> Value {
        let file = |uri| json!({ "uri": uri, "digest": "sha256:00", "size": 1 });
        let files: Vec<Value> = files.iter().map(file).collect();
        let name = uri.rsplit('/').nth(1);
        json!({ "uri": uri, "frontmatter": { "name": name }, "resources": files })
    }

    fn merged(definitions: Value, skills: &[Value]) -> (Vec<Value>, Vec<String>) {
        merged_within(3, definitions, skills)
    }

    fn merged_within(
        limit: usize,
        definitions: Value,
        skills: &[Value],
    ) -> (Vec<Value>, Vec<String>) {
        let mut definitions: Vec<Value> = serde_json::from_value(definitions).unwrap();
        remove_places(&mut definitions);
        let mut left_out = Vec::new();
        merge(&mut definitions, skills.to_vec(), limit, |uri, why| {
            left_out.push(format!("{uri}: {why}"));
        });
        (definitions, left_out)
    }

    #[test]
    fn dots_within_names_are_no_segments() {
        for path in [
            "a",
            "a/b.md",
            ".hidden",
            "a/..b",
            "...",
            "%2ehidden",
            "a%20b",
        ] {
            assert!(is_path(path), "{path}");
        }
    }

    #[test]
    fn files_are_added_to_the_resources() {
        let listed = json!([{ "uri": "skill://a/SKILL.md", "name": "a", MEMBER: "spoofed" }, { "uri": "x://y", "name": "y" }]);
        let skills = [
            entry(
                "skill://a/SKILL.md",
                &["skill://a/SKILL.md", "skill://a/b/SKILL.md"],
            ),
            entry("skill://a/b/SKILL.md", &["skill://a/b/SKILL.md"]),
        ];
        let (all, left_out) = merged(listed, &skills);
        assert!(left_out.is_empty(), "{left_out:?}");
        assert_eq!(all.len(), 3);
        assert_eq!(
            all[0][MEMBER]["manifest"],
            json!([{ "name": "a" }, ["b/SKILL.md"]])
        );
        assert_eq!(all[0]["size"], 1);
        assert!(all[1][MEMBER].is_null());
        assert_eq!(all[2][MEMBER]["manifest"], json!([{ "name": "b" }, []]));
    }

    #[test]
    fn skills_beyond_the_limit_of_resources_are_left_out() {
        let listed = json!([{ "uri": "skill://a/SKILL.md", "name": "a" }]);
        let (a, b) = ("skill://a/SKILL.md", "skill://b/SKILL.md");
        let skills = [
            entry(a, &[a, "skill://a/1", "skill://a/2"]),
            entry(b, &[b, b]),
        ];
        let (all, left_out) = merged_within(2, listed, &skills);
        let uris: Vec<&Value> = all.iter().map(|it| &it["uri"]).collect();
        assert_eq!(uris, [a, b]);
        let expected = "skill://a/SKILL.md: its server would have more than 2 resources";
        assert_eq!(left_out, [expected]);
    }

    #[test]
    fn invalid_skills_are_left_out() {
        let main = "skill://a/SKILL.md";
        let mut dynamic = entry(main, &[main]);
        dynamic["resources"] = "dynamic".into();
        let mut named = entry(main, &[main]);
        named["frontmatter"]["name"] = "b".into();
        let outside = |path| entry(main, &[main, &format!("skill://a/{path}")]);
        let many: Vec<String> = (0..512).map(|it| format!("skill://a/{it}")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.push(main);
        for (skill, why) in [
            (json!({ "uri": main }), "malformed"),
            (json!(7), "malformed"),
            (dynamic, "not listed"),
            (named, "its name is not that of its folder"),
            (entry("skill://a/b", &["skill://a/b"]), "does not end with"),
            (entry(main, &["skill://a/b"]), "not among its files"),
            (
                entry(main, &[main, "skill://b/c"]),
                "`skill://b/c` is not in its folder",
            ),
            (entry(main, &many), "more than 512 files"),
            (
                entry("skill://../a/SKILL.md", &["skill://../a/SKILL.md"]),
                "a segment `.` or `..`",
            ),
            (outside("../b"), "is not in its folder"),
            (outside("b/./c"), "is not in its folder"),
            (outside("b//c"), "is not in its folder"),
            (outside("b/"), "is not in its folder"),
            (outside("b/%2E%2e/%2e./c"), "is not in its folder"),
            (outside(".%2E%2F..%2fc"), "is not in its folder"),
            (outside("..\\c"), "is not in its folder"),
            (outside("..%5cc"), "is not in its folder"),
        ] {
            let (all, left_out) = merged(json!([]), &[skill]);
            assert!(all.is_empty(), "{why}");
            assert!(left_out.concat().contains(why), "{left_out:?}");
        }
    }
}
