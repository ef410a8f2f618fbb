"""Home Assistant's sentence templates: those that the task uses, writing sentences with them, reading them back."""

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Any

import vocabulary as words
from hassil import (
    Alternative,
    Intents,
    ListReference,
    Permutation,
    RuleReference,
    Sequence,
    SlotList,
    TextChunk,
    TextSlotList,
    recognize_all,
)
from hassil.expression import Expression
from home_assistant_intents import get_intents

# (Home Assistant's intent, slot combination, domain, call). `{slot}` in a call is the value that was read.
SOURCES = [
    ("HassTurnOn", "area_domain", "light", "turn_on({area}, light)"),
    ("HassTurnOn", "area_domain", "fan", "turn_on({area}, fan)"),
    ("HassTurnOff", "area_domain", "light", "turn_off({area}, light)"),
    ("HassTurnOff", "area_domain", "fan", "turn_off({area}, fan)"),
    ("HassTurnOn", "area_device_class_cover", "cover", "open({area}, {device_class})"),
    ("HassTurnOff", "area_device_class_cover", "cover", "close({area}, {device_class})"),
    ("HassSetPosition", "area_device_class", "cover", "set_position({area}, {device_class}, {position})"),
    ("HassLightSet", "area_brightness", "light", "set_brightness({area}, {brightness})"),
    ("HassLightSet", "name_brightness", "light", "set_brightness({name}, {brightness})"),
    ("HassLightSet", "area_color", "light", "set_color({area}, {color})"),
    ("HassLightSet", "name_color", "light", "set_color({name}, {color})"),
    ("HassClimateSetTemperature", "area_temperature", "climate", "set_temperature({area}, {temperature})"),
    ("HassClimateSetTemperature", "name_temperature", "climate", "set_temperature({name}, {temperature})"),
    ("HassFanSetSpeed", "area_only", "fan", "set_fan_speed({area}, {percentage})"),
    ("HassFanSetSpeed", "name_only", "fan", "set_fan_speed({name}, {percentage})"),
    ("HassSetVolume", "area_only", "media_player", "set_volume({area}, {volume_level})"),
    ("HassSetVolume", "name_only", "media_player", "set_volume({name}, {volume_level})"),
    ("HassMediaPause", "area_only", "media_player", "pause({area})"),
    ("HassMediaPause", "name_only", "media_player", "pause({name})"),
    ("HassMediaUnpause", "area_only", "media_player", "resume({area})"),
    ("HassMediaUnpause", "name_only", "media_player", "resume({name})"),
    ("HassMediaNext", "area_only", "media_player", "next_track({area})"),
    ("HassMediaNext", "name_only", "media_player", "next_track({name})"),
    ("HassVacuumCleanArea", "area_only", "vacuum", "clean({area})"),
    ("HassVacuumCleanArea", "name_area", "vacuum", "clean({area})"),
    ("HassStartTimer", "seconds_only", "timer", "start_timer({seconds}, seconds)"),
    ("HassStartTimer", "minutes_only", "timer", "start_timer({minutes}, minutes)"),
    ("HassStartTimer", "hours_only", "timer", "start_timer({hours}, hours)"),
    ("HassShoppingListAddItem", "item_only", "shopping_list", "add_item({item})"),
]


@dataclass(frozen=True)
class Template:
    """One sentence template of Home Assistant with the call it stands for and the side of the split it is on."""

    intent: str
    domain: str
    text: str
    call: str
    side: str = ""

    @property
    def function(self) -> str:
        return self.call.partition("(")[0]


def english() -> dict[str, Any]:
    """The package's English data: intents with sentence templates, lists and expansion rules."""
    data = get_intents("en")
    if data is None:
        raise FileNotFoundError("home-assistant-intents has no English data; reinstall the trainer's environment")
    return data


def load_templates() -> list[Template]:
    """The templates of SOURCES in the installed package, each on its side of the split."""
    package = english()
    templates = []
    for intent, combination, domain, call in SOURCES:
        for block in package["intents"][intent]["data"]:
            wanted = block.get("requires_context", {}).get("domain", [block.get("slots", {}).get("domain", domain)])
            if block["metadata"]["slot_combination"] == combination and domain in wanted:
                templates += [Template(intent, domain, text, call) for text in block["sentences"]]
    functions = sorted({template.function for template in templates})
    return [t for function in functions for t in split_templates([t for t in templates if t.function == function])]


