//! The current time in any time zone, from the tz database.
//!
//! ```sh
//! cargo run --example time -- call convert_time source_timezone=Asia/Tokyo time=09:30 target_timezone=Europe/Warsaw
//! ```

use jiff::civil::Time;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use mcp_runtime::{Completion, prelude::*};
use schemars::JsonSchema;
use serde::Serialize;

/// A point in time, as local time in one time zone.
#[derive(Debug, Serialize, JsonSchema)]
struct Reading {
    /// The IANA name of the time zone.
    timezone: String,
    /// ISO 8601, with the offset from UTC.
    datetime: String,
    /// The English name of the day.
    day_of_week: String,
    /// Whether daylight saving time applies.
    is_dst: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Conversion {
    source: Reading,
    target: Reading,
    /// The time by which the target is ahead of the source, such as `+9.0h`.
    time_difference: String,
}

/// Get the current time in a time zone.
#[tool(read_only, open_world = false)]
async fn get_current_time(
    /// An IANA name, such as `Europe/Warsaw`.
    timezone: String,
) -> Result<Json<Reading>, ToolError> {
    let zone = find_zone(&timezone)?;
    Ok(Json(read_clock(&Timestamp::now().to_zoned(zone))))
}

/// Convert a time of today from one time zone to another.
#[tool(read_only, open_world = false)]
async fn convert_time(
    /// The IANA name of the zone of `time`.
    source_timezone: String,
    /// The time on a 24-hour clock: `HH:MM`.
    time: String,
    /// The IANA name of the zone to convert to.
    target_timezone: String,
) -> Result<Json<Conversion>, ToolError> {
    let source = find_zone(&source_timezone)?;
    let target = find_zone(&target_timezone)?;
    let time = Time::strptime("%H:%M", &time).map_err(|_| {
        ToolError::new(format!(
            "`{time}` is not a time: write it as `HH:MM`, such as `16:30`"
        ))
    })?;
    let today = Timestamp::now().to_zoned(source.clone()).date();
    let moment = today.to_datetime(time).to_zoned(source)?;
    Ok(Json(convert(&moment, target)))
}

fn convert(source: &Zoned, target: TimeZone) -> Conversion {
    let target = source.with_time_zone(target);
    let ahead = f64::from(target.offset().seconds() - source.offset().seconds()) / 3600.0;
    Conversion {
        source: read_clock(source),
        target: read_clock(&target),
        time_difference: format!("{ahead:+?}h"),
    }
}

/// All time zones by their IANA names.
#[resource("time://zones")]
fn zones() -> Json<Vec<String>> {
    Json(zone_names().collect())
}

/// Find a time at which people in several time zones can meet.
#[prompt]
fn plan_meeting(
    /// The IANA names of the zones, separated by commas.
    #[arg(complete = complete_last_zone)]
    zones: String,
    /// When to meet, such as `Friday`; any day if it is left out.
    day: Option<String>,
) -> String {
    let day = day.map_or_else(|| "in the next days".to_owned(), |day| format!("on {day}"));
    format!(
        "Find an hour {day} at which people in these time zones can meet between 8:00 and 18:00 of their own time: \
         {zones}. Call `convert_time` rather than compute offsets."
    )
}

/// Completes the text after the last comma.
fn complete_last_zone(completion: Completion) -> Vec<String> {
    let typed = completion.value();
    let (before, last) = typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1));
    let prefix = last.trim_start();
    let space = &last[..last.len() - prefix.len()];
    zone_names()
        .filter(|name| starts_with_ignoring_case(name, prefix))
        .map(|name| format!("{before}{space}{name}"))
        .collect()
}

fn starts_with_ignoring_case(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn zone_names() -> impl Iterator<Item = String> {
    jiff::tz::db().available().map(|name| name.to_string())
}

fn find_zone(name: &str) -> Result<TimeZone, ToolError> {
    TimeZone::get(name).map_err(|_| {
        ToolError::new(format!(
            "there is no time zone `{name}`: the resource time://zones lists all"
        ))
    })
}

fn read_clock(time: &Zoned) -> Reading {
    Reading {
        timezone: time.time_zone().iana_name().unwrap_or_default().to_owned(),
        datetime: time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        day_of_week: time.strftime("%A").to_string(),
        is_dst: time
            .time_zone()
            .to_offset_info(time.timestamp())
            .dst()
            .is_dst(),
    }
}

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}

#[cfg(test)]
mod tests {
    use mcp_runtime::{ClientError, Revision};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn the_current_time_is_that_of_the_zone() -> Result<(), ClientError> {
        let client = mcp_runtime::server!().client().await;
        let before = Timestamp::now();
        let reply = client
            .call("get_current_time", json!({ "timezone": "Asia/Kolkata" }))
            .await?;
        let reading = reply.structured();
        assert_eq!(reading["timezone"], "Asia/Kolkata");
        assert_eq!(reading["is_dst"], false);
        let shown = reading["datetime"].as_str().unwrap();
        assert!(shown.ends_with("+05:30"), "{shown}");
        let shown: Timestamp = shown.parse().unwrap();
        assert!((shown.as_second() - before.as_second()).abs() <= 1);
        Ok(())
    }

    #[tokio::test]
    async fn zones_differ_by_what_the_database_says() {
        let Json(same_day) = convert_time("UTC".into(), "16:30".into(), "Asia/Tokyo".into())
            .await
            .unwrap();
        assert!(same_day.source.datetime.ends_with("T16:30:00+00:00"));
        assert!(same_day.target.datetime.ends_with("T01:30:00+09:00"));
        assert_eq!(same_day.time_difference, "+9.0h");

        let Json(quarter) = convert_time("Asia/Kathmandu".into(), "00:15".into(), "UTC".into())
            .await
            .unwrap();
        assert_eq!(quarter.time_difference, "-5.75h");
    }

    #[test]
    fn daylight_saving_time_counts() {
        let new_york = TimeZone::get("America/New_York").unwrap();
        let summer: Zoned = "2026-07-01T12:00[Europe/London]".parse().unwrap();
        let conversion = convert(&summer, new_york);
        assert!(conversion.source.is_dst && conversion.target.is_dst);
        assert_eq!(conversion.target.datetime, "2026-07-01T07:00:00-04:00");
        assert_eq!(conversion.target.day_of_week, "Wednesday");
        assert_eq!(conversion.time_difference, "-5.0h");
    }

    #[tokio::test]
    async fn what_is_no_zone_and_no_time_is_named() -> Result<(), ClientError> {
        let client = mcp_runtime::server!()
            .client()
            .revision(Revision::V2025_11_25)
            .await;
        let zone = json!({ "timezone": "Mars/Olympus_Mons" });
        let reply = client.call("get_current_time", zone).await?;
        assert!(reply.is_error());
        assert!(
            reply.text().contains("Mars/Olympus_Mons"),
            "{}",
            reply.text()
        );

        let error = convert_time("UTC".into(), "25:00".into(), "UTC".into())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("25:00"), "{error}");
        Ok(())
    }

    #[tokio::test]
    async fn zones_are_listed_and_completed() -> Result<(), ClientError> {
        let client = mcp_runtime::server!().client().await;
        let contents = client.read("time://zones").await?;
        let names: Vec<String> =
            serde_json::from_str(contents[0]["text"].as_str().unwrap()).unwrap();
        assert!(names.iter().any(|name| name == "Europe/Warsaw"));

        let completed = client
            .complete("plan_meeting", "zones", "Asia/Tokyo, europe/wars")
            .await?;
        assert_eq!(completed.values, ["Asia/Tokyo, Europe/Warsaw"]);
        Ok(())
    }
}
