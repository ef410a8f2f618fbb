"""A small simulated house: the meaning of a call is what it does to the house.

The state is a flat dict: `(room, "light")`, `(room, "fan")`, `(room, "playing")`, `(room, "cleaning")` → bool;
`(room, "brightness" | "fan speed" | "volume")` and `(room, <cover>)` → percent; `(room, "temperature")` → degrees
Celsius; `(room, "color")` → str; `(room, "track")` → int; `"timers"` → tuple of (number, unit); `"shopping list"` →
tuple of items.

There is one spelling per effect: numbers have no leading zero, a cover is opened with `open` and not with
`set_position(…, 100)`, a minute is not 60 seconds. So two calls that the house obeys are equal as text exactly when
they do the same to every house.
"""

import re
from collections.abc import Iterable, Mapping

from vocabulary import COLORS, COVERS

State = dict[object, object]
TIMER_UNITS = ("seconds", "minutes", "hours")


def parse(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and arguments of the call on the first non-empty line, trimmed, in lower case, inner white space collapsed.

    The same rules as the `function_call` grader of contracts/grader.schema.json. Raises ValueError when it is no call.
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    match = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", line)
    if not match:
        raise ValueError(f"not a call of the form name(argument, …): {line!r}")
    name, inside = match.groups()
    arguments = inside.split(",") if inside.strip() else []
    return name.lower(), tuple(" ".join(argument.lower().split()) for argument in arguments)


def new_house(rooms: Iterable[str], busy: bool, items: Iterable[str] = ()) -> State:
    """A house at rest (all off and closed), or busy (all on, half open, `items` on the shopping list)."""
    state: State = {"timers": (), "shopping list": tuple(items)}
    for room in rooms:
        state |= {(room, thing): busy for thing in ("light", "fan", "playing", "cleaning")}
        state |= {(room, cover): 50 if busy else 0 for cover in COVERS}
        state |= {(room, level): 33 if busy else 1 for level in ("brightness", "fan speed", "volume")}
        state |= {(room, "temperature"): 10, (room, "color"): "unset", (room, "track"): 1}
    return state


def apply(state: Mapping[object, object], call: str) -> State:
    """The state after `call`, as a new dict. Raises ValueError when the house cannot obey."""
    name, arguments = parse(call)
    room = arguments[0] if arguments else ""
    if name not in ("start_timer", "add_item") and (room, "light") not in state:
        raise ValueError(f"no room {room!r} in this house")
    changes: State
    match name, arguments:
        case "turn_on" | "turn_off", (_, "light" | "fan" as device):
            changes = {(room, device): name == "turn_on"}
        case "open" | "close", (_, cover) if cover in COVERS:
            changes = {(room, cover): 100 if name == "open" else 0}
        case "set_position", (_, cover, percent) if cover in COVERS:
            changes = {(room, cover): _number(percent, 1, 99)}
        case "set_brightness", (_, percent):
            changes = {(room, "light"): True, (room, "brightness"): _number(percent, 1, 100)}
        case "set_color", (_, color) if color in COLORS:
            changes = {(room, "light"): True, (room, "color"): color}
        case "set_temperature", (_, degrees):
            changes = {(room, "temperature"): _number(degrees, 5, 35)}
        case "set_fan_speed", (_, percent):
            changes = {(room, "fan"): True, (room, "fan speed"): _number(percent, 1, 100)}
        case "set_volume", (_, percent):
            changes = {(room, "volume"): _number(percent, 1, 100)}
        case "pause" | "resume", (_,):
            changes = {(room, "playing"): name == "resume"}
        case "next_track", (_,):
            changes = {(room, "track"): int(str(state[room, "track"])) + 1}
        case "clean", (_,):
            changes = {(room, "cleaning"): True}
        case "start_timer", (number, unit) if unit in TIMER_UNITS:
            changes = {"timers": (*_tuple(state["timers"]), (_number(number, 1, 59), unit))}
        case "add_item", (item,) if item:
            changes = {"shopping list": (*_tuple(state["shopping list"]), item)}
        case _:
            raise ValueError(f"the house knows no {name}({', '.join(arguments)})")
    return {**state, **changes}


def _number(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", text) or not low <= int(text) <= high:
        raise ValueError(f"expected a whole number from {low} to {high}, got {text!r}")
    return int(text)


def _tuple(value: object) -> tuple[object, ...]:
    assert isinstance(value, tuple)
    return value
