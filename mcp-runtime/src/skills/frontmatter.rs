//! The frontmatter of a `SKILL.md`: YAML between two lines `---`, as JSON.
//!
//! Clients compare the JSON with their own reading of the file. So plain scalars are resolved by the core schema of YAML 1.2 (section
//! 10.3.2), and what has no equivalent in JSON is refused: tags, aliases, infinite numbers, and keys that are not texts.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};

/// The maximum size of a frontmatter in bytes.
const LARGEST: usize = 64 << 10;

/// The maximum depth of lists and maps within each other.
const DEEPEST: usize = 32;

/// The line that begins and ends a frontmatter.
const FENCE: &str = "---";

/// A problem of a frontmatter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line of the file, counted from one.
    pub(super) line: usize,
    pub(super) what: String,
}

impl Mistake {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }

    /// Returns the mistake of a file that is not UTF-8 after `valid` bytes.
    pub(super) fn of_bytes(bytes: &[u8], valid: usize) -> Self {
        let before = bytes.get(..valid).unwrap_or(bytes);
        let line = before.split(|byte| *byte == b'\n').count();
        Self::new(line, "the file is not UTF-8: save it as UTF-8")
    }
}

/// Returns the frontmatter of a file.
///
/// # Errors
/// Returns the first mistake in it.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, Mistake> {
    let yaml = block(text)?;
    if yaml.len() > LARGEST {
        return Err(Mistake::new(
            1,
            format!(
                "the frontmatter has {} bytes, and at most {LARGEST} are read: move the rest below it",
                yaml.len()
            ),
        ));
    }
    match Reader::new(yaml).document()? {
        Value::Object(map) => Ok(map),
        _ => Err(Mistake::new(
            2,
            "the frontmatter is not a map: write lines such as `name: pdf-tools`",
        )),
    }
}

/// Returns the text between the first two lines `---`.
fn block(text: &str) -> Result<&str, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    if lines.next().is_none_or(|line| line.trim_end() != FENCE) {
        return Err(Mistake::new(
            1,
            "the file does not begin with a line `---`: write one, the frontmatter and another `---`",
        ));
    }
    let start = text.find('\n').map_or(text.len(), |end| end + 1);
    let mut end = start;
    for line in lines {
        if line.trim_end() == FENCE {
            return Ok(&text[start..end]);
        }
        end += line.len();
    }
    Err(Mistake::new(
        1,
        "the frontmatter has no end: write a line `---` after it",
    ))
}

/// Builds a value from the events of a parser.
struct Reader<'y> {
    parser: Parser<'y, saphyr_parser::StrInput<'y>>,
}

/// The line of the file. The parser counts the lines after the first `---` from one.
fn line(marker: &Marker) -> usize {
    marker.line() + 1
}

impl<'y> Reader<'y> {
    fn new(yaml: &'y str) -> Self {
        Self {
            parser: Parser::new_from_str(yaml),
        }
    }

    /// Returns the next event that is not the start of a document or of the stream, and its line.
    fn next(&mut self) -> Result<(Event<'y>, usize), Mistake> {
        loop {
            match self.parser.next() {
                Some(Ok((Event::Nothing | Event::StreamStart | Event::DocumentStart(_), _))) => {}
                Some(Ok((event, span))) => return Ok((event, line(&span.start))),
                Some(Err(error)) => return Err(invalid(&error)),
                None => return Ok((Event::StreamEnd, 1)),
            }
        }
    }

