//! The observed server as a process of its own.

mod server;

fn main() -> std::process::ExitCode {
    let server = server::server();
    #[cfg(feature = "telemetry")]
    let server = server.metrics().otel();
    server.run()
}
