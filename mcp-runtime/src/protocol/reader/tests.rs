//! Compares the reader with `serde_json`: it accepts the same texts and finds the same values.

use std::path::PathBuf;

use serde::de::IgnoredAny;

use super::{Fault, Reader};

/// Texts that cover all of JSON's syntax. Two parsers might differ about mutations of them.
const SEEDS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2}}}"#,
    r#" { "a" : [ 1 , 2 , { } , [ ] ] , "b" : { "c" : null } } "#,
    "\t{\r\n\"a\":\r\n\ttrue\n}\n",
    r#"["", "a", "é", "日本語", "🎈", " "]"#,
    r#"["\"\\\/\b\f\n\r\t", "\u0041\uD83C\udf88", "\ud800", "\udc00\u0000"]"#,
    r#"{"\u0061":1,"\"":2,"":3,"a":4}"#,
    r"[0, -0, 1, -1, 10, 1234567890, 123456789012345678901234567890]",
    r"[0.0, -0.5, 1.25, 1e5, 1E5, 1e+5, 1e-5, 1.5e300, 1e999, -1e-999]",
    "[true, false, null]",
    "true",
    "null",
    "-12.5e-3",
    r#""text""#,
    "[[[[[[]]]]]]",
    r#"[{"a":[{"b":[{}]}]},[[],{}]]"#,
    r#"{"a":{"b":{"c":{"d":[1]}}}}"#,
    r#"{"long":"0123456789abcdef0123456789abcdef","x":"0123456"}"#,
    r#"["1234567","12345678","123456789","\n234567","1234567\n","é234567"]"#,
];

/// The pieces that [`mutated`] inserts.
const PIECES: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "0", "9", "-", "+", ".", "e", "E", "true",
    "fals", "nul", " ", "\n", "\t", "\r", "\u{0}", "\u{1f}", "\u{7f}", "\u{a0}", "é", "/",
    "\\u00e",
];

/// Reads a text as the message reader does, down to the second level by name.
fn read(reader: &mut Reader<'_>) -> Result<(), Fault> {
    if reader.enter_object()? {
        while reader.name()?.is_some() {
            if reader.enter_object()? {
                while reader.name()?.is_some() {
                    reader.value()?;
                }
            } else {
                reader.value()?;
            }
        }
    } else {
        reader.value()?;
    }
    reader.end()
}

#[track_caller]
fn compare(text: &str) -> bool {
    let expected = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let whole = {
        let mut reader = Reader::new(text, usize::MAX);
        reader.value().and_then(|_| reader.end())
    };
    assert_eq!(whole.is_ok(), expected, "{text:?}: {whole:?}");
    let by_name = read(&mut Reader::new(text, usize::MAX));
    assert_eq!(by_name.is_ok(), expected, "{text:?}: {by_name:?}");
    expected
}

/// A pseudo-random number generator with a fixed sequence.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Deletes a few characters at one place and inserts others there, once or more.
fn mutated(seed: &str, random: &mut Xorshift) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for _ in 0..=random.below(3) {
        let start = random.below(text.len() + 1);
        let end = text.len().min(start + random.below(3));
        let piece: Vec<char> = match random.below(3) {
            0 => Vec::new(),
            _ => random.pick(PIECES).chars().collect(),
        };
        text.splice(start..end, piece);
    }
    text.into_iter().collect()
}

#[test]
fn mutations_are_taken_exactly_if_serde_json_takes_them() {
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let taken = (0..100_000)
        .filter(|_| compare(&mutated(random.pick(SEEDS), &mut random)))
        .count();
    // Both outcomes are common.
    assert!((10_000..90_000).contains(&taken), "{taken}");
}

#[test]
fn seeds_are_taken_and_no_beginning_of_an_object_is() {
    for seed in SEEDS {
        assert!(compare(seed), "{seed}");
        for (end, _) in seed.char_indices() {
            compare(&seed[..end]);
        }
    }
}

/// The files of <https://github.com/nst/JSONTestSuite>, if they are next to the repository.
#[test]
fn the_files_of_a_public_suite_are_taken_exactly_if_serde_json_takes_them() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/json/test_parsing");
    let Ok(files) = std::fs::read_dir(&folder) else {
        let is_ci = std::env::var_os("CI").is_some();
        assert!(!is_ci, "{} does not exist", folder.display());
        return;
    };
    let mut compared = 0;
    for file in files {
        // A message is UTF-8 before it is scanned.
        if let Ok(text) = std::fs::read_to_string(file.unwrap().path()) {
            compare(&text);
            compared += 1;
        }
    }
    assert!(compared > 250, "{compared}");
}

#[test]
fn every_byte_is_found_at_every_place_of_a_string() {
    for length in 0..20 {
        for place in 0..length {
            for special in [
                "\"", "\\", "\u{0}", "\u{1f}", " ", "!", "#", "[", "]", "\u{7f}", "é",
            ] {
                let mut inside = "x".repeat(length);
                inside.replace_range(place..=place, special);
                compare(&format!("\"{inside}\""));
                compare(&format!("[\"{inside}\",\"{inside}\"        ]"));
                compare(&format!("{{\"{inside}\":1}}"));
            }
        }
    }
}

