//! Weather alerts and forecasts of the United States, from the API of the National Weather Service.
//!
//! These are the two tools of the tutorial for servers of the MCP project, with the same names and arguments. The API needs no
//! key. `WEATHER_API_URL` is another server with the same API, such as one for tests.
//!
//! ```sh
//! cargo run --features http-client --example weather -- call get_forecast latitude=38.58 longitude=-121.49
//! cargo build --release --features http-client --example weather
//! claude mcp add weather -- "$PWD/target/release/examples/weather"
//! ```

use std::time::Duration;

use mcp_runtime::prelude::*;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The API, without a slash at the end.
const API: &str = "https://api.weather.gov";

/// The API refuses requests without the name of their program.
const USER_AGENT: &str = concat!("mcp-runtime-weather/", env!("CARGO_PKG_VERSION"));

/// The number of periods of a forecast: half of a day each.
const PERIODS: usize = 5;

/// A warning of the weather service.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
struct Alert {
    event: String,
    area_desc: String,
    severity: String,
    headline: Option<String>,
    description: Option<String>,
    instruction: Option<String>,
}

/// The forecast for half of a day.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
struct Period {
    /// Such as `Tonight`.
    name: String,
    temperature: f64,
    /// `F` or `C`.
    temperature_unit: String,
    /// Such as `5 to 10 mph`.
    wind_speed: String,
    /// Such as `NW`.
    wind_direction: String,
    detailed_forecast: String,
}

/// The form of all responses.
#[derive(Deserialize)]
struct Feature<T> {
    properties: T,
}

#[derive(Deserialize)]
struct Features<T> {
    features: Vec<Feature<T>>,
}

/// The grid of the forecasts at a point.
#[derive(Deserialize)]
struct Point {
    forecast: String,
}

#[derive(Deserialize)]
struct Forecast {
    periods: Vec<Period>,
}

/// The body of a response that is an error.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// A client of the API.
struct Weather {
    client: Client,
    api: Url,
}

impl Weather {
    fn new(api: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/geo+json"));
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .timeout(Duration::from_secs(20));
        Ok(Self {
            client: client.build()?,
            api: api.parse()?,
        })
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, ToolError> {
        // The API itself names the URL of a forecast.
        let url = self.api.join(url)?;
        if url.origin() != self.api.origin() {
            let message = format!("the weather service refers to `{url}`, which is not its own");
            return Err(ToolError::new(message));
        }
        let response = self.client.get(url).send().await;
        let response = response.map_err(|error| {
            ToolError::new(format!(
                "the weather service does not answer: {}",
                error.without_url()
            ))
        })?;
        if !response.status().is_success() {
            return Err(failure(response).await);
        }
        response
            .json()
            .await
            .map_err(|_| ToolError::new("the response of the weather service has an unknown form"))
    }
}

/// Returns the error of the API for the model.
async fn failure(response: Response) -> ToolError {
    let status = response.status();
    let problem = response.json::<Problem>().await;
    match (problem, status) {
        (Ok(Problem { detail }), StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) => {
            ToolError::new(format!("the weather service has no data: {detail}"))
        }
        _ => ToolError::new(format!(
            "the weather service has the status {status}: try again later"
        )),
    }
}

/// Get the active weather alerts of a state of the United States.
#[tool(read_only, open_world)]
async fn get_alerts(
    /// The two letters of the state.
    #[arg(length(2..=2), example = "CA")]
    state: String,
    weather: State<Weather>,
) -> Result<Json<Vec<Alert>>, ToolError> {
    if !state.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let message = format!("`{state}` is not a state: write two letters, such as `CA`");
        return Err(ToolError::new(message));
    }
    let path = format!("/alerts/active/area/{}", state.to_ascii_uppercase());
    let alerts: Features<Alert> = weather.get(&path).await?;
    let alerts = alerts.features.into_iter().map(|alert| alert.properties);
    Ok(Json(alerts.collect()))
}

/// Get the weather forecast for a place in the United States.
#[tool(read_only, open_world)]
async fn get_forecast(
    /// In degrees north.
    #[arg(range(-90.0..=90.0), example = 38.58)]
    latitude: f64,
    /// In degrees east: negative in America.
    #[arg(range(-180.0..=180.0), example = -121.49)]
    longitude: f64,
    weather: State<Weather>,
) -> Result<Json<Vec<Period>>, ToolError> {
    let path = format!("/points/{},{}", degrees(latitude), degrees(longitude));
    let point: Feature<Point> = weather.get(&path).await?;
    let forecast: Feature<Forecast> = weather.get(&point.properties.forecast).await?;
    let mut periods = forecast.properties.periods;
    periods.truncate(PERIODS);
    Ok(Json(periods))
}

/// Formats degrees with at most four decimals, as the API requires.
fn degrees(degrees: f64) -> String {
    // The sum is not `-0`.
    let rounded = (degrees * 10_000.0).round() / 10_000.0 + 0.0;
    rounded.to_string()
}

fn server(weather: Weather) -> Server {
    mcp_runtime::server!().title("Weather").state(weather)
}

