// The page of the host: it connects the page of an app, inside of a sandbox with another origin, to the official bridge.
//
// `drive.mjs` provides the server: the functions `callTool` and `record` of the window.

import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

// Shows a page, and sends it the input and the result of the call that it belongs to.
window.showApp = async ({ sandbox, html, csp, permissions, input, result }) => {
  const frame = document.createElement("iframe");
  frame.id = "sandbox";
  frame.width = 700;
  frame.height = 300;
  frame.sandbox = "allow-scripts allow-same-origin";
  const { contentWindow } = document.body.appendChild(frame);
  const capabilities = { serverTools: {}, updateModelContext: { text: {} } };
  const bridge = new AppBridge(null, { name: "host", version: "1.0.0" }, capabilities, {
    hostContext: { theme: "dark", styles: { variables: { "--color-text-primary": "rgb(1, 2, 3)" } } },
  });
  const initialized = new Promise((done) => (bridge.oninitialized = done));
  const ready = new Promise((done) => (bridge.onsandboxready = done));
  bridge.oncalltool = (params) => window.callTool(params);
  bridge.onupdatemodelcontext = async (params) => {
    await window.record("context", params);
    return {};
  };
  bridge.onsizechange = (params) => window.record("size", params);
  frame.src = sandbox;
  await bridge.connect(new PostMessageTransport(contentWindow, contentWindow));
  await ready;
  await bridge.sendSandboxResourceReady({ html, csp, permissions });
  await initialized;
  await window.record("app", bridge.getAppVersion());
  await bridge.sendToolInput({ arguments: input });
  await bridge.sendToolResult(result);
};