/// 4 MiB of the slowest input: it would take hours if a step looked back, and overflow the stack if the reader were
/// recursive.
#[test]
fn hostile_texts_take_linear_time() {
    for (start, piece) in [
        ("", "["),
        ("{\"a\":", "[{\"a\":"),
        ("{\"a\":{\"b\":", "{\"\\u0061\":"),
        ("[", "[[],"),
        ("", "1"),
        ("[", "1,"),
        ("", " "),
        ("\"", "\\\\"),
        ("{\"", "é"),
        ("[", "\"\","),
    ] {
        let text = format!("{start}{}\u{1}", piece.repeat((4 << 20) / piece.len()));
        let read = read(&mut Reader::new(&text, usize::MAX));
        assert!(matches!(read, Err(Fault::Syntax(_))), "{start}{piece}");
    }
}

#[test]
fn brackets_of_any_depth_must_fit() {
    for depth in [1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000] {
        let (open, close) = ("[{\"a\":".repeat(depth), "}]".repeat(depth));
        let (inner, crossed) = ("}]".repeat(depth - 1), "}]".repeat(depth / 2));
        let rest = "}]".repeat(depth - depth / 2 - 1);
        let value = |text: &str| {
            let mut reader = Reader::new(text, usize::MAX);
            reader.value().and_then(|_| reader.end()).is_ok()
        };
        assert!(value(&format!("{open}1{close}")));
        assert!(!value(&format!("{open}1]}}{inner}")), "{depth}");
        assert!(!value(&format!("{open}1{crossed}]}}{rest}")), "{depth}");
        assert!(!value(&format!("{open}1{close}]")), "{depth}");
        assert!(!value(&format!("{open}1{inner}")), "{depth}");
    }
}

#[test]
fn depth_counts_brackets_outside_strings() {
    for (text, depth) in [
        ("1", 0),
        ("{}", 1),
        ("[]", 1),
        (r#"{"a":[1,{"b":2}]}"#, 3),
        (r#"{"a":{"b":[[]]}}"#, 4),
        (r#"{"a":"[[[[\"[[["}"#, 1),
        ("[[],[],[],[]]", 2),
        (r#"{"a":{},"b":{},"c":{"d":{}}}"#, 3),
    ] {
        assert_eq!(read(&mut Reader::new(text, depth)), Ok(()), "{text}");
        if depth > 0 {
            let read = read(&mut Reader::new(text, depth - 1));
            assert_eq!(read, Err(Fault::TooDeep), "{text}");
        }
    }
}

#[test]
fn members_are_found() {
    let text = r#" { "a" : 1 , "\u0062\"" : { "c" : [ 2 , 3 ], "d":"x\n"} ,"":null } "#;
    let mut reader = Reader::new(text, 64);
    let mut found = Vec::new();
    assert_eq!(reader.enter_object(), Ok(true));
    while let Some(path) = reader.name().unwrap() {
        if reader.enter_object().unwrap() {
            while let Some(name) = reader.name().unwrap() {
                found.push((format!("{path}.{name}"), reader.value().unwrap()));
            }
        } else {
            found.push((path.into_owned(), reader.value().unwrap()));
        }
    }
    assert_eq!(reader.end(), Ok(()));
    let expected = [
        ("a", "1"),
        ("b\".c", "[ 2 , 3 ]"),
        ("b\".d", r#""x\n""#),
        ("", "null"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(found, expected);
}

#[test]
fn items_are_found() {
    let text = r#" [ 1 , [2 , 3],{} ,"]" ] "#;
    let mut reader = Reader::new(text, 64);
    let mut found = Vec::new();
    assert_eq!(reader.enter_object(), Ok(false));
    assert_eq!(reader.enter_array(), Ok(true));
    while reader.item().unwrap() {
        found.push(reader.value().unwrap());
    }
    assert_eq!(reader.end(), Ok(()));
    assert_eq!(found, ["1", "[2 , 3]", "{}", "\"]\""]);
}

#[test]
fn a_name_that_is_no_text_stays_as_it_is_written() {
    let mut reader = Reader::new(r#"{"\ud800":1}"#, 64);
    assert_eq!(reader.enter_object(), Ok(true));
    assert_eq!(reader.name().unwrap().unwrap(), r"\ud800");
}

#[test]
fn a_fault_is_at_the_byte_that_is_wrong() {
    for (text, place) in [
        ("", 0),
        ("{", 1),
        ("{\"a\"}", 4),
        ("{ \"é\": 1 \"b\"}", 10),
        ("{\"a\":1,}", 7),
        ("{,", 1),
        ("[1 2]", 3),
        ("[1,]", 3),
        ("[,", 1),
        ("[}", 1),
        ("[\"a\n\"]", 3),
        ("[\"a", 3),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("-x", 1),
        ("1.", 2),
        ("01", 1),
        ("{} {}", 3),
        ("[nulL]", 4),
    ] {
        let fault = read(&mut Reader::new(text, 64));
        assert_eq!(fault, Err(Fault::Syntax(place)), "{text}");
    }
}
