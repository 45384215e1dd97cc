//! What operators add to a server: audit records and metrics.

#[cfg(feature = "audit")]
mod audits {
    use std::fs;
    use std::path::{Path, PathBuf};

    use mcp_runtime::{Audit, HttpService};
    use serde_json::json;

    use super::super::local::{call, post, server, service};
    use super::super::page::row;
    use super::super::process::MODERN;

    /// Returns a server with an audit in this file.
    async fn audited(path: &Path) -> HttpService {
        service(server().audit(Audit::file(path))).await
    }

    async fn add(service: &HttpService) {
        let call = call(MODERN, 1, "add", &json!({ "a": 2, "b": 3 }));
        let response = post(service, "127.0.0.1", MODERN, None, &call).await;
        assert_eq!(response.status(), 200);
    }

    /// Makes a file as long as this. It takes no space on the disk.
    fn lengthen(path: &Path, bytes: usize) {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.set_len(bytes as u64).unwrap();
    }

    fn length(path: &Path) -> usize {
        let length = fs::metadata(path).map_or(0, |file| file.len());
        usize::try_from(length).unwrap()
    }

    fn numbered(path: &Path, number: usize) -> PathBuf {
        path.with_extension(format!("jsonl.{number}"))
    }

    #[tokio::test]
    async fn sizes_of_audits() {
        let row = row("audit-size").for_all();
        row.says("the file is renamed");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        add(&audited(&path).await).await;
        let record = length(&path);
        // Records differ by a few digits.
        let digits = 32;
        for (bytes, is_renamed) in [
            (row.number() - record - digits, false),
            (row.number() - record + digits, true),
        ] {
            let _ = fs::remove_file(numbered(&path, 1));
            fs::write(&path, "").unwrap();
            lengthen(&path, bytes);
            add(&audited(&path).await).await;
            assert_eq!(numbered(&path, 1).exists(), is_renamed, "{bytes}");
            assert_eq!(length(&path) < 2 * record, is_renamed);
        }
    }

    #[tokio::test]
    async fn older_audits() {
        let row = row("audit-files").for_all();
        row.says("the oldest is dropped");
        let full = super::super::page::rows()["audit-size"].number();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for number in 1..=row.number() {
            fs::write(numbered(&path, number), number.to_string()).unwrap();
        }
        lengthen(&path, full);
        add(&audited(&path).await).await;
        assert_eq!(length(&numbered(&path, 1)), full);
        for number in 2..=row.number() {
            let content = fs::read_to_string(numbered(&path, number)).unwrap();
            assert_eq!(content, (number - 1).to_string());
        }
        assert!(!numbered(&path, row.number() + 1).exists());
    }
}

#[cfg(feature = "metrics")]
mod metrics {
    use serde_json::json;

    use super::super::local::{Streams, call, with_tools};
    use super::super::page::row;
    use super::super::process::MODERN;

    /// Returns the components in the series of requests.
    fn components(text: &str) -> Vec<&str> {
        let series = text
            .lines()
            .filter_map(|line| line.strip_prefix("mcp_requests_total{"));
        series
            .filter_map(|labels| labels.split_once("component=\"")?.1.split('"').next())
            .collect()
    }

    #[tokio::test]
    async fn series() {
        let row = row("series").for_all();
        row.says("counted as `_OTHER`");
        let server = with_tools(row.number() + 1).metrics();
        let handle = server.handle();
        let mut streams = Streams::start(server, MODERN).await;
        for number in 0..=row.number() {
            if number == row.number() {
                let text = handle.metrics_text().unwrap();
                let known = components(&text);
                assert_eq!(known.len(), row.number());
                assert!(!known.contains(&"_OTHER"));
            }
            let tool = call(MODERN, 1, &format!("tool_{number}"), &json!({}));
            assert!(streams.ask(&tool).await["result"].is_object());
        }
        let text = handle.metrics_text().unwrap();
        let known = components(&text);
        assert_eq!(known.len(), row.number() + 1);
        assert!(known.contains(&"_OTHER"));
    }
}
