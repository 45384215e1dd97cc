// Forms made from JSON Schemas. A control is `{ element, read() }`; `read` returns the value, or undefined if it is left out.
// An invalid value throws an error with the name of the field.

// Creates an element. Properties that are functions listen to events; children are elements and texts.
function element(name, properties = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") created.addEventListener(key, value);
    else if (key in created && key !== "list") created[key] = value;
    else created.setAttribute(key, value === true ? "" : value);
  }
  created.append(...children.filter((child) => child !== undefined && child !== null));
  return created;
}

let lastId = 0;
const newId = () => `field-${++lastId}`;

const INPUT_TYPES = {
  date: "date",
  "date-time": "datetime-local",
  email: "email",
  password: "password",
  time: "time",
  uri: "url",
};

// Follows references, and merges what stands beside them.
function resolved(schema, root) {
  let current = schema === true || schema === undefined ? {} : schema;
  for (let depth = 0; depth < 32 && current.$ref?.startsWith("#"); depth += 1) {
    const { $ref, ...beside } = current;
    const path = decodeURIComponent($ref.slice(1)).split("/").slice(1);
    const names = path.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    const target = names.reduce((value, name) => value?.[name], root) ?? {};
    current = { ...target, ...beside };
  }
  const parts = current.allOf?.length === 1 ? current.allOf : [];
  return parts.reduce((whole, part) => ({ ...resolved(part, root), ...whole, allOf: undefined }), current);
}

// Returns the types of a schema without null, and whether null is allowed.
function typesOf(schema) {
  const types = [schema.type ?? []].flat();
  return { types: types.filter((type) => type !== "null"), isNullable: types.includes("null") };
}

// Returns the alternatives of a schema without null.
function alternativesOf(schema, root) {
  const all = schema.oneOf ?? schema.anyOf ?? [];
  return all.map((it) => resolved(it, root)).filter((it) => it.type !== "null" && it.const !== null);
}

// Returns the values to choose from, with their titles; none if any value is allowed.
function choicesOf(schema, root) {
  if (schema.enum) {
    return schema.enum.map((value, index) => ({ value, title: schema.enumNames?.[index] ?? String(value) }));
  }
  if (schema.const !== undefined) return [{ value: schema.const, title: String(schema.const) }];
  const alternatives = alternativesOf(schema, root);
  const choices = alternatives.flatMap((it) => (it.properties ? [] : choicesOf(it, root).map((choice) => ({ ...choice, title: it.title ?? choice.title }))));
  return choices.length > 0 && choices.length >= alternatives.length ? choices : [];
}

// Returns the control of a schema.
function control(schema, { root = schema, name = "", value, required = true, depth = 0 } = {}) {
  const whole = resolved(schema, root);
  const initial = value ?? whole.default;
  const options = { root, name, value: initial, required, depth };
  const { types } = typesOf(whole);
  const choices = choicesOf(whole, root);
  if (choices.length > 0) return choice(choices, options);
  const alternatives = alternativesOf(whole, root);
  if (alternatives.length === 1) {
    return control({ ...alternatives[0], ...whole, oneOf: undefined, anyOf: undefined, type: alternatives[0].type, title: whole.title }, options);
  }
  if (alternatives.length > 1 && depth < 8) return variants(alternatives, options);
  if (types.length !== 1 || depth >= 8) return json(whole, options);
  switch (types[0]) {
    case "boolean":
      return boolean(options);
    case "integer":
    case "number":
      return number(whole, types[0], options);
    case "string":
      return whole.contentEncoding === "base64" || whole.format === "byte" ? file(options) : text(whole, options);
    case "array":
      return whole.items && !whole.prefixItems ? list(whole, options) : json(whole, options);
    case "object":
      return whole.properties ? object(whole, options) : json(whole, options);
    default:
      return json(whole, options);
  }
}

// Returns the value, or undefined if it is empty and may be left out.
function orNothing(text, { name, required }) {
  if (text !== "") return text;
  if (required) throw new Error(`${name}: a value is required`);
  return undefined;
}

