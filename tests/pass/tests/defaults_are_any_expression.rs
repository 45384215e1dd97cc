use mcp_runtime::prelude::*;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

/// Has no `Serialize`.
#[derive(Debug, Default, Clone, Copy, PartialEq, serde::Deserialize, schemars::JsonSchema)]
enum Color {
    Red,
    #[default]
    Green,
}

type Text = String;

const LIMIT: u32 = 10;

fn pi() -> f64 {
    3.0
}

#[tool]
async fn paint(
    #[arg(default)] color: Color,
    #[arg(default = Color::Red)] other: Color,
    #[arg(default = LIMIT * 2)] limit: u32,
    #[arg(default = pi())] factor: f64,
    #[arg(default = "x".into())] made: String,
    #[arg(default = "x", example = "y")] text: String,
    #[arg(default = "x")] renamed: Text,
    #[arg(default = "x")] cow: Cow<'_, str>,
    #[arg(default = "x")] borrowed: &str,
    #[arg(default = Some(3))] optional: Option<u8>,
    #[arg(default = vec![1, 2])] list: Vec<u8>,
    #[arg(default = if LIMIT > 3 { true } else { false })] flag: bool,
    #[arg(default = PathBuf::from("/"))] path: PathBuf,
    #[arg(default = "/")] directory: PathBuf,
    #[arg(default = Duration::from_secs(1))] pause: Duration,
    #[arg(name = "last", default = { let it = 1; it })] r#final: i8,
) -> String {
    format!("{color:?} {other:?} {limit} {factor} {made}{text}{renamed}{cow}{borrowed} {optional:?} {list:?} {flag} {path:?}{directory:?} {pause:?} {}", r#final)
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let client = mcp_runtime::server!().client().await;
    let reply = client.call("paint", json!({})).await?;
    assert_eq!(reply.text(), "Green Red 20 3 xxxxx Some(3) [1, 2] true \"/\"\"/\" 1s 1");
    Ok(())
}