    /// Returns the only document.
    fn document(&mut self) -> Result<Value, Mistake> {
        let (event, line) = self.next()?;
        if event == Event::StreamEnd {
            return Ok(Value::Null);
        }
        let value = self.value(event, line, 0)?;
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(value),
                (_, line) => {
                    return Err(Mistake::new(
                        line,
                        "the frontmatter has a second document: remove it",
                    ));
                }
            }
        }
    }

    /// Returns the value that begins with an event.
    fn value(&mut self, event: Event<'y>, line: usize, depth: usize) -> Result<Value, Mistake> {
        if depth > DEEPEST {
            return Err(Mistake::new(
                line,
                format!("lists and maps are more than {DEEPEST} levels deep"),
            ));
        }
        match event {
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => Err(Mistake::new(
                line,
                format!("the tag `{tag}` has no meaning in JSON: remove it"),
            )),
            Event::Scalar(text, style, _, None) => scalar(&text, style)
                .ok_or_else(|| Mistake::new(line, format!("`{text}` is no number of JSON"))),
            Event::SequenceStart(_, None) => self.list(depth),
            Event::MappingStart(_, None) => self.map(depth),
            Event::Alias(_) => Err(Mistake::new(
                line,
                "an alias (`*`) is not allowed: repeat the value",
            )),
            _ => Ok(Value::Null),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Mistake> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Value::Array(list)),
                (event, line) => list.push(self.value(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Mistake> {
        let mut map = Map::new();
        loop {
            let (event, line) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok(Value::Object(map));
            }
            let Value::String(key) = self.value(event, line, depth + 1)? else {
                return Err(Mistake::new(
                    line,
                    "a key is not a text: put it in quotation marks",
                ));
            };
            let (event, value_line) = self.next()?;
            let value = self.value(event, value_line, depth + 1)?;
            if map.contains_key(&key) {
                return Err(Mistake::new(
                    line,
                    format!("the key `{key}` is there twice: remove one"),
                ));
            }
            map.insert(key, value);
        }
    }
}

fn invalid(error: &ScanError) -> Mistake {
    Mistake::new(
        line(error.marker()),
        format!("this is not valid YAML: {}", error.info()),
    )
}

/// Returns the value of a scalar, or `None` for a number that JSON does not have.
fn scalar(text: &str, style: ScalarStyle) -> Option<Value> {
    if style != ScalarStyle::Plain {
        return Some(text.into());
    }
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => {
            let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
            let is_nan = matches!(text, ".nan" | ".NaN" | ".NAN");
            if is_nan || matches!(unsigned, ".inf" | ".Inf" | ".INF") {
                return None;
            }
            if is_integer(text, unsigned) || is_float(unsigned) {
                Value::Number(number(text)?)
            } else {
                text.into()
            }
        }
    })
}

fn is_integer(text: &str, unsigned: &str) -> bool {
    let all = |digits: &str, radix| {
        !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))
    };
    all(unsigned, 10)
        || text.strip_prefix("0o").is_some_and(|it| all(it, 8))
        || text.strip_prefix("0x").is_some_and(|it| all(it, 16))
}

/// Returns `true` for `12.5`, `.5`, `12.` and `1e3`, without a sign.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_exponent = |text: &str| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        !digits.is_empty() && is_digits(digits)
    };
    is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(is_exponent)
}

