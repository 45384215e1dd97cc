// Questions of the server, in a dialog.

// Asks the user and returns the result of the question.
function askUser(question) {
  const params = question.params ?? {};
  switch (question.method) {
    case "elicitation/create":
      return params.mode === "url" ? askToVisit(params) : askForm(params);
    case "sampling/createMessage":
      return askSample(params);
    default:
      return askRoots();
  }
}

// Shows a dialog. `answers` are `{ label, read, isMain }`; the result is what `read` returns. Esc gives `cancelled`.
function dialog(title, body, answers, cancelled) {
  return new Promise((resolve) => {
    const problem = element("p", { className: "problem", role: "alert" });
    const finish = (result) => {
      shown.close();
      shown.remove();
      resolve(result);
    };
    const buttons = answers.map(({ label, read, isMain }) =>
      element("button", {
        type: isMain ? "submit" : "button",
        className: isMain ? "main" : "",
        click: (event) => {
          event.preventDefault();
          try {
            finish(read());
          } catch (error) {
            problem.textContent = error.message;
          }
        },
      }, label),
    );
    const form = element("form", { noValidate: true }, element("h2", {}, title), body, problem, element("div", { className: "buttons" }, ...buttons));
    const shown = element("dialog", {
      "aria-label": title,
      cancel: (event) => {
        event.preventDefault();
        finish(cancelled);
      },
    }, form);
    document.body.append(shown);
    shown.showModal();
    (shown.querySelector("input, select, textarea") ?? shown.querySelector("button"))?.focus();
  });
}

function askForm({ message, requestedSchema }) {
  const fields = control(requestedSchema ?? { type: "object", properties: {} }, { name: "" });
  const body = element("div", {}, element("p", { className: "message" }, message), fields.element);
  const answers = [
    { label: "Send", isMain: true, read: () => ({ action: "accept", content: fields.read() ?? {} }) },
    { label: "Decline", read: () => ({ action: "decline" }) },
    { label: "Cancel", read: () => ({ action: "cancel" }) },
  ];
  return dialog("The server asks", body, answers, { action: "cancel" });
}

function askToVisit({ message, url }) {
  const link = /^https?:/.test(url)
    ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url)
    : element("code", {}, url);
  const body = element("div", {}, element("p", { className: "message" }, message), element("p", {}, "Open this page: ", link));
  const answers = [
    { label: "I have opened it", isMain: true, read: () => ({ action: "accept" }) },
    { label: "Decline", read: () => ({ action: "decline" }) },
    { label: "Cancel", read: () => ({ action: "cancel" }) },
  ];
  return dialog("The server asks to open a page", body, answers, { action: "cancel" });
}

function askSample({ messages = [], systemPrompt }) {
  const texts = messages.map(({ role, content }) => {
    const blocks = [content].flat();
    return element("div", {}, element("strong", {}, `${role}: `), ...blocks.map((block) => blockView(block, () => {})));
  });
  const input = element("textarea", { rows: 4, "aria-label": "The answer of the model" });
  const system = systemPrompt ? element("p", { className: "hint" }, systemPrompt) : null;
  const body = element("div", {}, ...[system, ...texts, input].filter(Boolean));
  const sample = () => ({ role: "assistant", content: { type: "text", text: input.value }, model: "playground", stopReason: "endTurn" });
  const refuse = () => ({ role: "assistant", content: { type: "text", text: "" }, model: "playground", stopReason: "refusal" });
  return dialog("The server asks a model: write its answer", body, [{ label: "Send", isMain: true, read: sample }, { label: "Send nothing", read: refuse }], refuse());
}

function askRoots() {
  const input = element("textarea", { rows: 3, "aria-label": "URIs of folders, one a line", placeholder: "file:///home/user/project" });
  const read = () => ({ roots: input.value.split("\n").map((uri) => uri.trim()).filter(Boolean).map((uri) => ({ uri })) });
  return dialog("The server asks for your folders", element("div", {}, input), [{ label: "Send", isMain: true, read }], { roots: [] });
}
