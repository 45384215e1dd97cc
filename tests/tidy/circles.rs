//! Finds circular dependencies between files of a crate.
//!
//! It reads paths, not types: `use` declarations, and paths that begin with `crate`, `super`, `self` or a sibling module. A
//! name that a module only re-exports (`pub use x::Name`) counts as a name of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;

/// The files of one crate, by the paths of their modules.
pub(super) struct Files<'s> {
    modules: BTreeMap<Vec<String>, File<'s>>,
}

struct File<'s> {
    path: &'s str,
    uses: Vec<Use>,
    /// The other paths, each with its inline module.
    paths: Vec<Place>,
    /// The names that the file defines.
    defined: BTreeSet<String>,
}

/// A path as written, with the inline modules around it.
#[derive(Clone)]
struct Place {
    inside: Vec<String>,
    path: Vec<String>,
}

/// One path of a `use` declaration.
struct Use {
    place: Place,
    /// The name in this module; `*` for a glob.
    name: String,
    is_public: bool,
}

impl<'s> Files<'s> {
    pub(super) fn new(sources: &'s [Source]) -> Self {
        let renamed: BTreeMap<String, String> = sources
            .iter()
            .flat_map(|source| renamed(&source.code))
            .collect();
        let modules = sources
            .iter()
            .map(|source| (module(&source.path, &renamed), read(source)))
            .collect();
        Self { modules }
    }

    /// The groups of files that depend on each other.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&'s str>> {
        let edges = self.edges();
        let reached: BTreeMap<&str, BTreeSet<&'s str>> = edges
            .keys()
            .map(|file| (*file, reached(&edges, file)))
            .collect();
        let groups: BTreeSet<BTreeSet<&str>> = reached
            .iter()
            .filter(|(file, all)| all.contains(*file))
            .map(|(file, all)| {
                let leads_back = |other: &&&str| reached[**other].contains(file);
                all.iter().filter(leads_back).copied().collect()
            })
            .collect();
        groups.into_iter().collect()
    }

    /// The files that each file names.
    pub(super) fn edges(&self) -> BTreeMap<&'s str, BTreeSet<&'s str>> {
        self.modules
            .iter()
            .map(|(module, file)| (file.path, self.named(module, file)))
            .collect()
    }

    fn named(&self, module: &[String], file: &File<'s>) -> BTreeSet<&'s str> {
        let passed_on = |it: &Use| it.is_public && self.is_below(module, &it.place);
        let uses = file.uses.iter().filter(|it| !passed_on(it));
        let places = uses.map(|it| &it.place).chain(&file.paths);
        places
            .filter_map(|place| self.resolve(&self.absolute(module, place)?, 0))
            .filter(|named| *named != file.path)
            .collect()
    }

    /// Returns `true` if a path leads to a module below this one.
    fn is_below(&self, module: &[String], place: &Place) -> bool {
        let absolute = self.absolute(module, place).unwrap_or_default();
        absolute.len() > module.len()
            && absolute.starts_with(module)
            && self.modules.contains_key(&absolute[..=module.len()])
    }

    /// The path from the root of the crate; `None` for a path to another crate.
    fn absolute(&self, module: &[String], place: &Place) -> Option<Vec<String>> {
        let mut at = [module, &place.inside].concat();
        let mut rest = place.path.as_slice();
        match rest.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &rest[1..];
            }
            "self" | "super" => {}
            first => {
                let child = [at.as_slice(), &[first.to_owned()]].concat();
                self.modules.get(&child)?;
            }
        }
        while let Some(first) = rest.first() {
            match first.as_str() {
                "self" => {}
                "super" => {
                    at.pop()?;
                }
                _ => break,
            }
            rest = &rest[1..];
        }
        at.extend_from_slice(rest);
        Some(at)
    }

    /// The file that defines the target of an absolute path.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&'s str> {
        let known = (0..=path.len())
            .rev()
            .find(|length| self.modules.contains_key(&path[..*length]))?;
        let (module, file) = self.modules.get_key_value(&path[..known])?;
        let Some(name) = path.get(known).filter(|_| depth < 8) else {
            return Some(file.path);
        };
        if file.defined.contains(name) {
            return Some(file.path);
        }
        let passed = file.uses.iter().filter(|it| it.name == *name);
        let globs = file.uses.iter().filter(|it| it.name == "*");
        passed
            .filter_map(|it| self.absolute(module, &it.place))
            .find_map(|target| self.resolve(&target, depth + 1))
            .or_else(|| {
                globs
                    .filter_map(|it| self.absolute(module, &it.place))
                    .filter(|target| {
                        self.modules
                            .get(target)
                            .is_some_and(|file| file.defined.contains(name))
                    })
                    .find_map(|target| self.resolve(&target, depth + 1))
            })
            .or(Some(file.path))
    }
}