/// Returns a number, or `None` if it is too large for JSON.
fn number(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().map(Number::from);
        }
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    let integer = plain.parse::<u64>().ok().map(Number::from);
    let integer = integer.or_else(|| plain.parse::<i64>().ok().map(Number::from));
    integer.or_else(|| Number::from_f64(plain.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(yaml: &str) -> Result<Value, Mistake> {
        parse(&format!("---\n{yaml}\n---\n# Text")).map(Value::Object)
    }

    fn mistake(text: &str) -> (usize, String) {
        let mistake = parse(text).expect_err(text);
        (mistake.line, mistake.what)
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (yaml, value) in [
            ("12", json!(12)),
            ("012", json!(12)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("0o17", json!(15)),
            ("0xFF", json!(255)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("12.", json!(12.0)),
            ("1e3", json!(1000.0)),
            ("-1.5E-1", json!(-0.15)),
            ("true", json!(true)),
            ("FALSE", json!(false)),
            ("~", json!(null)),
            ("", json!(null)),
            ("NULL", json!(null)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("0b11", json!("0b11")),
            ("-0x1F", json!("-0x1F")),
            ("1_000", json!("1_000")),
            ("1:30", json!("1:30")),
            ("1.2.3", json!("1.2.3")),
            ("e3", json!("e3")),
            (".", json!(".")),
            ("2026-07-28", json!("2026-07-28")),
            ("\"12\"", json!("12")),
            ("'true'", json!("true")),
            ("\"\\u00e9\\n\"", json!("é\n")),
            ("|\n  a\n  ---\n  b", json!("a\n---\nb\n")),
            (">-\n  a\n  b", json!("a b")),
            ("[1, two, {three: 3}]", json!([1, "two", { "three": 3 }])),
            ("\n  b: {c: [~]}", json!({ "b": { "c": [null] } })),
            ("a # comment", json!("a")),
            ("a: b".replace(": ", ":").as_str(), json!("a:b")),
        ] {
            assert_eq!(
                of(&format!("key: {yaml}")),
                Ok(json!({ "key": value })),
                "{yaml}"
            );
        }
    }

    #[test]
    fn the_block_ends_at_the_first_line_of_dashes() {
        let expected = json!({ "a": 1, "b": "x" });
        for text in [
            "---\na: 1\nb: x\n---\n",
            "---\na: 1\nb: x\n---",
            "\u{feff}---\na: 1\nb: x\n---\nc: 2\n---\n",
            "---\r\na: 1\r\nb: x\r\n---\r\n# Title\r\n",
            "--- \na: 1\nb: x\n---\t\n",
        ] {
            assert_eq!(
                parse(text).map(Value::Object),
                Ok(expected.clone()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn mistakes_have_the_line_of_the_file() {
        for (text, line, part) in [
            ("# Title", 1, "does not begin with a line `---`"),
            ("", 1, "does not begin"),
            ("---\nname: x\n", 1, "has no end"),
            ("---\n---\n", 2, "is not a map"),
            ("---\n- a\n---\n", 2, "is not a map"),
            (
                "---\na: 1\nb: 2\na: 3\n---\n",
                4,
                "the key `a` is there twice",
            ),
            ("---\na: 1\n\tb: 2\n---\n", 2, "not valid YAML"),
            ("---\na: [1\nb: 2\n---\n", 3, "not valid YAML"),
            ("---\na: \"open\nb: 2\n---\n", 2, "not valid YAML"),
            ("---\na: x: y\n---\n", 2, "not valid YAML"),
            ("---\na: &x [1]\nb: *x\n---\n", 3, "alias"),
            ("---\na: !!str 1\n---\n", 2, "tag"),
            ("---\na: .inf\n---\n", 2, "no number of JSON"),
            ("---\na: 1e999\n---\n", 2, "no number of JSON"),
            ("---\n1: x\n---\n", 2, "not a text"),
            ("---\n? [a]\n: x\n---\n", 2, "not a text"),
            ("---\na: 1\n...\nb: 2\n---\n", 4, "second document"),
        ] {
            let (found, what) = mistake(text);
            assert!(what.contains(part), "{text:?}: {what}");
            assert_eq!(found, line, "{text:?}: {what}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        for (depth, part) in [(32, ""), (33, "levels deep"), (5_000, "limit")] {
            let deep = format!("---\na: {}{}\n---\n", "[".repeat(depth), "]".repeat(depth));
            match parse(&deep) {
                Ok(_) => assert!(part.is_empty(), "{depth}"),
                Err(mistake) => assert!(mistake.what.contains(part) && depth > 32, "{mistake:?}"),
            }
        }
        let large = format!("---\na: {}\n---\n", "x".repeat(LARGEST));
        assert!(mistake(&large).1.contains("65536"));
        let bomb = "---\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n";
        assert!(mistake(bomb).1.contains("alias"));
    }
}
