# pyright: basic
"""Build the custom parameters that a bridge's schema asks for.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. It knows
no parameter of the bridge by name; everything comes from the schema.
"""

import logging
import re
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

log = logging.getLogger("SpoutBridge")

PIPELINE = "pipeline"  # the one choice in the schema besides its parameters
HOME = "Generate"  # the page of the pipeline, and of parameters without a page
SHOW = "Show"  # the page of the actions
STATUS = "Status"  # the page of the state
STYLES = {"float": "Float", "int": "Int", "bool": "Toggle", "choice": "Menu", "text": "Str"}
LARGEST = 2**31 - 1  # integer that a parameter can hold
ASKS = "me.ext.SpoutBridgeExt.shown("  # start of a read-only parameter's expression
TEXTS = ("Str", "StrMenu", "File")  # styles that can exchange values
PULSES = 8  # of an action that needs a number
WIDEST = 100.0  # a slider's end if the range is wider, to stay usable
LATEST = 2.0**37  # latest valid date, in seconds since 1970


class Row(NamedTuple):
    """One custom parameter. `key` is its name in the bridge, `kind` its function there."""

    name: str
    page: str
    style: str
    label: str
    help: str
    kind: str  # parameter, pipeline, action, state; own for the component's own
    key: str = ""
    default: Any = None
    low: Any = None
    high: Any = None
    names: tuple = ()  # of a menu
    labels: tuple = ()
    section: bool = False  # starts with a separator
    readonly: bool = False
    former: tuple = ()  # former names
    values: tuple = ()  # pairs of a former choice and the current one


def par_name(*words):
    """A valid TouchDesigner custom parameter name: a capital, then lower-case letters and
    digits. ("prompt_2_weight",) becomes Prompt2weight.
    """
    text = "".join(c for c in "".join(words).lower() if c.isascii() and c.isalnum())
    return (text if text[:1].isalpha() else "p" + text).capitalize()


def label(key):
    """A parameter's label: prompt_2_weight becomes Prompt 2 Weight."""
    return " ".join(word[:1].upper() + word[1:] for word in re.split("[_/]", key) if word)


def plan(schema, taken=()):
    """The rows that a schema asks for, in order; its `loras` are the available LoRAs. `taken` are
    names in use; a duplicate gets a number.
    """
    used = set(taken)
    rows, loras = [_pipeline(schema, used)], _loras(schema)
    renamed = schema.get("renamed", ())
    specs = _shown(schema)
    last = {}
    for spec in specs:
        page = spec.get("page") or HOME
        live = bool(spec.get("live", True))
        section = last.get(page) not in (None, live) or (page not in last and page != HOME)
        last[page] = live
        rows.append(_parameter(spec, page, section, used, loras))
    for place, (key, text) in enumerate(_pulses(schema)):
        name = par_name(key)
        # the component itself has a parameter "live"
        name = _free(par_name("go", key) if name in used else name, used)
        rows.append(
            Row(name, SHOW, "Pulse", label(key), text, "action", key, section=place == 0)
        )  # fmt: skip
    for state in schema.get("state", ()):
        name = _free(par_name("state", state["name"]), used)
        unit = f" ({state['unit']})" if state.get("unit") else ""
        rows.append(
            Row(name, STATUS, "Str", label(state["name"]) + unit, state.get("help", ""), "state",
                state["name"], default="", readonly=True)
        )  # fmt: skip
    return [_with_former(row, renamed) for row in rows]


def active(schema):
    """The id of the active pipeline; empty if none."""
    return next((p["id"] for p in schema.get("pipelines", ()) if p.get("active")), "")


def live_inputs(schema):
    """The names of the additional live inputs: each has a state value, and another for its
    condition.
    """
    names = [row["name"] for row in schema.get("state", ())]
    return [name for name in names if f"{name}_input" in names]


def _pulses(schema):
    """What a pulse can do, and its help: every action without a value, and of those that need a
    number, such as `look`, the first ones. Any other value is for `Do("look/12")`.
    """
    found = []
    for action in schema.get("actions", ()):
        name, text, argument = action["name"], action.get("help", ""), action.get("argument") or {}
        if not argument.get("needed"):
            found.append((name, text))
        elif argument.get("index"):
            first = int(argument.get("minimum") or 0)
            found += [(f"{name}/{number}", text) for number in range(first, first + PULSES)]
    return found


