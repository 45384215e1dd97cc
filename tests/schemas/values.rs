//! Random values of a schema, for all keywords that the published schemas use. The same seed gives the same values.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Returns the number of cases of a test: `CASES`, or `default`. CI never runs fewer than `default`.
pub(crate) fn cases(default: u64) -> u64 {
    let Some(text) = std::env::var_os("CASES") else {
        return default;
    };
    let cases: Option<u64> = text.to_str().and_then(|text| text.parse().ok());
    let cases = cases.filter(|cases| *cases > 0);
    let cases =
        cases.unwrap_or_else(|| panic!("CASES is not a number above 0: {}", text.display()));
    let is_ci = std::env::var_os("CI").is_some();
    assert!(
        !is_ci || cases >= default,
        "CASES={cases} is below the default of {default}, which CI does not accept"
    );
    cases
}

/// Generates values that fit a schema or nearly fit it. Callers that need valid values validate them.
pub(crate) struct Values<'s> {
    pub(crate) random: Rng,
    definitions: Option<&'s Value>,
}

impl<'s> Values<'s> {
    pub(crate) fn of(definitions: Option<&'s Value>, seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            definitions,
        }
    }

    pub(crate) fn any(&mut self, depth: u8) -> Value {
        match self.random.u8(0..if depth == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => self.random.bool().into(),
            2 => self.random.i64(..).into(),
            3 => json!(self.random.f64() * 1e3),
            4 => self.text(0, 8).into(),
            5 => (0..self.random.usize(0..3))
                .map(|_| self.any(depth - 1))
                .collect(),
            _ => (0..self.random.usize(0..3))
                .map(|_| (self.text(0, 4), self.any(depth - 1)))
                .collect(),
        }
    }

    pub(crate) fn of_schema(&mut self, schema: &'s Value, depth: u8) -> Value {
        let target = schema.get("$ref").and_then(Value::as_str);
        if let Some(name) = target.and_then(|target| target.strip_prefix("#/$defs/")) {
            return self.of_schema(&self.definitions.unwrap()[name], depth);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(Value::Array(options)) = schema.get("enum") {
            return options[self.random.usize(..options.len())].clone();
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = schema.get(keyword) {
                // The first variant of a recursive type is not recursive.
                let end = if depth == 0 { 1 } else { branches.len() };
                let branch = &branches[self.random.usize(..end)];
                return self.of_schema(branch, depth.saturating_sub(1));
            }
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds[self.random.usize(..kinds.len())].as_str(),
            Some(kind) => kind.as_str(),
            None => return self.any(depth.min(3)),
        };
        match kind {
            Some("null") => Value::Null,
            Some("boolean") => self.random.bool().into(),
            Some("integer") => self.integer(schema),
            Some("number") => self.number(schema),
            Some("string") => self.string(schema).into(),
            Some("array") => self.array(schema, depth),
            Some("object") => self.object(schema, depth),
            other => panic!("no values of {other:?}"),
        }
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let bound = |keyword: &str, default: i128| match schema.get(keyword) {
            Some(bound) => bound
                .as_i64()
                .map_or_else(|| i128::from(bound.as_u64().unwrap()), i128::from),
            None => default,
        };
        let (least, most) = (bound("minimum", -1 << 62), bound("maximum", 1 << 62));
        let most = most.min(bound("exclusiveMaximum", most + 1) - 1);
        let number = match self.random.u8(0..6) {
            0 => least,
            1 => most,
            2 | 3 => self.random.i128(least..=most),
            _ => i128::from(self.random.i8(..)).clamp(least, most),
        };
        // A number without a fraction is an integer, however it is written, if no digit can have been lost.
        if number.abs() < 1 << 53 && self.random.u8(0..4) == 0 {
            #[allow(clippy::cast_precision_loss)] // small enough to be exact
            return json!(number as f64);
        }
        match i64::try_from(number) {
            Ok(number) => number.into(),
            Err(_) => u64::try_from(number).unwrap().into(),
        }
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |keyword: &str, default: f64| {
            schema
                .get(keyword)
                .map_or(default, |bound| bound.as_f64().unwrap())
        };
        let (least, most) = (bound("minimum", f64::MIN), bound("maximum", f64::MAX));
        match self.random.u8(0..7) {
            0 => json!(least),
            1 => json!(most),
            2 => json!(self.random.i32(..)),
            3 => json!(-0.0),
            4 => json!(f64::from_bits(self.random.u64(1..1 << 52))),
            5 => json!(self.random.i64(..)),
            _ => json!((self.random.f64() - 0.5) * 1e6),
        }
    }

    pub(crate) fn text(&mut self, least: usize, most: usize) -> String {
        const LETTERS: [char; 16] = [
            'a',
            'B',
            '0',
            '1',
            ' ',
            '.',
            '"',
            '\\',
            '\n',
            '\0',
            '/',
            'é',
            '\u{301}',
            '世',
            '😀',
            '\u{10ffff}',
        ];
        (0..self.random.usize(least..=most))
            .map(|_| LETTERS[self.random.usize(..LETTERS.len())])
            .collect()
    }

    fn digits(&mut self, least: u32, most: u32) -> String {
        format!("{:02}", self.random.u32(least..=most))
    }

    fn string(&mut self, schema: &Value) -> String {
        let length = |keyword: &str, default: usize| {
            let length = schema.get(keyword).and_then(Value::as_u64);
            length.map_or(default, |length| usize::try_from(length).unwrap())
        };
        if let Some(format) = schema.get("format").and_then(Value::as_str) {
            return self.formatted(format);
        }
        match schema.get("pattern").and_then(Value::as_str) {
            Some(r"^-?\d+(\.\d+)?([eE]\d+)?$") => self.decimal(),
            Some(other) => panic!("no texts that match {other}"),
            None => self.text(length("minLength", 0), length("maxLength", 12)),
        }
    }

    fn decimal(&mut self) -> String {
        let sign = ["", "-"][self.random.usize(..2)];
        let fraction = if self.random.bool() {
            format!(".{}", self.random.u32(..))
        } else {
            String::new()
        };
        let exponent = ["", "e3", "E0"][self.random.usize(..3)];
        format!("{sign}{}{fraction}{exponent}", self.random.u32(..))
    }

    fn date(&mut self) -> String {
        let year = ["0001", "1970", "2024", "2026", "9999"][self.random.usize(..5)];
        format!("{year}-{}-{}", self.digits(0, 13), self.digits(0, 32))
    }

    fn time(&mut self) -> String {
        let fraction = ["", ".5", ".123456789", ".000"][self.random.usize(..4)];
        format!(
            "{}:{}:{}{fraction}",
            self.digits(0, 24),
            self.digits(0, 60),
            self.digits(0, 61)
        )
    }

    fn formatted(&mut self, format: &str) -> String {
        match format {
            "date" => self.date(),
            "partial-time" => self.time(),
            "partial-date-time" => format!("{}T{}", self.date(), self.time()),
            "zoned-date-time" => format!("{}T{}+00:00[+00:00]", self.date(), self.time()),
            "date-time" => {
                let between = ["T", "t"][self.random.usize(..2)];
                let offset = ["Z", "z", "+00:00", "-00:00", "+05:30", "-23:59", "+24:00"]
                    [self.random.usize(..7)];
                format!("{}{between}{}{offset}", self.date(), self.time())
            }
            "duration" => {
                let durations = [
                    "PT0S",
                    "PT1H2M3S",
                    "PT36H",
                    "PT1.5S",
                    "PT5M",
                    "P1D",
                    "P1Y2M3DT4H",
                    "P3W",
                    "P1Y",
                    "P2M",
                ];
                durations[self.random.usize(..durations.len())].to_owned()
            }
            "uuid" => {
                let hex: String = (0..32).map(|_| self.random.digit(16)).collect();
                let hex = if self.random.bool() {
                    hex.to_uppercase()
                } else {
                    hex
                };
                format!(
                    "{}-{}-{}-{}-{}",
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..]
                )
            }
            "uri" => {
                let uris = [
                    "https://example.com",
                    "HTTP://user:pass@[::1]:8080/a%20b?c=d&e#f",
                    "urn:isbn:0451450523",
                    "mailto:a@b.c",
                    "file:///etc/hosts",
                    "data:,",
                    "a:",
                    "tel:+1-816-555-1212",
                    "ldap://[2001:db8::7]/c=GB?objectClass?one",
                ];
                uris[self.random.usize(..uris.len())].to_owned()
            }
            "ipv4" => self.ip4(),
            "ipv6" => self.ip6(),
            "ip" => {
                if self.random.bool() {
                    self.ip4()
                } else {
                    self.ip6()
                }
            }
            other => panic!("no texts in the format {other}"),
        }
    }

    fn ip4(&mut self) -> String {
        (0..4)
            .map(|_| self.random.u8(..).to_string())
            .collect::<Vec<_>>()
            .join(".")
    }

    fn ip6(&mut self) -> String {
        [
            "::",
            "::1",
            "2001:db8::7",
            "1:2:3:4:5:6:7:8",
            "::ffff:1.2.3.4",
            "FE80::A",
        ][self.random.usize(..6)]
        .to_owned()
    }

    fn array(&mut self, schema: &'s Value, depth: u8) -> Value {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        if let Some(first) = first {
            return first
                .iter()
                .map(|schema| self.of_schema(schema, depth.saturating_sub(1)))
                .collect();
        }
        let count = |keyword: &str, default: usize| {
            let count = schema.get(keyword).and_then(Value::as_u64);
            count.map_or(default, |count| usize::try_from(count).unwrap())
        };
        let least = count("minItems", 0);
        let most = count("maxItems", if depth == 0 { 0 } else { 3 });
        (0..self.random.usize(least..=most))
            .map(|_| self.of_schema(&schema["items"], depth.saturating_sub(1)))
            .collect()
    }

    fn object(&mut self, schema: &'s Value, depth: u8) -> Value {
        let mut members = Map::new();
        let required = schema.get("required").and_then(Value::as_array);
        for (name, schema) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let is_required =
                required.is_some_and(|required| required.contains(&name.as_str().into()));
            if is_required || (depth > 0 && self.random.bool()) {
                members.insert(
                    name.clone(),
                    self.of_schema(schema, depth.saturating_sub(1)),
                );
            }
        }
        for (pattern, schema) in schema
            .get("patternProperties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            for _ in 0..self.random.usize(0..3) {
                let sign = if pattern.contains("-?") && self.random.bool() {
                    "-"
                } else {
                    ""
                };
                let name = format!("{sign}{}", self.random.u8(1..));
                members.insert(name, self.of_schema(schema, depth.saturating_sub(1)));
            }
        }
        let others = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            None if schema.get("properties").is_some() => None,
            others => others,
        };
        for _ in 0..self.random.usize(0..3) {
            let name = self.text(0, 5);
            if let Some(others) = others
                && !members.contains_key(&name)
            {
                members.insert(name, self.of_schema(others, depth.saturating_sub(1)));
            }
        }
        members.into()
    }
}