fn reached<'s>(edges: &BTreeMap<&str, BTreeSet<&'s str>>, from: &str) -> BTreeSet<&'s str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&'s str> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = open.pop() {
        if found.insert(file) {
            open.extend(edges.get(file).into_iter().flatten());
        }
    }
    found
}

/// `#[path = "file.rs"] mod name;`: the module by the name of its file.
fn renamed(code: &str) -> Vec<(String, String)> {
    let found = code.split("#[path = \"").skip(1).filter_map(|rest| {
        let (file, after) = rest.split_once(".rs\"]")?;
        let (_, name) = after.split_once("mod ")?;
        Some((file.to_owned(), name.split(';').next()?.to_owned()))
    });
    found.collect()
}

/// The module of a file: `a::b` for `a/b.rs`, `a/b/mod.rs`.
fn module(path: &str, renamed: &BTreeMap<String, String>) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let path = renamed.get(path).map_or(path, String::as_str);
    let path = path.trim_end_matches("/mod");
    let segments = path.split('/').filter(|part| *part != "lib");
    segments.map(str::to_owned).collect()
}

fn read(source: &Source) -> File<'_> {
    let mut file = File {
        path: &source.path,
        uses: Vec::new(),
        paths: Vec::new(),
        defined: BTreeSet::new(),
    };
    Reader {
        rest: &source.code,
        inside: Vec::new(),
        depth: 0,
        before: Vec::new(),
    }
    .read(&mut file);
    file
}

/// Reads the code, path by path.
struct Reader<'s> {
    rest: &'s str,
    /// The inline modules around, each with the depth of braces outside of it.
    inside: Vec<(String, usize)>,
    depth: usize,
    /// The previous words of the same item.
    before: Vec<String>,
}

const ITEMS: [&str; 9] = [
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "const",
    "static",
    "macro_rules",
];

impl<'s> Reader<'s> {
    fn read(mut self, file: &mut File<'s>) {
        while let Some(first) = self.rest.chars().next() {
            if first.is_alphabetic() || first == '_' {
                let path = self.path();
                self.take(path, file);
            } else if let Some(after) = self.rest.strip_prefix("::") {
                // The rest of a path with another beginning, such as `<T>::`.
                self.rest = after.trim_start_matches(is_letter);
            } else {
                self.mark(first);
                self.rest = &self.rest[first.len_utf8()..];
            }
        }
    }

    fn mark(&mut self, mark: char) {
        match mark {
            '{' => {
                if let [.., item, name] = self.before.as_slice()
                    && item == "mod"
                {
                    self.inside.push((name.clone(), self.depth));
                }
                self.depth += 1;
            }
            '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.inside.retain(|(_, outside)| *outside < self.depth);
            }
            ';' => {}
            _ => return,
        }
        self.before.clear();
    }

    /// One path, or a single word.
    fn path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        loop {
            let end = self.rest.find(|c| !is_letter(c)).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            path.push(word.to_owned());
            self.rest = rest;
            match rest.strip_prefix("::") {
                Some(after) if after.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                    self.rest = after;
                }
                _ => return path,
            }
        }
    }

    fn take(&mut self, path: Vec<String>, file: &mut File<'s>) {
        let inside: Vec<String> = self.inside.iter().map(|(name, _)| name.clone()).collect();
        let [word] = path.as_slice() else {
            // `pub(in super::super)` names nothing.
            if self.before.ends_with(&["pub".to_owned(), "in".to_owned()]) {
                return;
            }
            file.paths.push(Place { inside, path });
            return;
        };
        if word == "use" {
            let (tree, rest) = self.rest.split_once(';').unwrap_or((self.rest, ""));
            self.rest = rest;
            let is_public = self.before.iter().any(|word| word == "pub");
            for (path, name) in expand(&[], tree.trim()) {
                let place = Place {
                    inside: inside.clone(),
                    path,
                };
                file.uses.push(Use {
                    place,
                    name,
                    is_public,
                });
            }
            self.before.clear();
            return;
        }
        if self
            .before
            .last()
            .is_some_and(|item| ITEMS.contains(&item.as_str()))
        {
            file.defined.insert(word.clone());
        }
        self.before.push(word.clone());
    }
}

