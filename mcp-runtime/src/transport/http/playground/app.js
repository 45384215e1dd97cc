// The page: components on the left, the chosen one in the middle, and what happens on the wire below.

const ENDPOINT = document.documentElement.dataset.endpoint;
const RETRY_DELAY = 1000;
const MAX_WIRE = 500;
const LEVELS = ["", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

const KINDS = [
  { kind: "tool", title: "Tools", method: "tools/list", member: "tools", key: "name" },
  { kind: "resource", title: "Resources", method: "resources/list", member: "resources", key: "uri" },
  { kind: "template", title: "Resource templates", method: "resources/templates/list", member: "resourceTemplates", key: "uriTemplate" },
  { kind: "prompt", title: "Prompts", method: "prompts/list", member: "prompts", key: "name" },
];

const byId = (id) => document.getElementById(id);
const saved = {
  get: (name) => sessionStorage.getItem(name) ?? "",
  set: (name, value) => sessionStorage.setItem(name, value),
};

let connection;
let about = {};
let lists = {};
let chosen = null;
let running = null;
let connecting = 0;

// Connects, with the settings of the page. Tries again while the server cannot be reached.
async function connect() {
  const attempt = ++connecting;
  connection?.close();
  const revision = byId("revision").value;
  const created = new Connection(ENDPOINT, revision, saved.get("token"), {
    wire: showWire,
    notify,
    ask: askUser,
    lost: () => attempt === connecting && reconnect(),
  });
  connection = created;
  state("connecting", "Connecting");
  try {
    about = await created.open();
    if (attempt !== connecting) return;
    await created.setLogLevel(byId("level").value).catch(() => {});
    await refresh();
    state("connected", "Connected");
    byId("token-row").hidden = !saved.get("token");
  } catch (error) {
    if (attempt !== connecting) return;
    if (error.status === 401 || error.status === 403) {
      askToken(error);
    } else if (error instanceof TypeError || error.status >= 500) {
      reconnect();
    } else {
      state("failed", error.message);
    }
  }
}

// Waits until the server answers again, and connects. `cargo watch` restarts it meanwhile.
async function reconnect() {
  const attempt = ++connecting;
  connection?.close();
  state("lost", "The server is away: waiting for it");
  while (attempt === connecting) {
    await new Promise((done) => setTimeout(done, RETRY_DELAY));
    const answer = await fetch("/ready").catch(() => null);
    if (answer?.ok && attempt === connecting) {
      await connect();
      return;
    }
  }
}

function askToken(error) {
  byId("token-row").hidden = false;
  state("failed", `The server asks for a token (${error.status}). ${error.challenge ?? ""}`);
  byId("token").focus();
}

function state(name, text) {
  const shown = byId("state");
  shown.dataset.state = name;
  shown.textContent = text;
}

// Loads the lists, and says what changed since the last time.
async function refresh() {
  const loaded = {};
  for (const { kind, method, member, key } of KINDS) {
    const items = await connection.list(method, member);
    loaded[kind] = new Map(items.map((item) => [item[key], item]));
  }
  const changes = KINDS.flatMap(({ kind }) => differences(lists[kind], loaded[kind], kind));
  lists = loaded;
  showAbout();
  showLists();
  if (changes.length > 0) toast(changes.join("\n"));
  const again = chosen && lists[chosen.kind].get(chosen.key);
  if (again && JSON.stringify(again) !== JSON.stringify(chosen.item)) choose(chosen.kind, chosen.key);
}

function differences(before, after, kind) {
  if (!before) return [];
  const changes = [];
  for (const [key, item] of after) {
    if (!before.has(key)) changes.push(`+ ${kind} ${key}`);
    else if (JSON.stringify(before.get(key)) !== JSON.stringify(item)) changes.push(`~ ${kind} ${key} changed`);
  }
  for (const key of before.keys()) if (!after.has(key)) changes.push(`− ${kind} ${key}`);
  return changes;
}

function toast(text) {
  const shown = element("pre", { className: "toast", role: "status" }, text);
  byId("toasts").append(shown);
  setTimeout(() => shown.remove(), 8000);
}

function showAbout() {
  const info = about.serverInfo ?? {};
  const name = info.title ?? info.name ?? "MCP server";
  document.title = `${name} - playground`;
  byId("name").textContent = name;
  byId("version").textContent = info.version ?? "";
  byId("instructions").textContent = about.instructions ?? "";
  byId("instructions").hidden = !about.instructions;
}

function showLists() {
  const wanted = byId("search").value.toLowerCase();
  const sections = KINDS.map(({ kind, title }) => {
    const entries = [...(lists[kind] ?? [])].filter(([key, item]) => `${key} ${item.title ?? ""} ${item.description ?? ""}`.toLowerCase().includes(wanted));
    if (entries.length === 0) return null;
    const items = entries.map(([key, item]) => {
      const isChosen = chosen?.kind === kind && chosen.key === key;
      const button = element("button", {
        type: "button",
        className: "component",
        "aria-current": isChosen ? "true" : undefined,
        click: () => choose(kind, key),
      }, item.title ?? item.name ?? key);
      return element("li", {}, button);
    });
    return element("section", {}, element("h2", {}, title), element("ul", {}, ...items));
  });
  byId("components").replaceChildren(...sections.filter(Boolean));
}

// Shows a component with its form.
function choose(kind, key) {
  const item = lists[kind].get(key);
  chosen = { kind, key, item };
  showLists();
  const views = { tool: toolForm, resource: resourceForm, template: templateForm, prompt: promptForm };
  const form = views[kind](item);
  const heading = element("h1", { tabIndex: -1 }, item.title ?? item.name ?? key);
  const marks = hints(item).map((hint) => element("span", { className: "mark" }, hint));
  const run = element("button", { type: "submit", className: "main" }, form.label);
  const cancel = element("button", { type: "button", id: "cancel", disabled: true, click: () => running?.abort() }, "Cancel");
  const problem = element("p", { className: "problem", role: "alert" });
  const shown = element("form", {
    noValidate: true,
    submit: (event) => {
      event.preventDefault();
      problem.textContent = "";
      try {
        runForm(form, form.read());
      } catch (error) {
        problem.textContent = error.message;
      }
    },
  }, form.element, problem, element("div", { className: "buttons" }, run, cancel));
  const description = element("p", { className: "description" }, item.description ?? "");
  const definition = element("details", {}, element("summary", {}, "Definition"), element("pre", { className: "code" }, JSON.stringify(item, null, 2)));
  byId("component").replaceChildren(heading, element("div", {}, element("code", {}, key), ...marks), description, shown, definition);
  byId("result").replaceChildren();
  heading.focus();
}

function hints({ annotations = {} }) {
  const names = { readOnlyHint: "read-only", destructiveHint: "destructive", idempotentHint: "idempotent", openWorldHint: "open world" };
  return Object.entries(names).filter(([hint]) => annotations[hint]).map(([, name]) => name);
}

function toolForm(tool) {
  const schema = tool.inputSchema ?? { type: "object" };
  const fields = control({ properties: {}, ...schema }, { name: "" });
  return {
    ...withJson(fields),
    label: "Call",
    command: (args) => ["call", tool.name, args],
    request: (args, options) => connection.request("tools/call", { name: tool.name, arguments: args }, { ...options, tool }),
    view: (result) => toolResultView(result, openResource),
  };
}

// Adds a switch that shows the arguments as JSON.
function withJson(fields) {
  const code = element("textarea", { className: "code", rows: 10, hidden: true, "aria-label": "The arguments as JSON" });
  const input = element("input", {
    type: "checkbox",
    change: () => {
      if (input.checked) {
        let values = {};
        try {
          values = fields.read() ?? {};
        } catch {
          // The user completes it as JSON.
        }
        code.value = JSON.stringify(values, null, 2);
      }
      code.hidden = !input.checked;
      fields.element.hidden = input.checked;
    },
  });
  const read = () => (input.checked ? JSON.parse(code.value) : (fields.read() ?? {}));
  const toggle = element("label", { className: "inline hint" }, input, " as JSON");
  return { element: element("div", {}, fields.element, code, toggle), read };
}

function resourceForm(resource) {
  return {
    element: element("div", {}),
    read: () => ({}),
    label: "Read",
    command: () => ["read", resource.uri],
    request: (_, options) => connection.request("resources/read", { uri: resource.uri }, options),
    view: contentsOfResult,
  };
}

function templateForm(template) {
  const variables = [...template.uriTemplate.matchAll(/\{([+#./;?&]?)([^}]*)\}/g)].flatMap(([, operator, names]) => names.split(",").map((name) => ({ name: name.replace(/[*]$|:\d+$/, ""), isRequired: !"?&".includes(operator) || operator === "" })));
  const fields = textFields(variables, { type: "ref/resource", uri: template.uriTemplate });
  return {
    ...fields,
    label: "Read",
    command: (args) => ["read", expand(template.uriTemplate, args)],
    request: (args, options) => connection.request("resources/read", { uri: expand(template.uriTemplate, args) }, options),
    view: contentsOfResult,
  };
}

function promptForm(prompt) {
  const fields = textFields((prompt.arguments ?? []).map(({ name, required, ...rest }) => ({ name, isRequired: required === true, ...rest })), { type: "ref/prompt", name: prompt.name });
  return {
    ...fields,
    label: "Get",
    command: (args) => ["prompt", prompt.name, args],
    request: (args, options) => connection.request("prompts/get", { name: prompt.name, arguments: args }, options),
    view: ({ messages = [] }) => element("div", {}, ...messages.map(({ role, content }) => element("div", { className: "turn" }, element("strong", {}, role), ...[content].flat().map((block) => blockView(block, openResource))))),
  };
}

// Fields of texts, which the server completes.
function textFields(names, ref) {
  const fields = names.map(({ name, isRequired, title, description }) => {
    const inner = text({}, { name, required: isRequired });
    inner.input.addEventListener("input", () => complete(ref, name, inner));
    const schema = { type: "string", title, description };
    return { name, isRequired, inner, element: field(name, schema, isRequired, inner) };
  });
  const read = () => {
    const values = {};
    for (const { name, isRequired, inner } of fields) {
      const value = inner.input.value;
      if (value !== "" || isRequired) values[name] = value;
    }
    return values;
  };
  return { element: element("div", {}, ...fields.map((it) => it.element)), read };
}

let completing;

async function complete(ref, name, { input, suggestions }) {
  if (!about.capabilities?.completions) return;
  completing?.abort();
  completing = new AbortController();
  const { signal } = completing;
  await new Promise((done) => setTimeout(done, 150));
  if (signal.aborted) return;
  try {
    const params = { ref, argument: { name, value: input.value } };
    const { completion } = await connection.request("completion/complete", params, { signal });
    suggestions.replaceChildren(...completion.values.map((value) => element("option", { value })));
  } catch {
    // A completion that fails suggests nothing.
  }
}

// Expands a URI template (RFC 6570) with texts.
function expand(template, values) {
  return template.replace(/\{([+#./;?&]?)([^}]*)\}/g, (_, operator, list) => {
    const isReserved = operator === "+" || operator === "#";
    const encode = isReserved ? encodeURI : encodeURIComponent;
    const isNamed = ";?&".includes(operator) && operator !== "";
    const separator = operator === "" || isReserved ? "," : operator === "?" ? "&" : operator;
    const parts = list.split(",").flatMap((variable) => {
      const name = variable.replace(/[*]$|:\d+$/, "");
      const value = values[name];
      if (value === undefined) return [];
      return [isNamed ? `${name}=${encode(value)}` : encode(value)];
    });
    return parts.length === 0 ? "" : (operator === "+" ? "" : operator) + parts.join(separator);
  });
}

const contentsOfResult = ({ contents = [] }) => element("div", {}, ...contents.map(contentsView));

// Reads a resource of a link, and shows it below the result.
async function openResource(uri) {
  const shown = element("div", {}, element("h2", {}, uri));
  byId("result").append(shown);
  try {
    shown.append(contentsOfResult(await connection.request("resources/read", { uri })));
  } catch (error) {
    shown.append(element("p", { className: "problem", role: "alert" }, error.message));
  }
}

// Runs the request of a form with its arguments, and shows the result.
async function runForm(form, args) {
  running?.abort();
  const current = new AbortController();
  running = current;
  addHistory(commandLine(about.serverInfo?.name ?? "server", ...form.command(args)));
  const cancel = byId("cancel");
  cancel.disabled = false;
  byId("progress").hidden = true;
  byId("result").replaceChildren(element("p", { className: "hint" }, "Running"));
  byId("result").setAttribute("aria-busy", "true");
  const started = performance.now();
  let view;
  try {
    const result = await form.request(args, { signal: current.signal });
    const raw = element("details", {}, element("summary", {}, "Result as JSON"), element("pre", { className: "code" }, JSON.stringify(result, null, 2)));
    view = [form.view(result), raw];
  } catch (error) {
    const shown = current.signal.aborted ? "Cancelled" : error.message;
    view = [element("p", { className: "problem", role: "alert" }, shown)];
    if (error.data !== undefined) view.push(element("pre", { className: "code" }, JSON.stringify(error.data, null, 2)));
    if (error.status === 401 || error.status === 403) askToken(error);
    if (error instanceof TypeError) reconnect();
  }
  if (running !== current) return;
  running = null;
  cancel.disabled = true;
  byId("progress").hidden = true;
  byId("result").removeAttribute("aria-busy");
  const duration = element("p", { className: "hint" }, `${Math.round(performance.now() - started)} ms`);
  byId("result").replaceChildren(...view, duration);
}

// Handles a notification.
async function notify({ method, params = {} }) {
  if (method === "notifications/progress") {
    showProgress(params);
  } else if (method === "notifications/message") {
    const data = typeof params.data === "string" ? params.data : JSON.stringify(params.data);
    const line = element("li", { className: `log ${params.level}` }, `${params.level} ${params.logger ?? ""} ${data}`);
    byId("logs").append(line);
    byId("logs-panel").open = true;
  } else if (method.endsWith("/list_changed")) {
    await refresh().catch(() => {});
  } else if (method === "notifications/resources/updated") {
    toast(`~ resource ${params.uri} was updated`);
  }
}

function showProgress({ progress, total, message }) {
  byId("progress").hidden = false;
  const bar = byId("bar");
  if (total) {
    bar.max = total;
    bar.value = progress;
  } else {
    bar.removeAttribute("value");
  }
  byId("progress-text").textContent = `${total ? `${Math.round((100 * progress) / total)}%` : progress} ${message ?? ""}`;
}

function showWire(direction, message) {
  const sign = direction === "out" ? "→" : "←";
  const name = message.method ?? (message.error ? "error" : "result");
  const line = element("details", {}, element("summary", {}, `${sign} ${name} ${message.id ?? ""}`), element("pre", { className: "code" }, JSON.stringify(message, null, 2)));
  const wire = byId("wire");
  wire.prepend(element("li", {}, line));
  while (wire.children.length > MAX_WIRE) wire.lastElementChild.remove();
}

function addHistory(line) {
  const copy = element("button", {
    type: "button",
    className: "small",
    "aria-label": `Copy ${line}`,
    click: async () => {
      await navigator.clipboard?.writeText(line);
      copy.textContent = "copied";
    },
  }, "copy");
  byId("history").prepend(element("li", {}, element("code", {}, line), " ", copy));
  byId("history-panel").hidden = false;
}

// Sends the form of the chosen component.
document.addEventListener("keydown", (event) => {
  const isSend = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (isSend && !document.querySelector("dialog")) document.querySelector("#component form")?.requestSubmit();
});

// Moves between components with the arrow keys.
byId("components").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...document.querySelectorAll("#components button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
});

byId("revision").append(...REVISIONS.map((revision) => element("option", { value: revision }, revision === MODERN ? `${revision} (stateless)` : revision)));
byId("level").append(...LEVELS.map((level) => element("option", { value: level }, level || "no logs")));
byId("revision").value = saved.get("revision") || MODERN;
byId("level").value = saved.get("level");
byId("token").value = saved.get("token");
byId("revision").addEventListener("change", () => {
  saved.set("revision", byId("revision").value);
  connect();
});
byId("level").addEventListener("change", () => {
  saved.set("level", byId("level").value);
  connection.setLogLevel(byId("level").value).catch((error) => toast(error.message));
});
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  saved.set("token", byId("token").value.trim());
  connect();
});
byId("search").addEventListener("input", showLists);
window.addEventListener("pagehide", () => connection?.close());
connect();
