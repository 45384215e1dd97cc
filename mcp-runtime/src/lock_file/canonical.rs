//! The canonical form of JSON, and its digest.
//!
//! The form is that of RFC 8785: no white space, sorted members, and numbers and strings as ECMAScript writes them. See
//! <https://www.rfc-editor.org/rfc/rfc8785>.

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use crate::hexadecimal::hexadecimal;

/// Returns a value whose members are sorted by the UTF-16 code units of their names, at all levels.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Returns the SHA-256 of a value's canonical form, in hexadecimal digits.
pub(super) fn digest(value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, &sorted(value));
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn push(out: &mut String, value: &Value) {
    match value {
        Value::Number(number) => out.push_str(&format_number(number)),
        Value::Array(items) => push_all(out, '[', ']', items.iter(), push),
        Value::Object(members) => {
            push_all(out, '{', '}', members.iter(), |out, (name, value)| {
                push(out, &Value::String(name.clone()));
                out.push(':');
                push(out, value);
            });
        }
        // serde_json escapes the same characters in the same way.
        other => out.push_str(&other.to_string()),
    }
}

fn push_all<T>(
    out: &mut String,
    open: char,
    close: char,
    parts: impl Iterator<Item = T>,
    push: impl Fn(&mut String, T),
) {
    out.push(open);
    for (index, part) in parts.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, part);
    }
    out.push(close);
}

/// Formats a number as a double, as ECMAScript does: <https://tc39.es/ecma262/#sec-numeric-types-number-tostring>.
fn format_number(number: &Number) -> String {
    match number.as_f64() {
        Some(0.0) => "0".to_owned(),
        Some(double) => format_double(double),
        None => number.to_string(),
    }
}

fn format_double(double: f64) -> String {
    let sign = if double < 0.0 { "-" } else { "" };
    let scientific = scientific(double.abs());
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = digits.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = usize::try_from(exponent + 1).unwrap_or_default();
    let text = match exponent {
        0..21 if length <= exponent + 1 => format!("{digits}{}", zeros(exponent + 1 - length)),
        0..21 => format!("{}.{}", &digits[..point], &digits[point..]),
        -6..0 => format!("0.{}{digits}", zeros(-exponent - 1)),
        _ if length == 1 => format!("{digits}e{exponent:+}"),
        _ => format!("{}.{}e{exponent:+}", &digits[..1], &digits[1..]),
    };
    format!("{sign}{text}")
}

/// Formats a double with the fewest digits that it can be read from, as in `1.25e-7`. If two such numbers are equally near to
/// it, the last digit is even.
fn scientific(double: f64) -> String {
    let shortest = format!("{double:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e');
    let decimals = digits.filter(u8::is_ascii_digit).count() - 1;
    // With a number of digits, Rust rounds to even.
    let nearest = format!("{double:.decimals$e}");
    if nearest.parse() == Ok(double) {
        nearest
    } else {
        shortest
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        let mut text = String::new();
        push(&mut text, &sorted(value));
        text
    }

    /// The samples of RFC 8785, appendix B, by the bits of their doubles.
    #[test]
    fn numbers_are_those_of_rfc_8785() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
            // Not in the appendix: `.3` would be as near.
            (0x4303_198f_6eaa_018a, "672016048144433.2"),
        ] {
            assert_eq!(text(&json!(f64::from_bits(bits))), expected, "{bits:x}");
        }
        assert_eq!(
            text(&json!([1, 1.0, -3, 10.5, u64::MAX])),
            "[1,1,-3,10.5,18446744073709552000]"
        );
    }

    /// The samples of RFC 8785, sections 3.2.2 and 3.2.3.
    #[test]
    fn strings_and_members_are_those_of_rfc_8785() {
        let value = json!({
            "numbers": [333_333_333.333_333_3, 1e30, 4.50, 2e-3, 1e-27],
            "string": "\u{20ac}$\u{000f}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"\u{2f}",
            "literals": [null, true, false],
        });
        assert_eq!(
            text(&value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        let names = [
            "\u{20ac}",
            "\r",
            "\u{fb33}",
            "1",
            "\u{1f600}",
            "\u{80}",
            "\u{f6}",
        ];
        let value: Map<String, Value> = names
            .iter()
            .map(|it| ((*it).to_owned(), Value::Null))
            .collect();
        let sorted = sorted(&Value::Object(value));
        let order: Vec<&String> = sorted.as_object().unwrap().keys().collect();
        assert_eq!(
            order,
            [
                "\r",
                "1",
                "\u{80}",
                "\u{f6}",
                "\u{20ac}",
                "\u{1f600}",
                "\u{fb33}"
            ]
        );
    }

    /// The digest is that of `printf '{"a":1}' | sha256sum`.
    #[test]
    fn a_digest_is_that_of_the_canonical_form() {
        let expected = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
        assert_eq!(digest(&json!({ "a": 1.0 })), expected);
    }
}
