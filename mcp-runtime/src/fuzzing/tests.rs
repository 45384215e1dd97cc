//! The targets with their seeds, and with mutations of them that are the same in each run.

use std::path::Path;

/// A target, and the number of mutations: those that use a whole server are slow.
type Target = (&'static str, fn(&[u8]), u32);

const TARGETS: &[Target] = &[
    ("argument_repair", super::argument_repair, 20_000),
    ("cursor", super::cursor, 2_000),
    ("envelope", super::envelope, 20_000),
    ("framing", super::framing, 20_000),
    ("header_sentinel", super::header_sentinel, 20_000),
    ("http_request", super::http_request, 1_000),
    #[cfg(feature = "auth")]
    ("jwt", super::jwt, 2_000),
    ("sealed_state", super::sealed_state, 500),
    ("session_token", super::session_token, 500),
    ("uri_template", super::uri_template, 20_000),
    #[cfg(feature = "auth")]
    ("well_known", super::well_known, 5_000),
];

/// The targets that need the feature `auth`.
const OF_AUTH: [&str; 2] = ["jwt", "well_known"];

/// What mutations insert.
const PIECES: [&[u8]; 26] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"1e999",
    b"\\ud800",
    b"\xff",
    b"\n",
    b"\r\n",
    b"0",
    b"-",
    b"%2",
    b"%c3%a9",
    b"?",
    b"{+x*}",
    b"=?base64?",
    b"?=",
    b"{\"$ref\":\"#\"}",
    b"\"5\"",
    b"\0",
    b"Content-Length: 5\r\n",
];

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn mutated(seeds: &[Vec<u8>], random: &mut Xorshift) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = bytes.len().min(at + random.below(4));
        match random.below(4) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
            2 => {
                let other = &seeds[random.below(seeds.len())];
                let begin = random.below(other.len() + 1);
                let end = other.len().min(begin + random.below(30));
                bytes.splice(at..at, other[begin..end].iter().copied());
            }
            _ => drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].iter().copied())),
        }
    }
    bytes
}

fn run(name: &str) {
    let known = TARGETS.iter().find(|(other, _, _)| *other == name);
    let (_, target, count) = *known.unwrap();
    let seeds = seeds(name);
    for seed in &seeds {
        target(seed);
    }
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for _ in 0..count {
        let bytes = mutated(&seeds, &mut random);
        let judged = std::panic::catch_unwind(|| target(&bytes));
        assert!(judged.is_ok(), "{name}: b\"{}\"", bytes.escape_ascii());
    }
}

/// Each target of `fuzz/` has its test here.
#[test]
fn every_target_is_tested() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _, _)| *name).collect();
    let is_built = |name: &String| {
        let needs_auth = OF_AUTH.contains(&name.trim_end_matches(".rs"));
        cfg!(feature = "auth") || !needs_auth
    };
    for (folder, ending) in [("seeds", ""), ("fuzz_targets", ".rs")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz")
            .join(folder);
        let entries = std::fs::read_dir(folder).unwrap();
        let mut found: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(is_built)
            .collect();
        found.sort();
        let expected: Vec<_> = names.iter().map(|name| format!("{name}{ending}")).collect();
        assert_eq!(found, expected);
    }
}

macro_rules! tests {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            run(stringify!($name));
        }
    )*};
}

tests! {
    argument_repair cursor envelope framing header_sentinel http_request sealed_state session_token uri_template
}

#[cfg(feature = "auth")]
tests! {
    jwt well_known
}
