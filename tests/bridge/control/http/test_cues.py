"""The cue list and what is set blind, by REST."""

import json

import pytest

pytestmark = pytest.mark.slow
CUES = "/api/v1/cues"


def told(answer) -> str:
    detail = answer.json()["detail"]
    return detail if isinstance(detail, str) else " ".join(row["msg"] for row in detail)


def test_cues_are_added_listed_changed_and_deleted(client, desk):
    assert client.get(CUES).json() == []
    assert client.post(CUES, json={"look": 2, "name": "Opening", "fade": 4}).status_code == 201
    added = client.post(CUES, json={"look": 3}).json()
    assert added == {"number": 2.0, "name": "", "look": 3, "fade": None, "follow": None,
                     "missing": ["Cue 2 cannot be shown: There is no look 3."]}  # fmt: skip
    desk.show.save(3)
    changed = client.patch(f"{CUES}/2", json={"number": 1.5, "follow": 2.5})
    assert changed.json() == {"number": 1.5, "name": "", "look": 3, "fade": None, "follow": 2.5,
                              "missing": []}  # fmt: skip
    client.patch(f"{CUES}/1", json={"look": 3})
    assert client.delete("/api/v1/looks/3").json() == {
        "deleted": 3, "missing": ["Cues 1 and 1.5 cannot be shown: There is no look 3."]
    }  # fmt: skip
    assert [cue["number"] for cue in client.get(CUES).json()] == [1.0, 1.5]
    assert client.delete(f"{CUES}/1,5").json() == {"removed": 1.5}
    kept = json.loads((desk.assets / "Desk.show" / "cues.json").read_text())
    assert [cue["name"] for cue in kept["cues"]] == ["Opening"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "", {}, 422, "The look is missing"),
        ("POST", "", {"look": "x"}, 422, "look"),
        ("POST", "", {"look": 1000}, 422, "from 1 to 999"),
        ("POST", "", {"look": 1, "number": 1}, 409, "There is a cue 1 already"),
        ("POST", "", {"look": 1, "volume": 1}, 422, "A cue has no 'volume'"),
        ("POST", "", [1], 422, ""),
        ("PATCH", "/7", {"look": 1}, 404, "There is no cue 7; there are 1"),
        ("PATCH", "/x", {"look": 1}, 404, "There is no cue x"),
        ("DELETE", "/nan", None, 404, "There is no cue nan"),
        ("DELETE", "/10000", None, 404, "There is no cue 10000"),
    ],
)
def test_what_is_no_cue_is_refused_in_a_sentence(client, method, path, body, status, words):
    client.post(CUES, json={"look": 1})
    answer = client.request(method, CUES + path, json=body)
    assert (answer.status_code, words in told(answer)) == (status, True), answer.json()
    assert len(client.get(CUES).json()) == 1


def test_after_the_highest_cue_the_next_needs_a_number(client):
    assert client.post(CUES, json={"look": 1, "number": 9999}).status_code == 201
    answer = client.post(CUES, json={"look": 1})
    assert answer.status_code == 409
    assert told(answer) == "Cue 9999 is the last possible; give a number."
    assert client.post(CUES, json={"look": 1, "number": 9998}).status_code == 201


def test_blind_values_are_checked_as_others_and_change_nothing(client, desk):
    before = desk.store.snapshot
    answer = client.patch("/api/v1/parameters?blind=1", json={"vace_scale": 1.25, "prompt": "sea"})
    assert answer.json() == {"vace_scale": 1.25, "prompt": "sea"}
    assert desk.store.snapshot is before
    for body, status, words in (
        ({"vace_scale": 9}, 422, "vace_scale"), ({"black": True}, 409, "is in no look"),
    ):  # fmt: skip
        refused = client.patch("/api/v1/parameters?blind=1", json=body)
        assert (refused.status_code, words in told(refused)) == (status, True), refused.json()
    assert desk.show.blind.told() == {
        "blind": True, "blind_values": {"vace_scale": 1.25, "prompt": "sea"},
    }  # fmt: skip
    desk.show.blind.take(0.0)
    assert desk.store.snapshot.values["prompt"] == "sea"
    assert desk.show.blind.told() == {"blind": False, "blind_values": {}}
