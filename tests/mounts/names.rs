//! Names and URIs of mounted components, in all requests and results, over all transports.

use mcp_runtime::prelude::*;
use mcp_runtime::{Resource, Tool};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::wires::{ALL, Caller, ERAS, Host, Who};
use crate::{WAYS, Way, inner};

async fn keys(caller: &Caller, method: &str, member: &str, key: &str) -> Vec<String> {
    let result = caller.request(method, json!({})).await.unwrap();
    let items = result[member].as_array().unwrap().iter();
    items
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

async fn complete(caller: &Caller, reference: Value, argument: &str) -> Value {
    let params = json!({ "ref": reference, "argument": { "name": argument, "value": "" } });
    let result = caller.request("completion/complete", params).await.unwrap();
    result["completion"]["values"].clone()
}

async fn lists_and_requests_use_the_prefixed_names(way: &Way, caller: &Caller) {
    let (what, names, uris) = (way.what, way.names, way.uris);
    let tools = keys(caller, "tools/list", "tools", "name").await;
    for tool in ["whoami", "slow", "links", "embedded"] {
        assert!(
            tools.contains(&format!("{names}{tool}")),
            "{what}: {tools:?}"
        );
    }
    let prompts = keys(caller, "prompts/list", "prompts", "name").await;
    assert!(
        prompts.contains(&format!("{names}ask")),
        "{what}: {prompts:?}"
    );
    let templates = keys(
        caller,
        "resources/templates/list",
        "resourceTemplates",
        "uriTemplate",
    )
    .await;
    let template = format!("db://{uris}row/{{id}}");
    assert!(templates.contains(&template), "{what}: {templates:?}");
    let listed = caller.request("resources/list", json!({})).await.unwrap();
    let listed = listed["resources"].as_array().unwrap();
    let resources: Vec<_> = listed
        .iter()
        .map(|it| it["uri"].as_str().unwrap())
        .collect();
    assert!(
        resources.contains(&format!("db://{uris}cities").as_str()),
        "{what}: {resources:?}"
    );
    // The listing function has the states of its server, and clients can read what it lists.
    let row = format!("db://{uris}row/1");
    let found = listed.iter().find(|it| it["uri"] == row.as_str());
    assert_eq!(found.unwrap()["name"], "row of inner", "{what}: {listed:?}");

    assert_eq!(
        caller
            .call(&format!("{names}whoami"), json!({}))
            .await
            .unwrap(),
        "inner",
        "{what}"
    );
    let prompt = json!({ "name": format!("{names}ask"), "arguments": { "what": "news" } });
    let prompt = caller.request("prompts/get", prompt).await.unwrap();
    assert_eq!(
        prompt["messages"][0]["content"]["text"], "news of inner",
        "{what}"
    );
    let reference = json!({ "type": "ref/prompt", "name": format!("{names}ask") });
    assert_eq!(
        complete(caller, reference, "what").await,
        json!(["inner"]),
        "{what}"
    );
    let reference = json!({ "type": "ref/resource", "uri": template });
    assert_eq!(
        complete(caller, reference, "id").await,
        json!(["inner"]),
        "{what}"
    );
}

async fn results_have_the_uris_that_clients_know(way: &Way, caller: &Caller) {
    let (what, names, uris) = (way.what, way.names, way.uris);
    let cities = format!("db://{uris}cities");
    let read = caller
        .request("resources/read", json!({ "uri": cities }))
        .await
        .unwrap();
    assert_eq!(read["contents"][0]["uri"], cities.as_str(), "{what}");
    assert_eq!(read["contents"][0]["text"], "the cities of inner", "{what}");
    let row = format!("db://{uris}row/7");
    let read = caller
        .request("resources/read", json!({ "uri": row }))
        .await
        .unwrap();
    assert_eq!(read["contents"][0]["uri"], row.as_str(), "{what}");
    assert_eq!(read["contents"][0]["text"], "row 7", "{what}");
    assert_eq!(read["contents"][1]["uri"], cities.as_str(), "{what}");

    let call = |tool: &str| json!({ "name": format!("{names}{tool}"), "arguments": {} });
    let result = caller.request("tools/call", call("links")).await.unwrap();
    let linked = result["content"].as_array().unwrap().iter();
    let linked: Vec<_> = linked
        .map(|it| it["uri"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        linked,
        [cities.as_str(), row.as_str(), "https://example.com/page"],
        "{what}"
    );
    let result = caller
        .request("tools/call", call("embedded"))
        .await
        .unwrap();
    assert_eq!(
        result["content"][0]["resource"]["uri"],
        cities.as_str(),
        "{what}"
    );
}

async fn errors_have_the_names_that_clients_use(way: &Way, caller: &Caller) {
    let (what, names, uris) = (way.what, way.names, way.uris);
    let slow = caller
        .call(&format!("{names}slow"), json!({}))
        .await
        .unwrap_err();
    assert!(
        slow.contains(&format!("`{names}slow` took longer")),
        "{what}: {slow}"
    );
    let uri = format!("db://{uris}none/of/them");
    let (_, missing) = caller
        .request("resources/read", json!({ "uri": uri }))
        .await
        .unwrap_err();
    assert!(
        missing.contains(&uri) || missing.contains("not found"),
        "{what}: {missing}"
    );
    if !names.is_empty() {
        let unknown = caller.call("whoami", json!({})).await.unwrap_err();
        assert!(
            unknown.contains("Unknown tool: `whoami`"),
            "{what}: {unknown}"
        );
        assert!(
            caller
                .request("resources/read", json!({ "uri": "db://cities" }))
                .await
                .is_err()
        );
    }
    if what != "not mounted" {
        assert_eq!(
            caller.call("own", json!({})).await.unwrap(),
            "outer",
            "{what}"
        );
    }
}

#[tokio::test]
async fn mounted_components_are_used_by_the_names_of_the_outer_server() {
    for way in &WAYS {
        for over in ALL {
            let host = Host::of((way.server)(inner()), over).await;
            for era in ERAS {
                let caller = host.caller(era, Who::default()).await;
                lists_and_requests_use_the_prefixed_names(way, &caller).await;
                results_have_the_uris_that_clients_know(way, &caller).await;
                errors_have_the_names_that_clients_use(way, &caller).await;
            }
        }
    }
}

#[tokio::test]
async fn the_interface_of_a_tool_has_the_uri_that_clients_know() {
    let inner = || {
        let page = Resource::new("ui://page", "page", |_: Value, _: Context| async { "<p>" });
        let page = page.mime("text/html;profile=mcp-app");
        let tool = Tool::new(
            "show",
            json!({ "type": "object" }),
            |_: Value, _: Context| async { "" },
        );
        Server::new("inner", "1")
            .with(tool.ui("ui://page"))
            .with(page)
    };
    for way in &WAYS {
        let client = (way.server)(inner()).connect().await;
        let tools = client.tools().await.unwrap();
        let name = format!("{}show", way.names);
        let tool = tools
            .iter()
            .find(|tool| tool["name"] == name.as_str())
            .unwrap();
        let uri = tool["_meta"]["ui"]["resourceUri"].as_str().unwrap();
        assert_eq!(uri, format!("ui://{}page", way.uris), "{}", way.what);
        assert_eq!(tool["_meta"]["ui/resourceUri"], uri);
        assert_eq!(client.read(uri).await.unwrap()[0]["text"], "<p>");
    }
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn metrics_have_the_names_that_callers_use() {
    let server = crate::outer().mount("a", inner()).metrics();
    let handle = server.handle();
    let client = server.connect().await;
    client.call("a_whoami", json!({})).await.unwrap();
    client.read("db://a/row/7").await.unwrap();
    let text = handle.metrics_text().unwrap();
    for component in ["a_whoami", "db://a/row/{id}"] {
        assert!(
            text.contains(&format!("component=\"{component}\"")),
            "{text}"
        );
    }
}
