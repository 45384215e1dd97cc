// The client of the page: Streamable HTTP, in revision 2026-07-28 and in the revisions with a handshake.

const MODERN = "2026-07-28";
const REVISIONS = [MODERN, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const META = "io.modelcontextprotocol/";
// The methods with the header Mcp-Name, and the parameter that it repeats.
const NAMED = { "tools/call": "name", "prompts/get": "name", "resources/read": "uri" };
const CLIENT = { name: "playground", version: "1" };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

// An error that the server sent.
class RpcError extends Error {
  constructor({ code, message, data }) {
    super(`${message} (${code})`);
    this.code = code;
    this.data = data;
  }
}

// An answer of the server that is not a message: its status and its text.
class HttpError extends Error {
  constructor(status, text, challenge) {
    super(text || `The server answered with the status ${status}`);
    this.status = status;
    this.challenge = challenge;
  }
}

// Returns a header value: the text itself, or its base64 if it has other than visible ASCII characters.
function headerValue(text) {
  const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith("=?base64?");
  return isPlain ? text : `=?base64?${toBase64(new TextEncoder().encode(text))}?=`;
}

function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

// Yields the JSON messages of an event stream.
async function* messagesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const lines = text.split(/\r?\n/);
      text = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
        if (line !== "" || data.length === 0) continue;
        const event = data.join("\n");
        data = [];
        if (event) yield JSON.parse(event);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// A connection. The handlers are `wire(direction, message)`, `notify(message)`, `ask(request)`, which returns the result of a
// question, and `lost(error)`.
class Connection {
  constructor(url, revision, token, handlers) {
    this.url = url;
    this.revision = revision;
    this.token = token;
    this.handlers = handlers;
    this.nextId = 1;
    this.session = null;
    this.closed = new AbortController();
    this.logLevel = "";
  }

  get isModern() {
    return this.revision === MODERN;
  }

  // Connects. Returns the properties of the server: its info, its capabilities and its instructions.
  async open() {
    if (this.isModern) {
      const found = await this.request("server/discover", {});
      this.listen(found.capabilities);
      return { ...found, serverInfo: found._meta?.[META + "serverInfo"] ?? {} };
    }
    const about = await this.request("initialize", {
      protocolVersion: this.revision,
      capabilities: CAPABILITIES,
      clientInfo: CLIENT,
    });
    await this.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    this.receive();
    return about;
  }

  // Ends the connection. A session is deleted.
  close() {
    this.closed.abort();
    if (this.session) {
      fetch(this.url, { method: "DELETE", headers: this.headers() }).catch(() => {});
    }
  }

  async setLogLevel(level) {
    this.logLevel = level;
    if (!this.isModern && level) await this.request("logging/setLevel", { level });
  }

  // Sends a request and returns its result. Questions of the server are answered on the way.
  async request(method, params, { signal, tool } = {}) {
    let extra = {};
    for (let round = 0; round < 100; round += 1) {
      const result = await this.exchange(method, { ...params, ...extra }, { signal, tool });
      if (result?.resultType !== "input_required") return result;
      const inputResponses = {};
      for (const [key, question] of Object.entries(result.inputRequests ?? {})) {
        inputResponses[key] = await this.handlers.ask(question);
      }
      extra = { inputResponses };
      if (result.requestState !== undefined) extra.requestState = result.requestState;
    }
    throw new Error("The server still asks questions after 100 rounds");
  }

  async exchange(method, params, { signal, tool }) {
    const id = this.nextId++;
    const message = { jsonrpc: "2.0", id, method, params: this.withMeta(params, id) };
    const signals = [this.closed.signal, ...(signal ? [signal] : [])];
    const cancel = () => {
      // In revision 2026-07-28, the end of the request cancels it.
      if (!this.isModern) {
        const params = { requestId: id, reason: "cancelled in the playground" };
        this.send({ jsonrpc: "2.0", method: "notifications/cancelled", params }).catch(() => {});
      }
    };
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const answer = await this.send(message, { tool, signal: AbortSignal.any(signals) });
      if (!answer) throw new Error("The stream ended before the result arrived");
      if (answer.error) throw new RpcError(answer.error);
      return answer.result;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  withMeta(params, id) {
    const meta = { progressToken: id, ...params._meta };
    if (this.isModern) {
      meta[META + "protocolVersion"] = MODERN;
      meta[META + "clientInfo"] = CLIENT;
      meta[META + "clientCapabilities"] = CAPABILITIES;
      if (this.logLevel) meta[META + "logLevel"] = this.logLevel;
    }
    return { ...params, _meta: meta };
  }

  headers(message, tool) {
    const headers = {
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
    };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (this.session) headers["Mcp-Session-Id"] = this.session;
    if (this.isModern || this.session) headers["MCP-Protocol-Version"] = this.revision;
    if (this.isModern && message) {
      headers["Mcp-Method"] = message.method;
      const member = NAMED[message.method];
      if (member) headers["Mcp-Name"] = headerValue(String(message.params[member]));
      Object.assign(headers, headersOfArguments(tool?.inputSchema, message.params?.arguments));
    }
    return headers;
  }

  // Sends a message. Returns the response to it, if it is a request.
  async send(message, { tool, signal = this.closed.signal } = {}) {
    this.handlers.wire("out", message);
    const response = await fetch(this.url, {
      method: "POST",
      headers: this.headers(message, tool),
      body: JSON.stringify(message),
      signal,
    });
    this.session = response.headers.get("Mcp-Session-Id") ?? this.session;
    const type = response.headers.get("Content-Type") ?? "";
    if (type.startsWith("text/event-stream")) {
      for await (const received of messagesOf(response.body)) {
        if (this.take(received, message.id)) return received;
      }
      return null;
    }
    const text = await response.text();
    if (type.startsWith("application/json")) {
      const received = JSON.parse(text);
      this.handlers.wire("in", received);
      if (received.jsonrpc && response.status !== 401 && response.status !== 403) return received;
    }
    if (!response.ok) {
      throw new HttpError(response.status, text, response.headers.get("WWW-Authenticate"));
    }
    return null;
  }

  // Handles a message of a stream. Returns true if it is the response to the request with this id.
  take(message, id) {
    this.handlers.wire("in", message);
    if (message.method === undefined) return message.id === id;
    if (message.id === undefined) {
      this.handlers.notify(message);
    } else {
      this.answer(message);
    }
    return false;
  }

  // Answers a question that the server asks in a session.
  async answer(request) {
    let body;
    try {
      body = request.method === "ping" ? { result: {} } : { result: await this.handlers.ask(request) };
    } catch (error) {
      body = { error: { code: -32603, message: String(error.message) } };
    }
    await this.send({ jsonrpc: "2.0", id: request.id, ...body }).catch((error) => this.handlers.lost(error));
  }

  // Subscribes to changes, in revision 2026-07-28.
  async listen(capabilities = {}) {
    const notifications = {
      toolsListChanged: Boolean(capabilities.tools?.listChanged),
      promptsListChanged: Boolean(capabilities.prompts?.listChanged),
      resourcesListChanged: Boolean(capabilities.resources?.listChanged),
    };
    await this.untilLost(() => this.request("subscriptions/listen", { notifications }));
  }

  // Receives the messages that belong to no request of the session.
  async receive() {
    await this.untilLost(async () => {
      const { "Content-Type": _, ...headers } = this.headers();
      const response = await fetch(this.url, {
        headers: { ...headers, Accept: "text/event-stream" },
        signal: this.closed.signal,
      });
      if (!response.ok) throw new HttpError(response.status, await response.text());
      for await (const message of messagesOf(response.body)) this.take(message);
    });
  }

  // Runs a stream, and reports its end unless the connection was closed.
  async untilLost(stream) {
    let failure = new Error("The server ended the stream");
    try {
      await stream();
    } catch (error) {
      failure = error;
    }
    // A server without changes has no stream.
    const hasNone = failure instanceof RpcError || failure.status === 405;
    if (!this.closed.signal.aborted && !hasNone) this.handlers.lost(failure);
  }

  // Returns all items of a list, from all pages. A server without such components has none.
  async list(method, member) {
    const all = [];
    let params = {};
    try {
      do {
        const page = await this.request(method, params);
        all.push(...page[member]);
        params = { cursor: page.nextCursor };
      } while (params.cursor !== undefined);
    } catch (error) {
      if (error.code !== -32601) throw error;
    }
    return all;
  }
}

// Returns the headers that repeat arguments, by the `x-mcp-header` of their schemas.
function headersOfArguments(schema, value) {
  const headers = {};
  for (const [name, property] of Object.entries(schema?.properties ?? {})) {
    const argument = value?.[name];
    if (argument === undefined || argument === null) continue;
    const header = property["x-mcp-header"];
    if (typeof header === "string") headers[`Mcp-Param-${header}`] = headerValue(String(argument));
    if (typeof argument === "object") Object.assign(headers, headersOfArguments(property, argument));
  }
  return headers;
}
