"""Cases that cross to the native core as numbers, with the numbers that its own list gives them."""

from __future__ import annotations

import json
from enum import IntEnum

from .._core import catalogue

_CODES: dict[str, dict[str, int]] = json.loads(catalogue("enumerations"))
_REQUEST, _DECISION, _SCOPE = _CODES["request"], _CODES["decision"], _CODES["scope"]
_GUARD, _OUTCOME, _BOUND = _CODES["guard"], _CODES["outcome"], _CODES["bound"]
_JUDGEMENT = _CODES["judgement"]


class Request(IntEnum):
    """What the native optimizer wants next; VALIDATION and GRADIENT are losses with their gradients."""

    DONE = _REQUEST["done"]
    LOSS = _REQUEST["loss"]
    GRADIENT = _REQUEST["gradient"]
    CURVATURE = _REQUEST["curvature"]
    VALIDATION = _REQUEST["validation"]


class Decision(IntEnum):
    """What a rate's machine has decided, or wants next."""

    TAKE = _DECISION["take"]
    STAY = _DECISION["stay"]
    PROBE = _DECISION["probe"]
    PROBE_GRADIENT = _DECISION["probe_gradient"]
    MEASURE_CURVATURE = _DECISION["measure_curvature"]
    PUT_BACK = _DECISION["put_back"]


class Scope(IntEnum):
    """Which parameters share a rate."""

    ALL = _SCOPE["all"]
    GROUP = _SCOPE["group"]
    TENSOR = _SCOPE["tensor"]
    POOLED = _SCOPE["pooled"]


class Guard(IntEnum):
    """What is done about a step that goes wrong."""

    OFF = _GUARD["off"]
    DETECT = _GUARD["detect"]
    ROLL_BACK = _GUARD["roll_back"]


class Judgement(IntEnum):
    """What a guard makes of the loss that a step would begin with."""

    GO = _JUDGEMENT["go"]
    KEEP = _JUDGEMENT["keep"]
    UNDO = _JUDGEMENT["undo"]
    SKIP = _JUDGEMENT["skip"]


class Outcome(IntEnum):
    """What became of a recorded step."""

    TAKEN = _OUTCOME["taken"]
    STAYED = _OUTCOME["stayed"]
    SKIPPED = _OUTCOME["skipped"]
    UNDONE = _OUTCOME["undone"]


class Bound(IntEnum):
    """The user's limit that a recorded rate stands at."""

    LOWEST = _BOUND["lowest"]
    NONE = _BOUND["none"]
    HIGHEST = _BOUND["highest"]