function text(schema, options) {
  const type = INPUT_TYPES[schema.format];
  const initial = options.value === undefined || options.value === null ? "" : String(options.value);
  const isLong = !type && (initial.includes("\n") || (schema.maxLength ?? 0) > 200);
  const examples = (schema.examples ?? []).map(String);
  const input = element(isLong ? "textarea" : "input", {
    type: isLong ? undefined : (type ?? "text"),
    value: type === "datetime-local" ? initial.replace(/(Z|[+-]\d\d:\d\d)$/, "") : initial,
    placeholder: examples[0] ?? "",
    maxlength: schema.maxLength,
    step: type === "time" || type === "datetime-local" ? "1" : undefined,
    autocomplete: "off",
    
    rows: isLong ? 4 : undefined,
  });
  const suggestions = element("datalist", { id: newId() }, ...examples.map((it) => element("option", { value: it })));
  if (!isLong) input.setAttribute("list", suggestions.id);
  const read = () => {
    const given = input.value;
    // A text may be empty, but what the user did not touch is left out.
    if (given === "" && options.required && !type) return "";
    const present = orNothing(given, options);
    if (present !== undefined && type === "datetime-local") return new Date(present).toISOString();
    return present;
  };
  return { element: element("span", { className: "control" }, input, suggestions), input, suggestions, read };
}

function number(schema, type, options) {
  const input = element("input", {
    type: "number",
    value: options.value ?? "",
    min: schema.minimum ?? (schema.exclusiveMinimum === undefined ? undefined : schema.exclusiveMinimum),
    max: schema.maximum ?? schema.exclusiveMaximum,
    step: schema.multipleOf ?? (type === "integer" ? "1" : "any"),
    placeholder: schema.examples?.[0] ?? "",
  });
  const read = () => {
    if (input.validity.badInput) throw new Error(`${options.name}: not a number`);
    const present = orNothing(input.value, options);
    return present === undefined ? undefined : Number(present);
  };
  return { element: input, input, read };
}

function boolean(options) {
  if (options.required) {
    const input = element("input", { type: "checkbox", checked: options.value === true });
    return { element: input, input, read: () => input.checked };
  }
  const choices = [true, false].map((value) => ({ value, title: String(value) }));
  return choice(choices, options);
}

function choice(choices, options) {
  const input = element("select", {});
  if (!options.required || options.value === undefined) {
    input.append(element("option", { value: "" }, options.required ? "choose" : "(left out)"));
  }
  choices.forEach(({ value, title }, index) => {
    const isInitial = JSON.stringify(value) === JSON.stringify(options.value);
    input.append(element("option", { value: String(index), selected: isInitial }, title));
  });
  if (choices.length === 1 && options.required) input.value = "0";
  const read = () => {
    const chosen = orNothing(input.value, options);
    return chosen === undefined ? undefined : choices[Number(chosen)].value;
  };
  return { element: input, input, read };
}

// A file, whose bytes are sent as base64.
function file(options) {
  let data = options.value;
  const size = element("span", { className: "hint" });
  const input = element("input", {
    type: "file",
    change: async () => {
      const [chosen] = input.files;
      data = chosen ? toBase64(new Uint8Array(await chosen.arrayBuffer())) : undefined;
      size.textContent = chosen ? ` ${chosen.size} bytes` : "";
    },
  });
  return { element: element("span", { className: "control" }, input, size), input, read: () => orNothing(data ?? "", options) };
}

// Any value, as JSON.
function json(schema, options) {
  const initial = options.value === undefined ? "" : JSON.stringify(options.value, null, 2);
  const example = schema.examples?.[0];
  const input = element("textarea", {
    value: initial,
    rows: 3,
    
    className: "code",
    placeholder: example === undefined ? "JSON" : JSON.stringify(example),
  });
  const read = () => {
    const present = orNothing(input.value.trim(), options);
    if (present === undefined) return undefined;
    try {
      return JSON.parse(present);
    } catch (error) {
      throw new Error(`${options.name}: not JSON: ${error.message}`);
    }
  };
  return { element: input, input, read };
}

function list(schema, options) {
  const items = [];
  const rows = element("div", { className: "rows" });
  const itemChoices = choicesOf(resolved(schema.items, options.root), options.root);
  if (itemChoices.length > 0 && schema.uniqueItems) return several(itemChoices, options);
  const add = (value) => {
    const name = `${options.name}[${items.length}]`;
    const item = control(schema.items, { ...options, name, value, required: true, depth: options.depth + 1 });
    const remove = element("button", {
      type: "button",
      className: "small",
      "aria-label": `Remove ${name}`,
      click: () => {
        items.splice(items.indexOf(item), 1);
        row.remove();
        more.focus();
      },
    }, "−");
    const row = element("div", { className: "row" }, item.element, remove);
    items.push(item);
    rows.append(row);
    return item;
  };
  const more = element("button", {
    type: "button",
    className: "small",
    "aria-label": `Add to ${options.name}`,
    click: () => (add().input ?? rows.lastElementChild.querySelector("input, select, textarea"))?.focus(),
  }, "+");
  for (const value of Array.isArray(options.value) ? options.value : []) add(value);
  const read = () => {
    if (items.length === 0 && !options.required) return undefined;
    return items.map((item) => item.read());
  };
  return { element: element("div", {}, rows, more), read };
}

