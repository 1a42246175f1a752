# pyright: basic
"""Which custom parameters a bridge's schema asks for, and giving a component exactly those.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. It knows
no parameter of the bridge by its name; all it says about one comes from the schema.
"""

import logging
import re
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

log = logging.getLogger("SpoutBridge")

PIPELINE = "pipeline"  # the one choice that the schema has beside its parameters
HOME = "Generate"  # the page of the pipeline, and of what names no page
SHOW = "Show"  # the page of the actions
STATUS = "Status"  # the page of the state
STYLES = {"float": "Float", "int": "Int", "bool": "Toggle", "choice": "Menu", "text": "Str"}
LARGEST = 2**31 - 1  # of a whole number in a parameter
ASKS = "me.ext.SpoutBridgeExt.shown("  # how the expression of a read-only parameter begins
TEXTS = ("Str", "StrMenu", "File")  # styles of which one takes what another had
WIDEST = 100.0  # a slider that is to be useful ends here, where the range is wider
LATEST = 2.0**37  # seconds since 1970 that are a date


class Row(NamedTuple):
    """One custom parameter. `key` is its name at the bridge, `kind` what it does there."""

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
    section: bool = False  # begins with a line
    readonly: bool = False
    former: tuple = ()  # names that it had before
    values: tuple = ()  # pairs of a choice of before and that of now


def par_name(*words):
    """A name that TouchDesigner takes for a custom parameter: a capital, then small letters and
    digits. ("prompt_2_weight",) becomes Prompt2weight.
    """
    text = "".join(c for c in "".join(words).lower() if c.isascii() and c.isalnum())
    return (text if text[:1].isalpha() else "p" + text).capitalize()


def label(key):
    """What stands before a parameter: prompt_2_weight becomes Prompt 2 Weight."""
    return " ".join(word[:1].upper() + word[1:] for word in re.split("[_/]", key) if word)


def plan(schema, taken=()):
    """The rows that a schema asks for, in order; `loras` of it are those that there are to choose
    from. `taken` are names that are used already; a second of one name gets a number.
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
    for place, action in enumerate(schema.get("actions", ())):
        name = par_name(action["name"])
        # "live" is what the component itself says of its video
        name = _free(par_name("go", action["name"]) if name in used else name, used)
        rows.append(
            Row(name, SHOW, "Pulse", label(action["name"]), action.get("help", ""), "action",
                action["name"], section=place == 0)
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
    """The id of the pipeline that is shown; empty for none."""
    return next((p["id"] for p in schema.get("pipelines", ()) if p.get("active")), "")


def live_inputs(schema):
    """The names of the inputs that may come live beside the first: each has a value of the state,
    and another one says how it stands with it.
    """
    names = [row["name"] for row in schema.get("state", ())]
    return [name for name in names if f"{name}_input" in names]


def _shown(schema):
    """The parameters that mean something now: those of the active pipeline, and those of none.
    Live ones first, page by page, since a change of the others builds the pipeline anew.
    """
    of_some, of_active = set(), set()
    for pipeline in schema.get("pipelines", ()):
        names = {*pipeline.get("parameters", ()), *pipeline.get("load", ())}
        of_some |= names
        if pipeline.get("active"):
            of_active |= names
    if not active(schema):  # still loading: better all than none
        of_active = of_some
    specs = [s for s in schema["parameters"] if s["name"] in of_active or s["name"] not in of_some]
    return sorted(specs, key=lambda spec: not spec.get("live", True))


def _with_former(row, renamed):
    """A row with the names that it had in the patches of before."""
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
    text = "The pipeline. The output goes on while another one loads."
    name = _free(par_name(PIPELINE), used)
    default = active(schema) or (names[0] if names else "")
    return Row(name, HOME, "Menu", label(PIPELINE), text, PIPELINE, PIPELINE, default,
               names=names, labels=titles)  # fmt: skip


def _loras(schema):
    """(values, labels) of a menu of LoRAs: what fits the active pipeline first, then what may."""
    pipeline = active(schema)
    found = sorted(
        (SimpleNamespace(**lora) for lora in schema.get("loras", ())),
        key=lambda lora: (pipeline not in lora.fits, bool(lora.made_for)),
    )
    labels = (f"{lora.name}  {_about(lora)}" for lora in found)
    return ("", *(lora.name for lora in found)), ("none", *labels)


def _about(lora):
    """What a LoRA fits, its size and its day."""
    fits = f"fits {', '.join(lora.fits)}" if lora.fits else "fits none of the pipelines"
    if not lora.made_for:
        fits = "what it fits is seen when it is loaded"
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
        style = "StrMenu"  # one that is gone stays in it all the same
        names, labels = loras
    low, high = spec.get("minimum"), spec.get("maximum")
    if kind == "int":
        low, high = _whole(low), _whole(high)
    unit = f" ({spec['unit']})" if spec.get("unit") else ""
    text = spec.get("help", "")
    if not spec.get("live", True):
        text += " A change builds the pipeline anew; the output is held meanwhile."
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
    """Give a component these rows; the sentences of what is in the way. `first` puts them before
    what else their pages have.

    `made` are names of an earlier call. Of those, what no row asks for goes; but where an
    expression, export or binding drives it, it stays, greyed out, so that a change of pipelines
    and back costs the artist no wiring. A row that is there keeps its value and its wiring. One
    that cannot be made keeps no other from it; its name is put into the list `failed`.

    Only names are kept here: with the first parameter that is destroyed TouchDesigner lets all
    parameter objects of the component go that it has handed out.
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
        except Exception as error:  # whatever this build of TouchDesigner does not take of one
            log.exception("%s cannot be made", row.name)
            problems.append(f"{row.name} cannot be made: {type(error).__name__}: {error}")
            if failed is not None:
                failed.append(row.name)
    for page in comp.customPages:
        _sort(page, [row.name for row in rows if row.page == page.name], made, first)
    return problems


def _taken_over(comp, rows, made):
    """Value and expression, by its name of now, of each parameter that is there by a name of before
    alone; that one goes.
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
    """What is only kept for its wiring comes last."""
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
    """Make one row, or bring it up to date; ValueError where the artist's own has its name."""
    par, kept = comp.par[row.name], None
    if par is not None and (par.style != row.style or par.page.name != row.page):
        if row.name not in made:
            raise ValueError(f"The component has a parameter {row.name} that is not ours.")
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
        par.destroy()  # or the next try would find it there, without its value
        raise


def _kept(par):
    """A parameter's value, and the expression that drives it; empty for none."""
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
    """Have a parameter show what the extension says, and `otherwise` before it does: so there is
    nothing to be saved with the project, however often it changes.
    """
    text = f"{ASKS}{par.name!r}, {otherwise!r}) if me.extensionsReady else {otherwise!r}"
    if par.expr != text or par.mode.name != "EXPRESSION":
        par.expr = text
        par.mode = type(par.mode).EXPRESSION


def set_menu(par, names, labels=()):
    """Give a menu its entries, and keep its value: TouchDesigner puts it on another entry. A menu
    without entries gets an empty one.
    """
    names = list(names) or [""]
    labels = list(labels) or names
    if list(par.menuNames) == names and list(par.menuLabels) == labels:
        return
    kept = (
        par.eval() if par.mode.name == "CONSTANT" else None
    )  # setting it would end what drives it
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