def split_templates(templates: list[Template]) -> list[Template]:
    """The templates of one function, ranked by hash: a third for test, a sixth for dev, the rest for train."""
    ranked = sorted(templates, key=lambda t: hashlib.sha256(f"{t.call} {t.text}".encode()).hexdigest())
    test = len(ranked) // 3 or len(ranked) // 2
    dev = max(len(ranked) // 6, 1) if len(ranked) > 2 else 0
    sides = ["test"] * test + ["dev"] * dev + ["train"] * (len(ranked) - test - dev)
    return [replace(template, side=side) for template, side in zip(ranked, sides, strict=True)]


class Grammar:
    """Home Assistant's grammar over the rooms and items of one split."""

    def __init__(self, templates: list[Template], split: str) -> None:
        package = english()
        blocks: dict[str, list[dict[str, Any]]] = {}
        for index, t in enumerate(templates):
            block = {"sentences": [t.text], "metadata": {"template": index}, "lists": slot_lists(t.domain, split)}
            blocks.setdefault(t.intent, []).append(block)
        self.templates = templates
        self.intents = Intents.from_dict(
            {
                "language": "en",
                "intents": {intent: {"data": data} for intent, data in blocks.items()},
                "lists": {k: v for k, v in package["lists"].items() if "values" in v},
                "expansion_rules": package["expansion_rules"],
            }
        )
        every = [data for intent in self.intents.intents.values() for data in intent.data]
        self.data = {data.metadata["template"]: data for data in every if data.metadata}

    def sample(self, template: Template, rng: random.Random) -> str:
        """A random sentence of the template: every choice uniform."""
        data = self.data[self.templates.index(template)]
        return " ".join(self._expand(data.sentences[0].expression, data.slot_lists, rng).split())

    def _expand(self, node: Expression, lists: dict[str, SlotList], rng: random.Random) -> str:
        match node:
            case TextChunk():
                return str(node.original_text)
            case Alternative():
                return self._expand(rng.choice(node.items), lists, rng)
            case Permutation():
                return " ".join(self._expand(item, lists, rng) for item in rng.sample(node.items, len(node.items)))
            case Sequence():
                return "".join(self._expand(item, lists, rng) for item in node.items)
            case RuleReference():
                return self._expand(self.intents.expansion_rules[node.rule_name].expression, lists, rng)
            case ListReference():
                slot = lists.get(node.list_name) or self.intents.slot_lists[node.list_name]
                assert isinstance(slot, TextSlotList)
                return self._expand(rng.choice(slot.values).text_in, lists, rng)
        raise TypeError(f"hassil has a new kind of expression that this expander does not know: {node!r}")

    def readings(self, sentence: str) -> dict[Template, str]:
        """Each template that can produce the sentence, with the call it then stands for (hassil's recogniser)."""
        readings = {}
        for result in recognize_all(sentence, self.intents, language="en"):
            assert result.intent_metadata is not None
            template = self.templates[result.intent_metadata["template"]]
            values = {name: entity.value for name, entity in result.entities.items()}
            readings[template] = template.call.format(**values)
        return readings


def slot_lists(domain: str, split: str) -> dict[str, object]:
    """Values of the slots that Home Assistant leaves to the house or to free text."""
    rooms, percent = words.ROOMS[split], words.PERCENT
    names = [(f"{room} {word}", room) for room in rooms for word in words.DEVICE_WORDS.get(domain, [])]
    if domain == "vacuum":
        names = [(word, word) for word in words.VACUUM_WORDS]
    values: dict[str, list[tuple[str, str]]] = {
        "name": names,
        **{slot: [(v, v) for v in percent] for slot in ("position", "brightness", "fan_speed", "volume")},
        **{f"timer_{unit}": [(v, v) for v in words.MINUTES] for unit in ("seconds", "minutes")},
        "timer_hours": [(v, v) for v in words.HOURS],
        "temperature": [(v, v) for v in words.DEGREES],
        "shopping_list_item": [(v, v) for v in words.ITEMS[split]],
        "area": [(v, v) for v in rooms],
    }
    return {slot: {"values": [{"in": i, "out": o} for i, o in pairs]} for slot, pairs in values.items() if pairs}
