"""The pipelines that are installed, beside what the bridge itself declares."""

from functools import cache

from bridge.state.actions import ACTIONS, COMMANDS
from bridge.state.controls import OutputParameters
from bridge.state.renamed import renamed
from engine.catalog.rows import Catalog
from engine.parameters import describe


@cache  # a plug-in is loaded once, and what is wrong with one is told once
def installed_catalog() -> Catalog:
    """The project's pipelines and those of plug-ins."""
    actions = {action.name for action in ACTIONS}
    former = {old for old, _ in renamed("action", actions)}
    return Catalog.installed(describe(OutputParameters), COMMANDS | actions | former)
