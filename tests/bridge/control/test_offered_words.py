"""The words that the schema offers for a prompt."""

from bridge.control import schema


def offered(shown):
    return {row["id"]: row["words"] for row in shown["pipelines"]}


def test_the_schema_offers_them_without_a_bridge():
    words = offered(schema.installed())
    assert {"ocean", "van gogh", "rot", "赤"} <= set(words["stylize"])
    assert not words["longlive"], "which takes any text"