def _shown(schema):
    """The parameters in use now: those of the active pipeline, and those of no pipeline. Live ones
    first, page by page; changing the others reloads the pipeline.
    """
    of_some, of_active = set(), set()
    for pipeline in schema.get("pipelines", ()):
        names = {*pipeline.get("parameters", ()), *pipeline.get("load", ())}
        of_some |= names
        if pipeline.get("active"):
            of_active |= names
    if not active(schema):  # still loading: all is better than none
        of_active = of_some
    specs = [s for s in schema["parameters"] if s["name"] in of_active or s["name"] not in of_some]
    return sorted(specs, key=lambda spec: not spec.get("live", True))


def _with_former(row, renamed):
    """A row with its names in older patches."""
    olds = [old for old in renamed if (old["what"], old["new"]) == (row.kind, row.key)]
    ours = ("state",) if row.kind == "state" else ()
    return row._replace(
        former=tuple(par_name(*ours, old["old"]) for old in olds),
        values=tuple(pair for old in olds for pair in old["values"].items()),
    )


def _pipeline(schema, used):
    """The menu of pipelines."""
    pipelines = schema.get("pipelines", ())
    titles = tuple(str(p.get("title", p["id"])).partition(":")[0] for p in pipelines)
    names = tuple(p["id"] for p in pipelines)
    text = "The pipeline. The output keeps running while another one loads."
    name = _free(par_name(PIPELINE), used)
    default = active(schema) or (names[0] if names else "")
    return Row(name, HOME, "Menu", label(PIPELINE), text, PIPELINE, PIPELINE, default,
               names=names, labels=titles)  # fmt: skip


def _loras(schema):
    """(values, labels) of the LoRA menu: those that fit the active pipeline first, then possible
    ones.
    """
    pipeline = active(schema)
    found = sorted(
        (SimpleNamespace(**lora) for lora in schema.get("loras", ())),
        key=lambda lora: (pipeline not in lora.fits, bool(lora.made_for)),
    )
    labels = (f"{lora.name}  {_about(lora)}" for lora in found)
    return ("", *(lora.name for lora in found)), ("none", *labels)


def _about(lora):
    """The pipelines a LoRA fits, its size and its date."""
    fits = f"fits {', '.join(lora.fits)}" if lora.fits else "fits no pipeline"
    if not lora.made_for:
        fits = "compatibility shown on loading"
    day = date(1970, 1, 1) + timedelta(seconds=min(max(lora.modified, 0), LATEST))
    return f"{fits}; {lora.size / 1e6:.1f} MB; {day}"


def _parameter(spec, page, section, used, loras):
    kind = spec["kind"]
    style = STYLES.get(kind, "Str")
    names = tuple(spec.get("choices") or ())
    labels = names
    if spec.get("asset"):
        style = "File"
    elif style == "Str" and spec.get("suggestions"):
        style = "StrMenu"
        names = tuple(s["value"] for s in spec["suggestions"])
        labels = tuple(f"{s['value']}  {s['words']}" for s in spec["suggestions"])
    elif spec.get("lora"):
        style = "StrMenu"  # a deleted one stays in the menu
        names, labels = loras
    low, high = spec.get("minimum"), spec.get("maximum")
    if kind == "int":
        low, high = _whole(low), _whole(high)
    unit = f" ({spec['unit']})" if spec.get("unit") else ""
    text = spec.get("help", "")
    if not spec.get("live", True):
        text += " A change reloads the pipeline; the output is held meanwhile."
    text += f" OSC: /bridge/{spec['osc']}"
    return Row(_free(par_name(spec["name"]), used), page, style, label(spec["name"]) + unit, text,
               "parameter", spec["name"], spec.get("default"), low, high, names, labels,
               section)  # fmt: skip


def _whole(limit):
    return None if limit is None else max(-LARGEST, min(LARGEST, int(limit)))


def _free(name, used):
    number = 2
    found = name
    while found in used:
        found = f"{name}x{number}"
        number += 1
    used.add(found)
    return found


def apply(comp, rows, made=(), first=False, failed=None):
    """Apply these rows to a component; returns the problems as sentences. `first` puts them before
    the other parameters of their pages.

    `made` are names from an earlier call. Those without a row are removed, unless driven by an
    expression, export or binding: then they stay, greyed out, so that switching pipelines and back
    keeps the wiring. An existing row keeps its value and wiring. One that fails does not stop the
    others; its name is added to the list `failed`.

    Only names are kept here: when any parameter is destroyed, TouchDesigner invalidates all
    parameter objects of the component.
    """
    problems = []
    wanted = {row.name for row in rows}
    taken_over = _taken_over(comp, rows, made)
    for name in made:
        if name not in wanted and comp.par[name] is not None:
            _remove(comp.par[name])
    for row in rows:
        try:
            _give(comp, row, made)
            if row.name in taken_over:
                _put_back(comp.par[row.name], *taken_over[row.name])
        except ValueError as error:
            problems.append(str(error))
        except Exception as error:  # anything that this build of TouchDesigner rejects
            log.exception("%s cannot be created", row.name)
            problems.append(f"{row.name} cannot be created: {type(error).__name__}: {error}")
            if failed is not None:
                failed.append(row.name)
    for page in comp.customPages:
        _sort(page, [row.name for row in rows if row.page == page.name], made, first)
    return problems


