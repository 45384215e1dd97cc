"""Checks that recorded messages match the official JSON Schema of their revision, and that requests are answered once."""

import collections
import json

import jsonschema

# Requests with an empty result, which has no type of its own in the schema.
EMPTY = ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe")
# Union types, which would otherwise replace their members in the tables by method.
UNIONS = {f"{who}{what}" for who in ("Client", "Server") for what in ("Request", "Notification", "Result")}


class Schema:
    """The types of one revision, by method and by error code."""

    def __init__(self, path):
        self.root = json.loads(path.read_text(encoding="utf-8"))
        self.types = self.root["$defs"]
        self.validators = {}
        self.methods, self.results, self.errors = {}, {}, {}
        for name, definition in self.types.items():
            properties = definition.get("properties", {})
            method = properties.get("method", {}).get("const")
            if method and name not in UNIONS:
                self.methods[method] = name
                self.results[method] = "EmptyResult" if method in EMPTY else name.removesuffix("Request") + "Result"
            for part in properties.get("error", {}).get("allOf", []):
                if code := part.get("properties", {}).get("code", {}).get("const"):
                    self.errors[code] = name

    def mistakes(self, name, value):
        if name not in self.types:
            return [f"the schema has no {name}"]
        if name not in self.validators:
            schema = {"$schema": self.root["$schema"], "$defs": self.types, "$ref": f"#/$defs/{name}"}
            self.validators[name] = jsonschema.Draft202012Validator(schema)
        errors = self.validators[name].iter_errors(value)
        return [f"{name} {error.json_path}: {error.message[:300]}" for error in errors]


class Conversation:
    """The messages between one client and one server, in the order of a recording."""

    def __init__(self, schema):
        self.schema = schema
        self.open = {"client": {}, "server": {}}
        # The number of valid messages by sender and kind.
        self.valid = collections.Counter()

    def hear(self, who, line):
        """Records a message and returns its mistakes."""
        try:
            message = json.loads(line)
        except ValueError as error:
            return [f"no JSON: {error}"]
        if not isinstance(message, dict):
            return ["no message"]
        kind, mistakes = self.check(who, message)
        if not mistakes:
            self.valid[who, kind] += 1
        return mistakes

    def check(self, who, message):
        if "method" in message:
            return message["method"], self.check_question(who, message)
        asker = "server" if who == "client" else "client"
        method = self.open[asker].pop(message.get("id"), None)
        if method is None:
            return "reply", [f"a reply to no open request: {message.get('id')}"]
        if "error" in message:
            name = self.schema.errors.get(message["error"].get("code"), "JSONRPCErrorResponse")
            return f"{method} error", self.schema.mistakes(name, message)
        mistakes = self.schema.mistakes("JSONRPCResultResponse", message)
        if mistakes:
            return f"{method} result", mistakes
        asks = message["result"].get("resultType") == "input_required"
        name = "InputRequiredResult" if asks else self.schema.results[method]
        return f"{method} {'questions' if asks else 'result'}", self.schema.mistakes(name, message["result"])

    def check_question(self, who, message):
        name = self.schema.methods.get(message["method"])
        if name is None:
            return [f"the revision has no method {message['method']}"]
        if "id" in message:
            if message["id"] in self.open[who]:
                return [f"the id {message['id']} is in use"]
            self.open[who][message["id"]] = message["method"]
        return self.schema.mistakes(name, message)

    def unanswered(self):
        return [f"no reply to {method} ({id})" for id, method in self.open["client"].items()]
