"""The installed pipelines, checked against the names the bridge declares."""

from functools import cache

from bridge.state.actions import ACTIONS, COMMANDS
from bridge.state.controls import OutputParameters
from bridge.state.renamed import renamed
from engine.catalog.rows import Catalog
from engine.parameters import describe


@cache  # a plug-in is loaded once, and its errors reported once
def installed_catalog() -> Catalog:
    """The built-in pipelines and those of plug-ins."""
    actions = {action.name for action in ACTIONS}
    former = {old for old, _ in renamed("action", actions)}
    return Catalog.installed(describe(OutputParameters), COMMANDS | actions | former)
