"""The client of the comparison: it sends the calls of a description to a server, and answers the server's questions.

`compare.py` documents the descriptions.
"""

import os

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CreateMessageResult,
    ElicitResult,
    ListRootsResult,
    PromptReference,
    ResourceTemplateReference,
)


async def session(command, description, cwd, mode="legacy"):
    """Returns the plain results of all lists and steps, by name."""
    env = {**os.environ, **description.get("env", {})}
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=env, cwd=cwd)
    user = User(description.get("answers", {}))
    results = {}
    async with Client(parameters, mode=mode, read_timeout_seconds=60, **user.callbacks()) as client:
        lists = {
            "tools": client.list_tools,
            "resources": client.list_resources,
            "resourceTemplates": client.list_resource_templates,
            "prompts": client.list_prompts,
        }
        for name, function in lists.items():
            results[name] = await all_pages(function, name)
        for step in description["steps"]:
            user.begin(step)
            result = await plain(request(client, step, user))
            noted = {"asked": user.asked, "progress": user.progress}
            results[step["name"]] = {**result, **{name: what for name, what in noted.items() if what}}
    return results


def request(client, step, user):
    """Sends the request of a step. Returns its future result."""
    if "read" in step:
        return client.read_resource(step["read"])
    if "prompt" in step:
        return client.get_prompt(step["prompt"], step.get("arguments"))
    if "complete" in step:
        name = step["complete"]
        reference = (
            ResourceTemplateReference(type="ref/resource", uri=name)
            if "://" in name
            else PromptReference(type="ref/prompt", name=name)
        )
        [(argument, value)] = step["argument"].items()
        return client.complete(reference, {"name": argument, "value": value}, step.get("context"))
    return client.call_tool(step["call"], step["arguments"], progress_callback=user.note_progress)


async def all_pages(function, name):
    members, cursor = [], None
    while True:
        page = await plain(function(cursor=cursor))
        members += page.get(name, [])
        cursor = page.get("nextCursor")
        if not cursor:
            return members


async def plain(future):
    try:
        return to_json(await future)
    except MCPError as error:
        return {"isError": True, "error": {"code": error.error.code, "message": error.error.message}}


def to_json(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class User:
    """Answers the questions of a server, and notes them and the progress.

    A client has only the capabilities for which there is an answer.
    """

    def __init__(self, answers):
        self.standing = answers
        self.begin({})

    def begin(self, step):
        """Uses the answers of a step, and forgets the questions of the step before."""
        self.answers = {**self.standing, **step.get("answers", {})}
        self.asked = []
        self.progress = []

    def callbacks(self):
        known = {
            "elicitation": ("elicitation_callback", self.fill_in),
            "sampling": ("sampling_callback", self.sample),
            "roots": ("list_roots_callback", self.list_roots),
        }
        return dict(known[kind] for kind in self.standing)

    async def fill_in(self, _context, params):
        self.asked.append(to_json(params))
        return ElicitResult.model_validate(self.answers["elicitation"])

    async def note_progress(self, progress, total, message):
        noted = {"progress": progress, "total": total, "message": message}
        self.progress.append({name: what for name, what in noted.items() if what is not None})

    async def sample(self, _context, params):
        self.asked.append(to_json(params))
        return CreateMessageResult.model_validate(self.answers["sampling"])

    # A server may ask at any time, and keep the answer.
    async def list_roots(self, _context):
        return ListRootsResult.model_validate({"roots": self.answers["roots"]})
