"""Compares what two searches find. Fails if ours is worse than FastMCP's, or finds too little."""

import json
import sys

# The number of requests whose tool must be among the first five.
FLOOR = 40


def read(path):
    with open(path) as file:
        return json.load(file)


def recall(found, requests, first):
    return sum(tool in names[:first] for names, (_, tool) in zip(found, requests, strict=True))


def main(requests_path, ours_path, theirs_path):
    requests, ours, theirs = read(requests_path), read(ours_path), read(theirs_path)
    print(f"{len(requests)} requests over 1,000 tools  mcp-runtime  FastMCP {sys.argv[4]}")
    for first in (1, 5):
        line = [recall(found, requests, first) for found in (ours, theirs)]
        print(f"the right tool in the first {first}:    {line[0]:10} {line[1]:8}")
    for (request, tool), names, other in zip(requests, ours, theirs, strict=True):
        if tool not in names:
            print(f"not found by mcp-runtime ({'found' if tool in other else 'not found'} by FastMCP): {request!r} -> {tool}")
    if any(recall(ours, requests, first) < recall(theirs, requests, first) for first in (1, 5)):
        sys.exit("the search is worse than that of FastMCP")
    if recall(ours, requests, 5) < FLOOR:
        sys.exit(f"fewer than {FLOOR} requests find their tool")


main(*sys.argv[1:4])
