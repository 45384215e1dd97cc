//! Checks the table of `beyond.md`: values that serde and schemas treat differently.

use serde_json::Value;

use crate::raw::Raw;
use crate::types::server;

/// One row of the table.
struct Row<'t> {
    tool: &'t str,
    sent: &'t str,
    /// The accepted value of the forgiving and the strict tool; `None` if the tool refuses it.
    taken: [Option<Value>; 2],
}

fn rows() -> Vec<Row<'static>> {
    let table = include_str!("beyond.md");
    let lines = table.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line
                .trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            let [tool, sent, forgiving, strict, why] = cells.as_slice() else {
                panic!("a row has five cells: {line}");
            };
            assert!(!why.is_empty(), "{line}");
            let taken = |cell: &str| {
                (cell != "refused").then(|| {
                    serde_json::from_str(cell).unwrap_or_else(|error| panic!("{line}: {error}"))
                })
            };
            Row {
                tool,
                sent,
                taken: [taken(forgiving), taken(strict)],
            }
        })
        .collect()
}

/// The result of a tool, or the reason of its refusal.
fn outcome(answer: &Value) -> Result<Value, String> {
    let result = &answer["result"];
    if result["isError"] == true {
        return Err(result["content"][0]["text"].as_str().unwrap().to_owned());
    }
    let given = &result["structuredContent"];
    let wrapped = given.as_object().filter(|members| members.len() == 1);
    Ok(wrapped
        .and_then(|members| members.get("result"))
        .unwrap_or(given)
        .clone())
}

#[tokio::test]
async fn what_the_table_says_is_what_happens() {
    let rows = rows();
    assert!(rows.len() > 60, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (mode, strict) in [false, true].into_iter().enumerate() {
        let mut client = Raw::to(server(strict));
        for row in &rows {
            let arguments = match row.sent {
                "nothing" => "{}".to_owned(),
                sent => format!("{{\"value\":{sent}}}"),
            };
            let outcome = outcome(&client.call(row.tool, &arguments).await);
            let right = match (&outcome, &row.taken[mode]) {
                (Ok(given), Some(expected)) => given == expected,
                // A refusal names the place of the mistake.
                (Err(text), None) => {
                    text.starts_with("Invalid arguments:\n- ") && text.contains("`value")
                }
                _ => false,
            };
            if !right {
                wrong.push(format!(
                    "{} of {} (strict: {strict}) became {outcome:?}",
                    row.sent, row.tool
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
