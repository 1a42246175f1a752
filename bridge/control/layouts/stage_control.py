"""A layout as an Open Stage Control session: JSON, following its widget property reference.

Not yet opened in the program itself, which is on no package index.
"""

import json
from typing import Any, TypeAlias

from bridge.control.layouts.model import Control, Layout, Look

Widget: TypeAlias = dict[str, Any]

VERSION = "1.30.1"  # of Open Stage Control; it converts older files on opening
PLACE = {"width": 320, "height": 70}


def stage_control(layout: Layout) -> bytes:
    """The bytes of the session file."""
    tabs = [
        {
            "type": "tab", "id": f"tab-{number}", "label": page.title, "layout": "default",
            "scroll": True, "widgets": [_panel(control) for control in page.controls],
        }
        for number, page in enumerate(layout.pages)
    ]  # fmt: skip
    whole = {
        "createdWith": "Open Stage Control",
        "version": VERSION,
        "type": "session",
        "content": {"type": "root", "id": "root", "tabs": tabs},
    }
    return json.dumps(whole, indent=1, ensure_ascii=False).encode()


def _panel(control: Control) -> Widget:
    """The control below its name; a button has its own label."""
    widget = _widget(control)
    if widget["type"] == "button":
        return {**widget, **PLACE}
    caption = {"type": "text", "id": f"caption-{widget['id']}", "default": control.label,
               "bypass": True, "height": 24}  # fmt: skip
    return {
        "type": "panel", "id": f"panel-{widget['id']}", "layout": "vertical", "scroll": False,
        "comments": control.help, **PLACE, "widgets": [caption, {**widget, "expand": True}],
    }  # fmt: skip


def _widget(control: Control) -> Widget:
    one = {
        "id": control.address[1:].replace("/", "-"),
        "address": control.address,
        "comments": control.help,
    }
    match control.look:
        case Look.FADER:
            return {
                **one, "type": "fader", "horizontal": True, "design": "compact",
                "range": {"min": control.low, "max": control.high}, "doubleTap": True,
                "decimals": 0 if control.whole else 3, "typeTags": "i" if control.whole else "f",
            }  # fmt: skip
        case Look.SWITCH:
            return {**one, "type": "button", "label": control.label, "mode": "toggle", "on": 1,
                    "off": 0, "typeTags": "i"}  # fmt: skip
        case Look.BUTTON:
            return {**one, "type": "button", "label": control.label, "mode": "tap",
                    "on": control.press,
                    "typeTags": "i"}  # fmt: skip
        case Look.CHOICE:
            return {**one, "type": "switch", "layout": "horizontal", "values": [*control.picks],
                    "typeTags": "s"}  # fmt: skip
        case Look.TEXT:
            # A number too fine for a fader is typed; the bridge accepts it as text.
            return {**one, "type": "input", "align": "left", "typeTags": "s"}
        case _:
            return {**one, "type": "text", "decimals": 2, "bypass": True}