fn main() -> std::process::ExitCode {
    let api = std::env::var("WEATHER_API_URL").unwrap_or_else(|_| API.to_owned());
    match Weather::new(&api) {
        Ok(weather) => server(weather).run(),
        Err(error) => {
            eprintln!("the client of `{api}` cannot be created: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::Request;
    use axum::http::{Response, header};
    use mcp_runtime::Client;
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;

    fn period(number: usize) -> Value {
        json!({
            "number": number, "name": format!("Period {number}"), "temperature": 71, "temperatureUnit": "F",
            "windSpeed": "5 mph", "windDirection": "NW", "detailedForecast": "Sunny.", "icon": "x",
        })
    }

    /// Returns the status and the body for a path.
    fn answer(path: &str, origin: &str) -> (u16, Value) {
        let alert = json!({
            "event": "Flood Watch", "areaDesc": "Sacramento", "severity": "Severe", "headline": "A flood",
            "description": "Rain.", "instruction": null, "status": "Actual",
        });
        let point = |forecast: String| {
            (
                200,
                json!({ "properties": { "gridX": 1, "forecast": forecast } }),
            )
        };
        match path {
            "/alerts/active/area/CA" => (200, json!({ "features": [{ "properties": alert }] })),
            "/alerts/active/area/NV" => (200, json!({ "features": [] })),
            "/alerts/active/area/XX" => (
                400,
                json!({ "title": "Bad Request", "detail": "XX is no area" }),
            ),
            "/points/38.5817,-121.49" => point(format!("{origin}/gridpoints/STO/41,68/forecast")),
            "/points/1,1" => point("http://127.0.0.2/secret".to_owned()),
            "/points/2,2" => (200, json!({ "properties": [] })),
            "/points/0,0" => (404, json!({ "detail": "Unable to provide data" })),
            "/gridpoints/STO/41,68/forecast" => {
                let periods: Vec<_> = (1..=14).map(period).collect();
                (200, json!({ "properties": { "periods": periods } }))
            }
            _ => (503, Value::Null),
        }
    }

    /// Serves the API, and returns a client of the server with the headers of all requests that the API received.
    async fn serve() -> (Client, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (requests, base) = (Arc::clone(&seen), origin.clone());
        let router = Router::new().fallback(async move |request: Request| {
            let header = |name| request.headers()[name].to_str().unwrap().to_owned();
            let headers = format!("{} {}", header(header::ACCEPT), header(header::USER_AGENT));
            requests.lock().unwrap().push(headers);
            let (status, body) = answer(request.uri().path(), &base);
            let response = Response::builder().status(status);
            response.body(body.to_string()).unwrap()
        });
        tokio::spawn(axum::serve(listener, router).into_future());
        (server(Weather::new(&origin).unwrap()).client().await, seen)
    }

    #[tokio::test]
    async fn alerts_are_those_of_a_state() {
        let (client, seen) = serve().await;
        for state in ["CA", "ca"] {
            let reply = client
                .call("get_alerts", json!({ "state": state }))
                .await
                .unwrap();
            let alerts = &reply.structured()["result"];
            assert_eq!(alerts[0]["event"], "Flood Watch");
            assert_eq!(alerts[0]["area_desc"], "Sacramento");
            assert_eq!(alerts[0]["instruction"], Value::Null);
        }
        let reply = client
            .call("get_alerts", json!({ "state": "NV" }))
            .await
            .unwrap();
        assert_eq!(reply.structured()["result"], json!([]));
        let headers = format!("application/geo+json {USER_AGENT}");
        assert!(
            seen.lock().unwrap().iter().all(|it| *it == headers),
            "{seen:?}"
        );
    }

    #[tokio::test]
    async fn a_forecast_is_that_of_the_grid_at_a_point() {
        let (client, _) = serve().await;
        let place = json!({ "latitude": 38.581_719, "longitude": -121.49 });
        let reply = client.call("get_forecast", place).await.unwrap();
        let periods = reply.structured()["result"].as_array().unwrap();
        assert_eq!(periods.len(), PERIODS);
        assert_eq!(periods[4]["name"], "Period 5");
        assert_eq!(periods[0]["temperature"], 71.0);
        assert_eq!(periods[0]["detailed_forecast"], "Sunny.");
    }

    #[tokio::test]
    async fn errors_say_what_to_do() {
        let (client, seen) = serve().await;
        let refusals = [
            (
                "get_alerts",
                json!({ "state": "C/" }),
                "`C/` is not a state: write two letters, such as `CA`",
            ),
            ("get_alerts", json!({ "state": "CAL" }), "state"),
            (
                "get_forecast",
                json!({ "latitude": 91, "longitude": 0 }),
                "latitude",
            ),
        ];
        for (tool, arguments, message) in refusals {
            let reply = client.call(tool, arguments).await.unwrap();
            assert!(
                reply.is_error() && reply.text().contains(message),
                "{}",
                reply.text()
            );
        }
        assert_eq!(seen.lock().unwrap().len(), 0);
        let failures = [
            (
                "get_alerts",
                json!({ "state": "XX" }),
                "the weather service has no data: XX is no area",
            ),
            (
                "get_forecast",
                json!({ "latitude": 0, "longitude": -0.000_01 }),
                "the weather service has no data: Unable to provide data",
            ),
            (
                "get_forecast",
                json!({ "latitude": 1, "longitude": 1 }),
                "the weather service refers to `http://127.0.0.2/secret`, which is not its own",
            ),
            (
                "get_forecast",
                json!({ "latitude": 2, "longitude": 2 }),
                "the response of the weather service has an unknown form",
            ),
            (
                "get_alerts",
                json!({ "state": "WA" }),
                "the weather service has the status 503 Service Unavailable: try again later",
            ),
        ];
        for (tool, arguments, message) in failures {
            let reply = client.call(tool, arguments).await.unwrap();
            assert!(reply.is_error(), "{message}");
            assert_eq!(reply.text(), message);
        }
    }

    #[tokio::test]
    async fn a_service_that_is_away_is_named() {
        let client = server(Weather::new("http://127.0.0.1:1").unwrap())
            .client()
            .await;
        let reply = client
            .call("get_alerts", json!({ "state": "CA" }))
            .await
            .unwrap();
        assert!(
            reply
                .text()
                .starts_with("the weather service does not answer"),
            "{}",
            reply.text()
        );
    }
}
