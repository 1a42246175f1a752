"""A layout as a TouchOSC file: XML compressed by zlib. Written without a library; the tests read it
back with a third-party reader.

TouchOSC has no text input, so a text is only shown, and buttons send predefined values.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

from bridge.control.layouts.model import Control, Layout, Look, Page

Property: TypeAlias = "bool | int | float | str | tuple[float, float, float, float]"

WIDTH, HEIGHT, TABS = 1024.0, 768.0, 40.0  # points; TouchOSC scales them to the screen
PAD = 6.0
TALL, DENSE = (2, 7), (3, 14)  # columns and rows of a page; the second is for readings
MOST_PICKS = 6  # buttons side by side
LONGEST = 6  # characters of a number with a fraction
TYPES = {bool: "b", int: "i", float: "f", str: "s"}
DARK, GREY, WHITE = (0.1, 0.1, 0.12, 1.0), (0.3, 0.3, 0.34, 1.0), (1.0, 1.0, 1.0, 1.0)
BLUE, GREEN, ORANGE = (0.2, 0.45, 0.9, 1.0), (0.2, 0.65, 0.4, 1.0), (0.9, 0.5, 0.15, 1.0)
EAST, TOGGLE, LEFT, RIGHT = 1, 2, 1, 3  # the format's numbers for these

# The bridge drops a subscriber after ten minutes, and all of them when it restarts.
SCRIPT = """local last = -5000
function update()
  local now = getMillis()
  if now - last >= 5000 then
    last = now
    sendOSC({{'/bridge/subscribe', {{{{tag = 'i', value = {port}}}}}}})
  end
