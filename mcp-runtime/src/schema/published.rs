//! The schemas of types as clients receive them: without the limits that only repeat a Rust type. A model reads schemas with
//! each request, and such limits tell it nothing.

use mcp_grammar::number::LARGEST_EXACT;
use serde_json::{Map, Value};

use super::check::wants;
use super::tidy::bounds;
use super::walk::change_parts;

/// The types and formats of numbers with bounds that JavaScript cannot represent exactly.
const FAR: [(&str, &str); 5] = [
    ("integer", "int64"),
    ("integer", "uint64"),
    ("integer", "int"),
    ("integer", "uint"),
    ("number", "float"),
];

/// Counts that are never negative.
const COUNTS: [&str; 3] = ["minItems", "minLength", "minProperties"];

/// Removes limits that only repeat the Rust type: the bounds of `i64`, `u64`, `isize`, `usize` and `f32` beyond the exact
/// integers of JavaScript, and limits that allow every value. Arguments are checked against the original schema.
pub(crate) fn publish(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    change_parts(schema, |_, _, part| publish(part));
    schema.retain(|keyword, value| match keyword.as_str() {
        keyword if COUNTS.contains(&keyword) => *value != 0,
        "uniqueItems" => *value != false,
        _ => true,
    });
    for keyword in ["minimum", "maximum"] {
        if is_far_bound(schema, keyword) {
            schema.shift_remove(keyword);
        }
    }
}

/// Returns `true` if a bound is that of a type and too far for JavaScript.
fn is_far_bound(schema: &Map<String, Value>, keyword: &str) -> bool {
    let Some(bound) = schema.get(keyword) else {
        return false;
    };
    #[allow(clippy::cast_precision_loss)] // it is exact, as its name says
    let largest = LARGEST_EXACT as f64;
    // The bounds of `usize` are those of `u32` on some machines.
    bound.as_f64().is_some_and(|bound| bound.abs() > largest)
        && FAR.iter().any(|(kind, format)| {
            let of_type = bounds(format);
            wants(schema.get("type"), kind)
                && of_type.is_some_and(|(least, most)| [least, most].contains(bound))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_limits_that_repeat_a_type_are_left_out() {
        for (schema, published) in [
            (
                json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }),
                json!({ "type": "integer" }),
            ),
            (
                json!({ "type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX }),
                json!({ "type": ["integer", "null"], "minimum": 0 }),
            ),
            (
                json!({ "type": "integer", "minimum": i32::MIN, "maximum": u32::MAX }),
                json!({ "type": "integer", "minimum": i32::MIN, "maximum": u32::MAX }),
            ),
            (
                json!({ "type": "integer", "minimum": 1, "maximum": 1_u64 << 60 }),
                json!({ "type": "integer", "minimum": 1, "maximum": 1_u64 << 60 }),
            ),
            (
                json!({ "type": "number", "minimum": -3.402_823_5e38, "maximum": 3.402_823_5e38 }),
                json!({ "type": "number" }),
            ),
            (
                json!({ "type": "number", "minimum": 0, "maximum": u64::MAX }),
                json!({ "type": "number", "minimum": 0, "maximum": u64::MAX }),
            ),
            (
                json!({ "type": "array", "minItems": 0, "maxItems": 0, "uniqueItems": false }),
                json!({ "type": "array", "maxItems": 0 }),
            ),
            (
                json!({
                    "properties": { "minItems": { "type": "string", "minLength": 0 }, "minLength": {} },
                    "default": { "minItems": 0 },
                    "additionalProperties": { "type": "array", "items": { "type": "integer", "maximum": i64::MAX } },
                }),
                json!({
                    "properties": { "minItems": { "type": "string" }, "minLength": {} },
                    "default": { "minItems": 0 },
                    "additionalProperties": { "type": "array", "items": { "type": "integer" } },
                }),
            ),
        ] {
            let mut slim = schema.clone();
            publish(&mut slim);
            assert_eq!(slim, published, "{schema}");
        }
    }
}
