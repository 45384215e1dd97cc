// Views of results: content blocks, and structured data as tables.

const MAX_ROWS = 500;

// Returns the view of a content block. `open` is called with the URI of a resource link.
function blockView(block, open) {
  switch (block.type) {
    case "text":
      return element("pre", { className: "text" }, block.text);
    case "image":
      return element("img", { src: dataUri(block), alt: `An image (${block.mimeType})` });
    case "audio":
      return element("audio", { src: dataUri(block), controls: true });
    case "resource_link": {
      const read = element("button", { type: "button", className: "link", click: () => open(block.uri) }, block.title ?? block.name ?? block.uri);
      return element("p", {}, read, element("span", { className: "hint" }, ` ${block.uri} ${block.description ?? ""}`));
    }
    case "resource":
      return contentsView(block.resource);
    default:
      return element("pre", { className: "text" }, JSON.stringify(block, null, 2));
  }
}

// Returns the view of the contents of a resource.
function contentsView(contents) {
  const heading = element("p", { className: "hint" }, `${contents.uri} ${contents.mimeType ?? ""}`);
  const type = contents.mimeType ?? "";
  if (contents.blob === undefined) {
    return element("div", {}, heading, element("pre", { className: "text" }, contents.text ?? ""));
  }
  const data = { data: contents.blob, mimeType: type };
  if (type.startsWith("image/")) return element("div", {}, heading, element("img", { src: dataUri(data), alt: contents.uri }));
  if (type.startsWith("audio/")) return element("div", {}, heading, element("audio", { src: dataUri(data), controls: true }));
  const name = contents.uri.split("/").pop() || "resource";
  return element("div", {}, heading, element("a", { href: dataUri(data), download: name }, `Save ${name}`));
}

function dataUri({ data, mimeType }) {
  return `data:${mimeType || "application/octet-stream"};base64,${data}`;
}

// Returns the view of a JSON value: a table for an object and for a list of objects.
function dataView(value, depth = 0) {
  if (value === null || typeof value !== "object" || depth > 4) {
    return document.createTextNode(value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
  }
  if (!Array.isArray(value)) {
    const rows = Object.entries(value).map(([name, inner]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, dataView(inner, depth + 1))),
    );
    return element("table", {}, element("tbody", {}, ...rows));
  }
  const isTable = value.length > 0 && value.every((it) => it !== null && typeof it === "object" && !Array.isArray(it));
  const names = isTable ? [...new Set(value.flatMap((it) => Object.keys(it)))] : [];
  const cells = (it) => (isTable ? names.map((name) => element("td", {}, dataView(it[name], depth + 1))) : [element("td", {}, dataView(it, depth + 1))]);
  const head = isTable ? element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)))) : null;
  const rows = value.slice(0, MAX_ROWS).map((it) => element("tr", {}, ...cells(it)));
  const rest = value.length > MAX_ROWS ? element("caption", {}, `the first ${MAX_ROWS} of ${value.length}`) : null;
  return element("table", {}, ...[rest, head, element("tbody", {}, ...rows)].filter(Boolean));
}

// Returns the view of the result of a tool.
function toolResultView(result, open) {
  const parts = (result.content ?? []).map((block) => blockView(block, open));
  if (result.structuredContent !== undefined) {
    parts.push(element("div", { className: "data" }, dataView(result.structuredContent)));
  }
  if (parts.length === 0) parts.push(element("p", { className: "hint" }, "The result is empty."));
  return element("div", { className: result.isError ? "failed" : "succeeded", role: result.isError ? "alert" : undefined }, ...parts);
}

// Returns a command line that repeats a call.
function commandLine(program, command, name, args = {}) {
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
  const isFlat = Object.values(args).every((value) => value === null || typeof value !== "object");
  const pair = ([key, value]) => quoted(`${key}=${value}`);
  const pairs = isFlat ? Object.entries(args).map(pair) : ["--arguments", quoted(JSON.stringify(args))];
  return [program, command, quoted(name), ...pairs].join(" ");
}
