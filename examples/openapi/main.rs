//! The operations of any OpenAPI specification as tools.
//!
//! | variable | |
//! |---|---|
//! | `OPENAPI_SPEC` | the path or the URL of the specification, in JSON or YAML |
//! | `OPENAPI_BASE_URL` | the URL of the API, if the specification does not name it |
//! | `OPENAPI_SECRET_<SCHEME>` | the secret of a security scheme, such as `OPENAPI_SECRET_BEARER_AUTH` of `bearerAuth` |
//! | `OPENAPI_TAGS` | the tags of the operations that become tools, separated by commas; all by default |
//! | `OPENAPI_READ_ONLY` | `1` for operations with the method `GET` only |
//!
//! ```sh
//! export OPENAPI_SPEC=petstore.yaml
//! cargo run --features openapi --example openapi -- check
//! cargo run --features openapi --example openapi -- call getPetById petId=7
//! ```

use std::error::Error;
use std::process::ExitCode;

use bytes::Bytes;
use http::Request;
use mcp_runtime::{ApiClient, ExposeAs, HttpClient, OpenApi, Secret, Server, ToolError};

/// The name of a setting, without the prefix of the environment variable.
type Setting<'s> = &'s dyn Fn(&str) -> Option<String>;

/// Returns a setting of the environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(format!("OPENAPI_{name}"))
        .ok()
        .filter(|value| !value.is_empty())
}

/// Returns the name of the variable with the secret of a scheme: `BEARER_AUTH` for `bearerAuth`.
fn variable(scheme: &str) -> String {
    let mut name = String::new();
    for character in scheme.chars() {
        if character.is_ascii_uppercase() && name.ends_with(|it: char| it.is_ascii_lowercase()) {
            name.push('_');
        }
        name.push(if character.is_ascii_alphanumeric() {
            character
        } else {
            '_'
        });
    }
    name.to_ascii_uppercase()
}

/// Reads a specification from a file, or from a URL.
async fn read(from: &str) -> Result<String, Box<dyn Error>> {
    if !from.starts_with("https://") && !from.starts_with("http://") {
        return Ok(std::fs::read_to_string(from)?);
    }
    let request = Request::get(from).body(Bytes::new())?;
    let client = HttpClient::new().largest_response(64 << 20);
    let response = client
        .send(request)
        .await
        .map_err(|error| error.as_error().to_string())?;
    if !response.status().is_success() {
        return Err(format!("the status is {}", response.status()).into());
    }
    Ok(String::from_utf8(response.into_body().to_vec())?)
}

async fn secret(scheme: String) -> Result<Option<Secret<String>>, ToolError> {
    let name = format!("SECRET_{}", variable(&scheme));
    Ok(environment(&name).map(Secret::new))
}

/// Returns the server of a specification.
fn server(
    specification: &str,
    client: impl ApiClient,
    setting: Setting<'_>,
) -> Result<Server, Box<dyn Error>> {
    let mut api = OpenApi::new(specification)?.secret_store(secret);
    if let Some(url) = setting("BASE_URL") {
        api = api.base_url(url);
    }
    let tags = setting("TAGS").unwrap_or_default();
    let tags: Vec<String> = tags.split(',').map(|tag| tag.trim().to_owned()).collect();
    let is_any = tags == [""];
    let is_read_only = setting("READ_ONLY").is_some_and(|it| it == "1");
    let api = api.rules(move |operation| {
        let is_tagged = is_any || tags.iter().any(|tag| operation.has_tag(tag));
        let is_allowed = !is_read_only || operation.method() == "GET";
        if is_tagged && is_allowed {
            ExposeAs::Tool
        } else {
            ExposeAs::Hidden
        }
    });
    Ok(Server::openapi(api, client)?)
}

fn configured() -> Result<Server, Box<dyn Error>> {
    let from = environment("SPEC")
        .ok_or("OPENAPI_SPEC is not set: set it to the path or the URL of a specification")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let specification = runtime
        .block_on(read(&from))
        .map_err(|error| format!("`{from}` cannot be read: {error}"))?;
    server(&specification, HttpClient::new(), &environment)
}

fn main() -> ExitCode {
    match configured() {
        Ok(server) => server.run(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Path;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;
    use mcp_runtime::Client;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    const SPECIFICATION: &str = include_str!("tests/shop.yaml");

    /// Serves the API, and returns its URL.
    async fn api() -> String {
        let item = async |Path(id): Path<u32>, headers: HeaderMap| match id {
            7 => Ok(format!("{:?}", headers.get("authorization").is_some())),
            _ => Err((StatusCode::NOT_FOUND, "no such item")),
        };
        let application = Router::new()
            .route(
                "/items/{id}",
                get(item).delete(async || StatusCode::NO_CONTENT),
            )
            .route("/shop.yaml", get(async || SPECIFICATION));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, application).into_future());
        url
    }

    async fn serve(more: &'static [(&str, &str)]) -> Client {
        let url = api().await;
        let specification = read(&format!("{url}/shop.yaml")).await.unwrap();
        let setting = |name: &str| match name {
            "BASE_URL" => Some(url.clone()),
            _ => more
                .iter()
                .find(|it| it.0 == name)
                .map(|it| it.1.to_owned()),
        };
        let server = server(&specification, HttpClient::new(), &setting).unwrap();
        server.client().await
    }

    async fn names(client: &Client) -> Vec<String> {
        let tools = client.tools().await.unwrap();
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn operations_are_called() {
        let client = serve(&[]).await;
        assert_eq!(names(&client).await, ["getItem", "deleteItem", "listUsers"]);
        let reply = client.call("getItem", json!({ "id": 7 })).await.unwrap();
        assert_eq!(reply.text(), "false");
        let reply = client.call("getItem", json!({ "id": 8 })).await.unwrap();
        assert!(reply.is_error());
        assert_eq!(
            reply.text(),
            "The API answers with the status 404 Not Found. The specification says: The shop does not have it.\nno such item"
        );
        let reply = client.call("deleteItem", json!({ "id": 7 })).await.unwrap();
        assert_eq!(reply.text(), "204 No Content");
    }

    #[tokio::test]
    async fn settings_choose_tools() {
        let client = serve(&[("READ_ONLY", "1")]).await;
        assert_eq!(names(&client).await, ["getItem", "listUsers"]);
        let client = serve(&[("TAGS", "admin, x")]).await;
        assert_eq!(names(&client).await, ["listUsers"]);
    }

    #[tokio::test]
    async fn files_are_read_too() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/tests/shop.yaml");
        assert_eq!(read(path).await.unwrap(), SPECIFICATION);
        let url = format!("{}/none", api().await);
        let error = read(&url).await.unwrap_err().to_string();
        assert_eq!(error, "the status is 404 Not Found");
    }

    #[test]
    fn variables_are_named_after_schemes() {
        for (scheme, name) in [
            ("bearerAuth", "BEARER_AUTH"),
            ("api_key", "API_KEY"),
            ("ApiKeyAuth", "API_KEY_AUTH"),
            ("my token", "MY_TOKEN"),
        ] {
            assert_eq!(variable(scheme), name);
        }
    }
}
