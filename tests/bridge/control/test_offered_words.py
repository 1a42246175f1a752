"""The words that the schema suggests for a prompt work in a running bridge."""

import pytest

from bridge.control import schema
from engine.catalog.rows import Catalog
from tests.support.rig import running_session, scene


def offered(shown):
    return {row["id"]: row["words"] for row in shown["pipelines"]}


def test_the_schema_offers_them_without_a_bridge():
    words = offered(schema.installed())
    assert {"ocean", "van gogh", "rot", "赤"} <= set(words["stylize"])
    assert not words["longlive"], "which takes any text"


@pytest.mark.slow
def test_what_is_offered_is_used_and_seen(tmp_path):
    chosen = {"pipeline": "stylize", "output_size": "96x64", "size": "96x64"}
    with running_session(tmp_path, Catalog(), **chosen) as rig:
        rig.put(scene(96, 64))
        rig.running("stylize")
        words = set(offered(schema.schema(rig.session))["stylize"])
        assert words == set(Catalog()["stylize"].words)

        def blue(prompt, *used):
            assert set(used) <= words
            rig.session.store.update({"prompt": prompt, "fade": 0.0, "anti_flicker": 0.0})
            told = {"words_used": [*used], "words_unused": [], "arriving": 0}
            rig.until(lambda: told.items() <= rig.session.status().notes.items())
            made = rig.session.status().frames_new
            rig.put(scene(96, 64))
            rig.until(lambda: rig.session.status().frames_new > made + 1 or rig.put(scene(96, 64)))
            red, _, blue = rig.session.latest_frame("output").image[..., :3].mean((0, 1))
            return blue - red

        assert blue("ocean wave", "ocean wave") > 25
        assert blue("Wasser", "wasser") > 25
        assert blue("rembrandt", "rembrandt") < -5
        assert blue("火", "火") < -25
