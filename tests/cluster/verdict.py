"""What must hold after a run, whatever was killed meanwhile."""

import collections

# A change must reach a stream within this time after its call was acknowledged, in seconds, if the stream stays open.
DELIVERY = 4.0


def orders(questions, lines):
    """Each effect happened at most once, and exactly once if its call was acknowledged."""
    problems = []
    placed = collections.Counter(line[1] for line in lines if line[0] == "ordered")
    for question in questions:
        for item in question["items"]:
            if placed[item] > 1:
                problems.append(f"the effect of {item} ({question['mode']}) happened {placed[item]} times")
        if question["acknowledged"] and placed[question["items"][-1]] != 1:
            problems.append(f"{question['items'][-1]} was acknowledged, and its effect happened {placed[question['items'][-1]]} times")
        if not question["acknowledged"]:
            problems.append(f"the question of {question['items'][0]} ({question['mode']}) was never answered")
    return problems


def stock(changes, lines):
    """Each acknowledged change is in the file."""
    stocked = collections.Counter(line[1] for line in lines if line[0] == "stocked")
    problems = []
    for item, change in changes.items():
        least = 1 if change["acknowledged"] else 0
        if not least <= stocked[item] <= change["attempts"]:
            problems.append(f"{item} was stocked {stocked[item]} times by {change['attempts']} attempts")
    return problems


def was_open(stream, change):
    """Returns `True` if the stream was open from before the change until it must have been delivered."""
    if not stream["opened"] or not change["acknowledged"] or stream["opened"] > change["began"]:
        return False
    return stream["ended"] is None or stream["ended"] > change["acknowledged"] + DELIVERY


def notifications(streams, changes, lines):
    """Each change reaches each open stream at least once, and not more often than it happened. Returns also the number of deliveries."""
    happened = collections.Counter(line[1] for line in lines if line[0] == "stocked")
    problems, delivered, due = [], 0, 0
    for stream in streams:
        received = stream["received"]
        delivered += sum(received.values())
        for item in stream["items"]:
            count = received.get(f"stock://{item}", 0)
            if count > happened[item]:
                problems.append(f"a stream ({stream['mode']}) received {count} notifications of {happened[item]} changes of {item}")
            if item in changes and was_open(stream, changes[item]):
                due += 1
                if count == 0:
                    problems.append(f"a stream ({stream['mode']}) that stayed open missed the change of {item}")
    return problems, delivered, due


def tasks(all_tasks):
    """Each acknowledged task ends."""
    problems = []
    for task in all_tasks:
        if task["id"] and task["status"] != "completed":
            problems.append(f"task {task['id']} is {task['status']}: {task.get('message')} {task.get('result', '')}")
    return problems