fn is_letter(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The paths of a `use` declaration, each with the name that it defines.
fn expand(before: &[String], tree: &str) -> Vec<(Vec<String>, String)> {
    if let Some((head, list)) = tree.split_once('{') {
        let list = list.trim_end().trim_end_matches('}');
        let head = segments(before, head.trim_end_matches("::"));
        return branches(list)
            .into_iter()
            .flat_map(|branch| expand(&head, branch))
            .collect();
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let mut path = segments(before, path);
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let last = path.last().cloned().unwrap_or_default();
    if last == "*" {
        path.pop();
    }
    let name = if alias.is_empty() {
        last
    } else {
        alias.trim().to_owned()
    };
    vec![(path, name)]
}

fn segments(before: &[String], path: &str) -> Vec<String> {
    let words = path
        .split("::")
        .map(str::trim)
        .filter(|word| !word.is_empty());
    before
        .iter()
        .cloned()
        .chain(words.map(str::to_owned))
        .collect()
}

/// The parts between the commas outside of braces.
fn branches(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = list.split(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    split
        .map(str::trim)
        .filter(|branch| !branch.is_empty())
        .collect()
}

#[test]
fn circles_are_found() {
    let sources = |files: &[(&str, &str)]| -> Vec<Source> {
        let made = files.iter().map(|(path, code)| Source {
            path: (*path).to_owned(),
            code: (*code).to_owned(),
        });
        made.collect()
    };
    let straight = [
        ("lib.rs", "mod a; mod b; mod c; pub use a::x::X;"),
        (
            "a/mod.rs",
            "mod x; mod y; pub(crate) use x::X; pub use y::{Y, z as Z};",
        ),
        // A name that the parent re-exports belongs to the sibling file.
        ("a/x.rs", "pub struct X;"),
        ("a/y.rs", "use super::X; pub fn z() {} pub struct Y(X);"),
        (
            "b.rs",
            "use crate::a::{self, Y as Other}; fn b(_: crate::c::C) { a::Z() }",
        ),
        // An inline module is in the file of the module around it.
        (
            "c.rs",
            "pub struct C; mod inner { use super::C; } fn d() {}",
        ),
    ];
    let sources_of = sources(&straight);
    assert_eq!(Files::new(&sources_of).circles(), [] as [BTreeSet<&str>; 0]);
    for (file, added, circle) in [
        ("a/x.rs", "use super::Y;", &["a/x.rs", "a/y.rs"][..]),
        ("a/x.rs", "fn f() { super::y::z() }", &["a/x.rs", "a/y.rs"]),
        ("c.rs", "fn f() { let _ = crate::b::b; }", &["b.rs", "c.rs"]),
        (
            "a/x.rs",
            "mod inner { use super::super::Z; }",
            &["a/x.rs", "a/y.rs"],
        ),
        ("c.rs", "use crate::{a::Z, d}; ", &[]),
        (
            "a/x.rs",
            "use crate::b::{\n    b,\n};",
            &["a/x.rs", "a/y.rs", "b.rs"],
        ),
    ] {
        let mut files = sources(&straight);
        let changed = files.iter_mut().find(|source| source.path == file);
        changed.unwrap().code.push_str(added);
        let found = Files::new(&files).circles();
        let expected: Vec<BTreeSet<&str>> = Some(circle.iter().copied().collect())
            .into_iter()
            .filter(|it: &BTreeSet<&str>| !it.is_empty())
            .collect();
        assert_eq!(found, expected, "{added}");
    }
}
