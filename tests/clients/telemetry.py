"""Checks that a server continues the traces of FastMCP's client, and that Prometheus can read its metrics.

Usage: telemetry.py SERVER, the binary `observed-server`, built with the feature `telemetry`.

The server exports to a collector in this process. Everything is done over stdio and over HTTP, in both eras.
"""

import asyncio
import http.server
import os
import sys
import threading
import urllib.request

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from processes import HttpServer

MODES = {"2026-07-28": "2026-07-28", "legacy": "2025-11-25"}
TRAP = "trap-4711"

problems: list[str] = []
checks = 0


def check(what: str, is_right: bool, shown: object = "") -> None:
    global checks
    checks += 1
    if not is_right:
        problems.append(f"{what}: {shown}")


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps all exported spans and metrics."""

    spans: list[Span] = []
    metrics: dict[str, object] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    self.spans.extend(scope.spans)
        else:
            request = ExportMetricsServiceRequest.FromString(body)
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics.update({metric.name: metric for metric in scope.metrics})
        check("no argument is exported", TRAP not in str(request), request)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def attributes(span: Span) -> dict[str, object]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


async def use(server: object, mode: str) -> None:
    async with Client(server, mode=mode, timeout=20) as client:
        await client.call_tool_mcp("echo", {"text": TRAP})
        await client.call_tool_mcp("fails", {"text": TRAP})
        await client.get_prompt_mcp("greet", {"name": TRAP})


def compare(name: str, revision: str, network: str, exported: InMemorySpanExporter) -> None:
    """Compares the spans of the client with those of the server."""
    clients = {format(span.context.span_id, "016x"): span for span in exported.get_finished_spans()}
    for method, component, error in (
        ("tools/call", "echo", None),
        ("tools/call", "fails", "tool_error"),
        ("prompts/get", "greet", None),
    ):
        what = f"{name}, {method} {component}"
        found = [span for span in Collector.spans if span.name == f"{method} {component}"]
        check(f"{what}: one span", len(found) == 1, found)
        if not found:
            continue
        [span] = found
        check(f"{what}: kind", span.kind == Span.SPAN_KIND_SERVER, span)
        parent = clients.get(span.parent_span_id.hex())
        check(f"{what}: the parent is a span of the client", parent is not None, span)
        if parent:
            check(f"{what}: the trace", span.trace_id.hex() == format(parent.context.trace_id, "032x"), span)
        has = attributes(span)
        key = "gen_ai.tool.name" if method == "tools/call" else "gen_ai.prompt.name"
        for attribute, value in (
            ("mcp.method.name", method),
            (key, component),
            ("mcp.protocol.version", revision),
            ("network.transport", network),
            ("error.type", error),
        ):
            check(f"{what}: {attribute}", has.get(attribute) == value, has)
        check(f"{what}: the session", ("mcp.session.id" in has) == (revision == "2025-11-25"), has)
    check(f"{name}: durations", "mcp.server.operation.duration" in Collector.metrics)
    Collector.spans.clear()
    Collector.metrics.clear()


def read_metrics(name: str, address: str) -> None:
    """Reads the metrics with the parser of Prometheus."""
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:
        page = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    types = {family: families[family].type for family in families}
    expected = {
        "mcp_requests": "counter",
        "mcp_request_duration_seconds": "histogram",
        "mcp_requests_in_flight": "gauge",
        "mcp_connections": "gauge",
        "mcp_listeners": "gauge",
        "mcp_refusals": "counter",
        "mcp_sessions": "counter",
        "mcp_received_bytes": "counter",
        "mcp_sent_bytes": "counter",
    }
    check(f"{name}: the metrics", types == expected, types)
    outcomes = {
        (sample.labels["component"], sample.labels["outcome"]): sample.value
        for sample in families["mcp_requests"].samples
        if sample.labels["method"] == "tools/call"
    }
    check(f"{name}: requests", outcomes == {("echo", "ok"): 1, ("fails", "tool_error"): 1}, outcomes)
    counts = {
        sample.labels["component"]: sample.value
        for sample in families["mcp_request_duration_seconds"].samples
        if sample.name.endswith("_count") and sample.labels["method"] == "tools/call"
    }
    check(f"{name}: durations", counts == {"echo": 1, "fails": 1}, counts)


def main() -> None:
    binary = sys.argv[1]
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    os.environ.update(environment)
    exported = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    trace.set_tracer_provider(provider)
    for mode, revision in MODES.items():
        exported.clear()
        asyncio.run(use(StdioTransport(binary, [], env=environment, keep_alive=False), mode))
        compare(f"stdio {revision}", revision, "pipe", exported)
        exported.clear()
        server = HttpServer([binary])
        try:
            check("the server is healthy", not server.wait_until_healthy())
            asyncio.run(use(server.url, mode))
            read_metrics(f"http {revision}", server.address)
        finally:
            check("the server leaves at SIGTERM", not server.stop())
        compare(f"http {revision}", revision, "tcp", exported)
    for problem in problems:
        print(f"FAILED {problem}")
    print(f"{checks - len(problems)} passed, {len(problems)} failed")
    sys.exit(1 if problems or checks < 100 else 0)


if __name__ == "__main__":
    main()
