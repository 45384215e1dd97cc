#!/usr/bin/env python3
"""Writes 1,000 tool definitions of fifty services as JSON to stdout. Every run writes the same.

`services.json` has the services: each with the prefix and the style of its names, three nouns (with what they are and their
fields), and two tools of its own (with their descriptions and arguments).
"""

import json
from pathlib import Path

# Authors of servers write differently: each service has the texts of one of them.
TEXTS = {
    "list": ["List {nouns} in {service}.", "Returns all {nouns}, newest first.", "Get the {nouns} of the account, page by page."],
    "get": ["Get one {noun} by its id.", "Returns the details of {a_noun}.", "Read {a_noun} ({what})."],
    "create": ["Create {a_noun}: {what}.", "Adds a new {noun} to {service}. A {noun} is {what}.", "Make a new {noun}, {what}."],
    "update": ["Update the properties of {a_noun}.", "Changes {a_noun} ({what}).", "Edit an existing {noun} in {service}."],
    "delete": ["Delete {a_noun}. This cannot be undone.", "Removes {a_noun} from {service}.", "Delete {a_noun} for good."],
    "search": ["Search {nouns} by text.", "Finds {nouns} that match a query.", "Look for {nouns} ({what}) with a filter."],
}
ARGUMENTS = {
    "id": "The id of the {noun}.",
    "query": "The words to look for.",
    "limit": "The maximum number of results.",
    "cursor": "The position after which the next page starts.",
}
OF_OPERATION = {
    "list": ["limit", "cursor"],
    "get": ["id"],
    "create": [],
    "update": ["id"],
    "delete": ["id"],
    "search": ["query", "limit"],
}


def plural(noun):
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun + "s"


def article(noun):
    return "an" if noun[0] in "aeiou" else "a"


def tool_name(prefix, style, words):
    parts = [prefix, *words.split("_")]
    if style == "camel":
        return prefix + "".join(part.capitalize() for part in parts[1:])
    separator = {"snake": "_", "kebab": "-", "dotted": "."}[style]
    return prefix + separator + ("_" if style == "dotted" else separator).join(parts[1:])


def schema(arguments):
    properties = {
        name: {"type": "string", "description": text} if text else {"type": "string"} for name, text in arguments
    }
    return {"type": "object", "properties": properties}


def definition(name, description, arguments):
    return {"name": name, "description": description, "inputSchema": schema(arguments)}


def tools():
    services = json.loads(Path(__file__).with_name("services.json").read_text())
    for number, service in enumerate(services):
        prefix, style = service["prefix"], service["style"]
        for noun_id, what, fields in service["nouns"]:
            noun = noun_id.replace("_", " ")
            names = {"a_noun": f"{article(noun)} {noun}", "noun": noun, "nouns": plural(noun), "what": what, "service": service["service"]}
            for operation, texts in TEXTS.items():
                is_many = operation in ("list", "search")
                name = tool_name(prefix, style, f"{operation}_{plural(noun_id) if is_many else noun_id}")
                arguments = [(it, ARGUMENTS[it].format(**names)) for it in OF_OPERATION[operation]]
                if operation in ("create", "update"):
                    arguments += [(field, f"The {field.replace('_', ' ')} of the {noun}.") for field in fields.split()]
                yield definition(name, texts[number % len(texts)].format(**names), arguments)
        for own_name, description, arguments in service["own"]:
            yield definition(tool_name(prefix, style, own_name), description, [(it, "") for it in arguments.split()])


if __name__ == "__main__":
    print(json.dumps(list(tools()), indent=1))
