//! The observed server as a process of its own.

fn main() -> std::process::ExitCode {
    let server = mcp_tests::observed::server();
    #[cfg(feature = "telemetry")]
    let server = server.metrics().otel();
    server.run()
}