// Several of some values.
function several(choices, options) {
  const chosen = new Set((options.value ?? []).map((value) => JSON.stringify(value)));
  const boxes = choices.map(({ value, title }) => {
    const input = element("input", { type: "checkbox", checked: chosen.has(JSON.stringify(value)) });
    return { value, input, label: element("label", { className: "inline" }, input, ` ${title}`) };
  });
  const read = () => {
    const values = boxes.filter(({ input }) => input.checked).map(({ value }) => value);
    return values.length === 0 && !options.required ? undefined : values;
  };
  return { element: element("div", {}, ...boxes.map(({ label }) => label)), read };
}

function object(schema, options) {
  const fields = Object.entries(schema.properties).map(([name, property]) => {
    const { const: only } = resolved(property, options.root);
    // The tag of a variant is no question.
    if (only !== undefined) return { name, isRequired: true, read: () => only, element: null };
    const isRequired = (schema.required ?? []).includes(name);
    const path = options.name ? `${options.name}.${name}` : name;
    const inner = control(property, {
      root: options.root,
      name: path,
      value: options.value?.[name],
      required: isRequired,
      depth: options.depth + 1,
    });
    return { name, isRequired, ...inner, element: field(name, resolved(property, options.root), isRequired, inner) };
  });
  const read = () => {
    const values = {};
    let failure;
    for (const { name, read: readField } of fields) {
      try {
        const value = readField();
        if (value !== undefined) values[name] = value;
      } catch (error) {
        failure ??= error;
      }
    }
    const isEmpty = fields.every((it) => it.element === null || values[it.name] === undefined);
    // An optional object without values is left out, whatever its fields require.
    if (isEmpty && !options.required) return undefined;
    if (failure) throw failure;
    return values;
  };
  const grouped = element(options.depth === 0 ? "div" : "fieldset", {}, ...fields.map((it) => it.element).filter(Boolean));
  return { element: grouped, fields, read };
}

// The label, the control and the description of a field.
function field(name, schema, isRequired, inner) {
  const id = newId();
  const target = inner.input;
  const described = element("div", { className: "hint", id: `${id}-hint` }, schema.description ?? "");
  if (target) {
    target.id = id;
    if (schema.description) target.setAttribute("aria-describedby", described.id);
    if (isRequired) target.setAttribute("aria-required", "true");
  }
  const mark = isRequired ? element("span", { className: "required", title: "required" }, " *") : null;
  const shown = [schema.title ?? name, mark, element("span", { className: "type" }, ` ${typeText(schema)}`)];
  const label = target ? element("label", { htmlFor: id }, ...shown.filter(Boolean)) : element("div", { className: "label" }, ...shown.filter(Boolean));
  return element("div", { className: "field" }, label, inner.element, schema.description ? described : null);
}

function typeText(schema) {
  const { types, isNullable } = typesOf(schema);
  const range = [schema.minimum ?? schema.minLength ?? schema.minItems, schema.maximum ?? schema.maxLength ?? schema.maxItems];
  const bounds = range.some((bound) => bound !== undefined) ? ` ${range[0] ?? ""}..${range[1] ?? ""}` : "";
  return [types.join(" or "), schema.format, isNullable ? "or null" : ""].filter(Boolean).join(" ") + bounds;
}

// One of several forms.
function variants(alternatives, options) {
  const matches = (it) => Object.entries(it.properties ?? {}).every(([name, property]) => property.const === undefined || property.const === options.value?.[name]);
  let index = Math.max(0, alternatives.findIndex((it) => options.value !== undefined && matches(it)));
  let inner;
  const body = element("div", { className: "rows" });
  const show = () => {
    inner = control(alternatives[index], { ...options, depth: options.depth + 1 });
    body.replaceChildren(inner.element);
  };
  const titleOf = (it, number) => {
    const tag = Object.values(it.properties ?? {}).find((property) => property.const !== undefined)?.const;
    return it.title ?? tag ?? it.const ?? typesOf(it).types.join(" or ") ?? `form ${number + 1}`;
  };
  const input = element("select", {
    change: () => {
      index = Number(input.value);
      options.value = undefined;
      show();
    },
  }, ...alternatives.map((it, number) => element("option", { value: String(number), selected: number === index }, String(titleOf(it, number) || `form ${number + 1}`))));
  show();
  return { element: element("div", {}, input, body), input, read: () => inner.read() };
}