end
"""


def touchosc(layout: Layout) -> bytes:
    """The bytes of a `.tosc` file."""
    pages = [part for page in layout.pages for part in _split(page)]
    pager = _node(
        "PAGER", "pages", (0, 0, WIDTH, HEIGHT), color=DARK, tabbar=True, tabbarSize=int(TABS),
        tabLabels=True, tabbarDoubleTap=False, textSizeOff=14, textSizeOn=14,
        values=(("page", "0"),),
        children=[_page(title, controls) for title, controls in pages],
    )  # fmt: skip
    # With a pager as the root, TouchOSC would show all pages at once.
    root = _node(
        "GROUP", "spout-bridge", (0, 0, WIDTH, HEIGHT), color=DARK, interactive=False,
        script=SCRIPT.format(port=layout.reply_port), children=[pager],
    )  # fmt: skip
    root = root.replace("<properties>", "<includes></includes><properties>", 1)
    text = f"<?xml version='1.0' encoding='UTF-8'?><lexml version='6'>{root}</lexml>"
    return zlib.compress(text.encode())


def _split(page: Page) -> Iterator[tuple[str, Sequence[Control]]]:
    """Split into as many pages as needed."""
    columns, rows = _grid(page.controls)
    room = columns * rows
    for first in range(0, len(page.controls), room):
        number = f" {first // room + 1}" if len(page.controls) > room else ""
        yield page.title + number, page.controls[first : first + room]


def _grid(controls: Sequence[Control]) -> tuple[int, int]:
    readings = sum(control.look is Look.READING for control in controls)
    return DENSE if readings > len(controls) / 2 else TALL


def _page(title: str, controls: Sequence[Control]) -> str:
    columns, rows = _grid(controls)
    width, height = WIDTH / columns, (HEIGHT - TABS) / rows
    children: list[str] = []
    for place, control in enumerate(controls):
        x, y = place // rows * width + PAD, place % rows * height + PAD
        children += _cell(control, x, y, width - 2 * PAD, height - 2 * PAD)
    return _node(
        "GROUP", title, (0, TABS, WIDTH, HEIGHT - TABS), color=DARK, interactive=False,
        tabLabel=title, tabColorOff=GREY, tabColorOn=BLUE, textColorOff=WHITE, textColorOn=WHITE,
        children=children,
    )  # fmt: skip


def _cell(control: Control, x: float, y: float, w: float, h: float) -> list[str]:
    """One control with its caption and, if it has a value, the value that the bridge reports."""
    name, line = control.address, min(26.0, h)
    if control.look is Look.BUTTON:
        press = _button(
            name,
            "",
            (x, y, w, h),
            ORANGE,
            _osc(control.address, _constant(str(control.press), "INTEGER")),
        )
        return [press, _text("LABEL", f"{name} caption", (x, y, w, h), control.label)]
    if control.look is Look.SWITCH:
        bound = _osc(control.address, _value("x", "INTEGER"), when="ANY", receive=True)
        press = _button(
            name, str(int(bool(control.start))), (x, y, w, h), GREEN, bound, toggle=True
        )
        return [press, _text("LABEL", f"{name} caption", (x, y, w, h), control.label)]
    half = w * 0.55
    caption = _text("LABEL", f"{name} caption", (x, y, half, line), control.label, align=LEFT)
    reading = _text(
        "LABEL", f"{name} value", (x + half, y, w - half, line), "", align=RIGHT,
        length=LONGEST if control.digits else 0, messages=_heard(control.address),
    )  # fmt: skip
    below = (x, y + line, w, h - line)
    if control.look is Look.READING:
        return [caption, reading]
    if control.look is Look.FADER:
        return [caption, reading, _fader(control, below)]
    if control.picks:
        return [caption, reading, *_picks(control, below)]
    # The text gets the whole width if nothing is below it.
    return [caption, _text("TEXT", f"{name} value", below, str(control.start), align=LEFT,
                           messages=_heard(control.address))]  # fmt: skip


def _fader(control: Control, frame: tuple[float, float, float, float]) -> str:
    span = control.high - control.low
    start = (float(control.start or 0) - control.low) / span if span else 0.0
    kind = "INTEGER" if control.whole else "FLOAT"
    return _node(
        "FADER", control.address, frame, color=BLUE, orientation=EAST, grid=False, bar=True,
        barDisplay=0, cursor=True, cursorDisplay=0, response=0, responseFactor=100,
        values=(("x", f"{min(max(start, 0.0), 1.0):g}"),),
        messages=_osc(control.address, _value("x", kind, control.low, control.high), when="ANY",
                      receive=True),
    )  # fmt: skip


def _picks(control: Control, frame: tuple[float, float, float, float]) -> Iterator[str]:
    """A button for each text; a radio would not understand that texts come back."""
    x, y, w, h = frame
    picks = control.picks[:MOST_PICKS]
    width = w / len(picks)
    for place, pick in enumerate(picks):
        name, at = f"{control.address} {pick}", (x + place * width, y, width - PAD / 2, h)
        yield _button(name, "", at, GREY, _osc(control.address, _constant(pick, "STRING")))
        yield _text("TEXT", f"{name} caption", at, pick)


def _button(
    name: str, start: str, frame: tuple[float, float, float, float], color: Property,
    messages: str, toggle: bool = False,
) -> str:  # fmt: skip
    return _node(
        "BUTTON", name, frame, color=color, buttonType=TOGGLE if toggle else 0, press=True,
        release=True, valuePosition=False, values=(("x", start or "0"),), messages=messages,
    )  # fmt: skip


def _text(
    kind: str, name: str, frame: tuple[float, float, float, float], text: str, *, align: int = 2,
    length: int = 0, messages: str = "",
) -> str:  # fmt: skip
    own: dict[str, Property] = {"textWrap": True} if kind == "TEXT" else {"textLength": length}
    return _node(
        kind, name, frame, color=GREY, background=False, outline=False, interactive=False,
        font=0, textAlignH=align, textAlignV=2, textColor=WHITE, textSize=14, textClip=True,
        values=(("text", text),), messages=messages, properties=own,
    )  # fmt: skip


def _osc(address: str, argument: str, *, when: str = "RISE", receive: bool = False) -> str:
    """An outgoing message; a press sends it on touch-down."""
    trigger = f"<trigger><var>{_cdata('x')}</var><condition>{when}</condition></trigger>"
    return _message(address, argument, True, receive, f"<triggers>{trigger}</triggers>")


def _heard(address: str) -> str:
    """A message that is only received, as text."""
    return _message(address, _value("text", "STRING"), False, True, "")


def _message(address: str, argument: str, send: bool, receive: bool, triggers: str) -> str:
    flags = {"enabled": 1, "send": int(send), "receive": int(receive), "feedback": 0,
             "noDuplicates": 0, "connections": "1" * 10}  # fmt: skip
    head = "".join(f"<{name}>{value}</{name}>" for name, value in flags.items())
    path = f"<path>{_constant(address, 'STRING')}</path>"
    return f"<osc>{head}{triggers}{path}<arguments>{argument}</arguments></osc>"


def _constant(text: str, kind: str) -> str:
    return _partial("CONSTANT", kind, text, 0, 1)


def _value(key: str, kind: str, low: float = 0, high: float = 1) -> str:
    return _partial("VALUE", kind, key, low, high)


def _partial(source: str, kind: str, value: str, low: float, high: float) -> str:
    return (
        f"<partial><type>{source}</type><conversion>{kind}</conversion>"
        f"<value>{_cdata(value)}</value><scaleMin>{low:g}</scaleMin><scaleMax>{high:g}</scaleMax>"
        "</partial>"
    )


def _node(
    kind: str, name: str, frame: tuple[float, float, float, float], *,
    values: Sequence[tuple[str, str]] = (), messages: str = "", children: Sequence[str] = (),
    properties: Mapping[str, Property] = {}, **more: Property,
) -> str:  # fmt: skip
    """One control with the common properties; its id is derived from its name and place."""
    every = {
        "background": True, "cornerRadius": 2.0, "grabFocus": kind not in ("GROUP", "PAGER"),
        "interactive": True, "locked": False, "name": name, "orientation": 0, "outline": True,
        "outlineStyle": 0, "pointerPriority": 0, "shape": 1, "visible": True, **more,
        **properties,
    }  # fmt: skip
    rows = "".join(_property(key, every[key]) for key in sorted(every)) + _frame(frame)
    live = "".join(
        f"<value><key>{_cdata(key)}</key><locked>0</locked>"
        f"<lockedDefaultCurrent>0</lockedDefaultCurrent><default>{_cdata(start)}</default>"
        "<defaultPull>0</defaultPull></value>"
        for key, start in (*values, ("touch", "false"))
    )
    parts = f"<properties>{rows}</properties><values>{live}</values>"
    parts += f"<messages>{messages}</messages>" if messages else ""
    parts += f"<children>{''.join(children)}</children>" if children else ""
    return (
        f"<node ID='{uuid5(NAMESPACE_URL, f'{kind} {name} {frame}')}' type='{kind}'>{parts}</node>"
    )


def _property(key: str, value: Property) -> str:
    if isinstance(value, tuple):
        inner = "".join(f"<{c}>{part:g}</{c}>" for c, part in zip("rgba", value, strict=True))
        return f"<property type='c'><key>{_cdata(key)}</key><value>{inner}</value></property>"
    text = _cdata(value) if isinstance(value, str) else escape(f"{value:g}")
    kind = TYPES[type(value)]
    return f"<property type='{kind}'><key>{_cdata(key)}</key><value>{text}</value></property>"


def _frame(frame: tuple[float, float, float, float]) -> str:
    inner = "".join(f"<{c}>{part:g}</{c}>" for c, part in zip("xywh", frame, strict=True))
    return f"<property type='r'><key>{_cdata('frame')}</key><value>{inner}</value></property>"


def _cdata(text: str) -> str:
    kept = "".join(c for c in text if c >= " " or c in "\n\t")  # drop what XML cannot contain
    return "<![CDATA[" + kept.replace("]]>", "]]]]><![CDATA[>") + "]]>"
