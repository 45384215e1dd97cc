use mcp_runtime::prelude::*;

mod metric {
    #[mcp_runtime::tool]
    pub fn length(metres: f64) -> f64 {
        metres
    }

    #[mcp_runtime::prompt]
    pub fn ask() -> &'static str {
        "How many metres?"
    }
}

mod imperial {
    #[mcp_runtime::tool]
    pub fn length(feet: f64) -> f64 {
        feet
    }

    #[mcp_runtime::prompt]
    pub fn ask() -> &'static str {
        "How many feet?"
    }
}

fn local(imperial: bool) -> mcp_runtime::Components {
    if imperial {
        #[tool]
        fn weight(stones: f64) -> f64 {
            stones
        }
        components![weight]
    } else {
        #[tool]
        fn weight(kilograms: f64) -> f64 {
            kilograms
        }
        components![weight]
    }
}

// Tools, prompts and resources have separate namespaces.
#[prompt(name = "weight")]
fn ask_weight() -> &'static str {
    "How much?"
}

#[resource("weight://all", name = "weight")]
fn all_weights() -> &'static str {
    "much"
}

#[tokio::test]
async fn it_runs() -> Result<(), mcp_runtime::ClientError> {
    let server = Server::new("metric", "1").with(components![metric::length, metric::ask, ask_weight, all_weights]);
    let client = server.with(local(false)).client().await;
    let metres = client.call("length", serde_json::json!({ "metres": 2 })).await?;
    assert_eq!(metres.structured()["result"], 2.0);
    let server = Server::new("imperial", "1").with(components![imperial::length, imperial::ask]);
    drop(server.with(local(true)));
    Ok(())
}