def _taken_over(comp, rows, made):
    """Value and expression, by current name, of each parameter that exists only under a former
    name; the old one is removed.
    """
    found = {}
    for row in rows:
        olds = [old for old in row.former if old in made and comp.par[old] is not None]
        if comp.par[row.name] is not None or not olds:
            continue
        par = comp.par[olds[0]]
        if row.kind == "parameter":
            value, expression = _kept(par)
            found[row.name] = dict(row.values).get(value, value), expression
        par.destroy()
    return found


def _sort(page, names, made, first):
    """Sort a page; parameters kept only for their wiring come last."""
    there = [par.name for par in page.pars]
    names = [name for name in names if name in there]
    others = [name for name in there if name not in names]
    kept = [name for name in others if name in made]
    others = [name for name in others if name not in made]
    order = [*names, *others, *kept] if first else [*others, *names, *kept]
    if order != there:
        page.sort(*order)


def _remove(par):
    if par.mode.name == "CONSTANT" or par.expr.startswith(ASKS):
        par.destroy()
    else:
        par.enable = False


def _give(comp, row, made):
    """Create or update one row; ValueError if the artist's own parameter has its name."""
    par, kept = comp.par[row.name], None
    if par is not None and (par.style != row.style or par.page.name != row.page):
        if row.name not in made:
            raise ValueError(
                f"The component already has another parameter named {row.name}; rename it."
            )
        kept = _kept(par) if {par.style, row.style} <= {*TEXTS} else None
        par.destroy()
        par = None
    if par is not None:
        _dress(par, row)
        return
    par = _append(comp, row)
    try:
        _dress(par, row)
        if row.default is not None and row.kind != "state":
            par.val = row.default
        if kept:
            _put_back(par, *kept)
    except Exception:
        par.destroy()  # otherwise the next attempt finds it without its value
        raise


def _kept(par):
    """A parameter's value and its expression, empty if none."""
    return par.val, par.expr if par.mode.name == "EXPRESSION" else ""


def _put_back(par, value, expression):
    par.val = value
    if expression:
        par.expr = expression
        par.mode = type(par.mode).EXPRESSION


def _append(comp, row):
    page = next((page for page in comp.customPages if page.name == row.page), None)
    if page is None:
        page = comp.appendCustomPage(row.page)
    return getattr(page, "append" + row.style)(row.name, label=row.label)[0]


def bind(par, otherwise):
    """Bind a parameter to the extension's value, or `otherwise` before it is ready: changes then
    never modify the project.
    """
    text = f"{ASKS}{par.name!r}, {otherwise!r}) if me.extensionsReady else {otherwise!r}"
    if par.expr != text or par.mode.name != "EXPRESSION":
        par.expr = text
        par.mode = type(par.mode).EXPRESSION


def set_menu(par, names, labels=()):
    """Set the entries of a menu and keep its value, which TouchDesigner would change. A menu
    without entries gets an empty one.
    """
    names = list(names) or [""]
    labels = list(labels) or names
    if list(par.menuNames) == names and list(par.menuLabels) == labels:
        return
    kept = (
        par.eval() if par.mode.name == "CONSTANT" else None
    )  # setting it would remove its expression
    par.menuNames, par.menuLabels = names, labels
    if kept is not None and (par.style == "StrMenu" or kept in names):
        par.val = kept


def _dress(par, row):
    par.label, par.help = row.label, row.help
    par.startSection, par.readOnly, par.enable = row.section, row.readonly, True
    if row.style in ("Menu", "StrMenu"):
        set_menu(par, row.names, row.labels)
    if row.style in ("Float", "Int"):
        _limit(par, row)
    if row.default is not None:
        par.default = row.default
    if row.kind == "state":
        bind(par, row.default)


def _limit(par, row):
    if row.low is not None:
        par.min, par.clampMin, par.normMin = row.low, True, row.low
    if row.high is not None:
        par.max, par.clampMax = row.high, True
        par.normMax = min(row.high, WIDEST) if row.style == "Float" else row.high
