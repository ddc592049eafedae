"""The rows of the debug routes; all go straight to their handlers, none through Quart."""

from __future__ import annotations

from typing import Any

from api.debug import does, looks, page
from api.exchange import Handler
from api.guards import Guard
from api.openapi.words import TEXT, Media, Taken
from api.routing import Body, Door, Route
from api.wire.debug import Killed, TreeNode, Victim

_EVENTS = Media("text/event-stream")
_SHAPE = dict[str, Any]
_PATH = Taken("path", "The process, such as `orchestration/queue_manager`; `root`.", needed=True)
_WHO = Taken("X-Operator", "Who acts, for the log.", "header")


def _look(
    path: str,
    handler: Handler,
    does_what: str,
    *takes: Taken,
    answers: tuple[object, ...] = (_SHAPE,),
    refuses: tuple[int, ...] = (),
) -> Route:
    return Route(
        method="GET",
        path=path,
        guard=Guard.API_KEY,
        handler=handler,
        failure="The look failed",
        does=does_what,
        door=Door.HOT,
        takes=takes,
        answers=answers,
        refuses=refuses,
    )


def _act(
    word: str, handler: Handler, does_what: str, answers: tuple[object, ...] = (_SHAPE,)
) -> Route:
    return Route(
        method="POST",
        path=f"/debug/{word}",
        guard=Guard.API_KEY,
        handler=handler,
        failure=f"The {word} failed",
        does=does_what,
        body=Body.JSON,
        door=Door.HOT,
        reads=(Victim,),
        takes=(_WHO,),
        answers=answers,
        refuses=(404, 409),
    )


DEBUG_ROWS = (
    *page.ROWS,
    _look(
        "/debug/tree",
        looks.tree,
        "The supervision tree as it lives; `?format=text` for people.",
        Taken("format", "`text` for people."),
        Taken("ask", "Ask every process for a sign, so many seconds at most.", kind=float),
        Taken("stack", "The path of a process whose stack is shown."),
        answers=(TreeNode, TEXT),
        refuses=(400, 404),
    ),
    _look(
        "/debug/process",
        looks.process,
        "One process: ties, work, stack.",
        _PATH,
        refuses=(400, 404),
    ),
    _look(
        "/debug/state",
        looks.state,
        "State of an actor between two messages, secrets masked.",
        _PATH,
        Taken("ask", "How long it may take, in seconds.", kind=float),
        refuses=(400, 404, 409),
    ),
    _look(
        "/debug/processes",
        looks.processes,
        "Processes by mailbox, work or age.",
        Taken("sort", "`mailbox`, `handled`, `oldest`, `rate`, `uptime` or `path`."),
        Taken("within", "Only paths that hold this."),
        Taken("limit", "At most so many.", kind=int),
        Taken("over", "Look twice, so many seconds apart, for a rate.", kind=float),
        refuses=(400,),
    ),
    _look("/debug/system", looks.figures, "Memory, descriptors, lag of the loop."),
    _look(
        "/debug/events",
        looks.events,
        "What happened lately; as `text/event-stream`, what happens from now on.",
        Taken("under", "Only events of this name or below it."),
        Taken("all", "`true`: also those that come with every request."),
        Taken("Accept", "`text/event-stream` for a stream.", "header"),
        answers=(_SHAPE, _EVENTS),
    ),
    _act(
        "kill",
        does.kill,
        "Kill the process at `path`; its supervisor restarts it.",
        answers=(Killed,),
    ),
    _act("restart", does.restart, "Stop the process at `path` in order, and start it again."),
    _act("suspend", does.suspend, "Have an actor hold its messages until it is resumed."),
    _act("resume", does.resume, "Have it go on, with what has gathered."),
    _act(
        "trace",
        does.trace,
        "Stream what goes through an actor for `seconds`.",
        answers=(_EVENTS,),
    ),
)
