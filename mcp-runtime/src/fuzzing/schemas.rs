//! URI templates, and the repair of arguments.

use serde_json::Value;

use crate::schema::{Budget, Patterns, Rules, WholeSchema};
use crate::uri_template::{UriTemplate, normal, unsafe_path};

/// Splits a text at its first line break.
fn halves(data: &[u8]) -> Option<(&str, &str)> {
    str::from_utf8(data).ok()?.split_once('\n')
}

/// Matches a URI with a template; they are separated by a line break.
pub fn uri_template(data: &[u8]) {
    let Some((template, uri)) = halves(data) else {
        return;
    };
    let written = normal(uri);
    assert_eq!(normal(&written), written);
    let Ok(template) = UriTemplate::parse(template) else {
        return;
    };
    let matched = template.match_uri(uri);
    if !template.is_template() {
        assert_eq!(matched.is_some(), normal(template.as_str()) == written);
    }
    let _ = unsafe_path(uri);
}

/// Repairs a value after its schema; they are separated by a line break. What was repaired has no mistakes, and repairing it
/// again changes nothing.
pub fn argument_repair(data: &[u8]) {
    let Some((schema, value)) = halves(data) else {
        return;
    };
    let Some(schema) = serde_json::from_str(schema).ok().filter(Value::is_object) else {
        return;
    };
    let Ok(mut value) = serde_json::from_str::<Value>(value) else {
        return;
    };
    let mut patterns = Patterns::default();
    if patterns.add(&schema).is_err() {
        return;
    }
    if let Ok(whole) = WholeSchema::new(&schema) {
        whole.mistakes(&value, "value", &Budget::default());
    }
    let budget = Budget::default();
    let rules = Rules::new(schema.get("$defs"), &patterns, false, &budget);
    if !rules.repair(&mut value, &schema) {
        return;
    }
    let mistakes = rules.mistakes(&value, &schema, "value");
    assert!(
        mistakes.is_empty() || budget.is_spent(),
        "{value}: {mistakes:?}"
    );
    let before = value.clone();
    assert!(rules.repair(&mut value, &schema) || budget.is_spent());
    assert!(
        value == before || budget.is_spent(),
        "{before} became {value}"
    );
}
