//! A client that sends arbitrary bytes, which the client of the crate cannot do.

use mcp_runtime::Server;
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

/// The two ends of a connection.
pub(crate) struct Raw {
    conversation: Conversation,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    last: u32,
}

/// The part of a request that names its revision.
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// A request for a tool as a client writes it; `arguments` is JSON.
pub(crate) fn request(id: &str, tool: &str, arguments: &str) -> String {
    request_of("tools/call", id, tool, arguments)
}

fn request_of(method: &str, id: &str, name: &str, arguments: &str) -> String {
    let name = json!(name);
    format!(
        r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{{"name":{name},"arguments":{arguments},{META}}}}}"#
    )
}

impl Raw {
    /// Connects to a server.
    pub(crate) fn to(server: Server) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (reader, writer) = tokio::io::split(far);
        tokio::spawn(server.serve_streams(reader, writer));
        let (reader, writer) = tokio::io::split(near);
        Self {
            conversation: Conversation::new(MODERN),
            lines: BufReader::new(reader).lines(),
            writer,
            last: 0,
        }
    }

    /// Sends bytes, then a request, and returns all answers up to that of the request.
    pub(crate) async fn send(&mut self, bytes: &[u8], tool: &str, arguments: &str) -> Vec<Value> {
        self.exchange(bytes, "tools/call", tool, arguments).await
    }

    async fn exchange(
        &mut self,
        bytes: &[u8],
        method: &str,
        name: &str,
        arguments: &str,
    ) -> Vec<Value> {
        self.last += 1;
        let id = format!("request-{}", self.last);
        let line = request_of(method, &id, name, arguments);
        let all = [bytes, format!("\n{line}\n").as_bytes()].concat();
        self.conversation.wrote(&all);
        self.writer.write_all(&all).await.unwrap();
        let mut answers = Vec::new();
        loop {
            let line = self.lines.next_line().await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            self.conversation.received(&answer);
            let is_last = answer["id"] == id;
            answers.push(answer);
            if is_last {
                return answers;
            }
        }
    }

    /// Gets a prompt; `arguments` is JSON.
    pub(crate) async fn get(&mut self, prompt: &str, arguments: &str) -> Value {
        let mut answers = self.exchange(b"", "prompts/get", prompt, arguments).await;
        answers.pop().unwrap()
    }

    /// Calls a tool; `arguments` is JSON.
    pub(crate) async fn call(&mut self, tool: &str, arguments: &str) -> Value {
        self.send(b"", tool, arguments).await.pop().unwrap()
    }
}
