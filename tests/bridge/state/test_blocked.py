"""Blocked words: what is found, what is left alone, and every door."""

import os
import random
import unicodedata
from itertools import pairwise

import pytest

from bridge.state.blocked import REFUSAL, UNSPACED, BlockedWords, WordList, fold, read
from bridge.state.change import By, Setter
from engine.catalog.lexicon import WORDS, WORDS_OF_THEIR_OWN
from tests.support.bridge import refused_here, running

LIST = """
# not for this show
Damn
ass  # as a whole word
bloody hell
école
1488
你好
"""


def found(text: str, lines: str = LIST) -> str:
    return WordList(read(lines)).found(text)


@pytest.mark.parametrize("text", [
    "damn", "a DAMN cat", "Dámn!", "ｄａｍｎ", "d4mn", "daaaaamn", "d.a.m.n", "D A M N", "d-a_m n",
    "da\u200bmn", "so daMMMn d4mn", "a$$", "a s s", "bloody   hell", "bl00dy-h3ll", "BLOODY\nHELL",
    "b l o o d y h e l l", "ecole", "une ÉCOLE", "e\u0301cole", "1488", "说你好吗", "x d a m n y",
    "damned", "d4mning", "asses", "a s s e s", "bloody hells", "d\u0430mn", "ᴅᴀᴍɴ",
])  # fmt: skip
def test_a_blocked_word_is_found_however_it_is_disguised(text):
    assert found(text)


@pytest.mark.parametrize("text", [
    "", "dam", "damnit", "daamn", "a glass of wine", "as", "assess", "a s", "hello bloody", "148",
    "14880", "hell, bloody", "starry night", "U.S.S.", "你", "0 0 0", "oooo", "a, b and c",
])  # fmt: skip
def test_what_only_looks_like_one_is_left_alone(text):
    assert not found(text)


def test_no_common_word_is_taken_for_another():
    """Half of the words that prompts are made of are blocked, and the others are free."""
    words = sorted({fold(word) for name in WORDS for word in name.split() if word.isalpha()})
    words = [word for word in words if word in WORDS_OF_THEIR_OWN and not UNSPACED.search(word)]
    assert len(words) > 500
    drawn = random.Random(7)
    drawn.shuffle(words)
    blocked, free = words[::2], words[1::2]
    listed = WordList(read("\n".join(blocked)))
    assert [word for word in free if listed.found(word)] == []
    assert listed.found(f"{free[0]} {blocked[0]} {free[1]}") == blocked[0]


DIGITS = {"o": "0", "e": "3", "a": "4", "s": "5", "t": "7", "i": "1", "l": "1"}


def _disguised(word: str, drawn: random.Random) -> str:
    way = drawn.randrange(6)
    if way == 0:
        return "".join(drawn.choice((str.upper, str.lower))(char) for char in word)
    if way == 1:
        return unicodedata.normalize("NFD", word.replace("e", "é").replace("o", "ö"))
    if way == 2:
        return drawn.choice((" ", ".", "-", "_", " . ")).join(word)
    if way == 3:
        place = drawn.randrange(len(word))
        return word[:place] + word[place] * drawn.randint(3, 9) + word[place + 1 :]
    if way == 4:  # one letter, or the word might become a number
        place = drawn.randrange(len(word))
        return word[:place] + DIGITS.get(word[place], word[place]) + word[place + 1 :]
    return "\u200b".join(word)


@pytest.mark.parametrize("seed", range(20))
def test_any_disguise_in_any_prompt_is_found(seed):
    """And any text at all is searched without an error."""
    drawn = random.Random(seed)
    letters = "abcdefghijklmnoprstuvwy"
    for _ in range(20):
        word = "".join(drawn.choices(letters, k=drawn.randint(4, 12)))
        if any(a == b for a, b in pairwise(word)):
            continue
        listed = WordList(read(word))
        before, after = drawn.choice(("a cat, ", "", "«")), drawn.choice((", oil", "", "! 4k"))
        text = before + _disguised(word, drawn) + after
        assert listed.found(text) == word, text
        noise = "".join(chr(drawn.randrange(0xD800)) for _ in range(60))
        assert listed.found(noise) == ""
        assert listed.found(f"{noise} {word} {noise}") == word


def test_the_file_is_read_again_and_a_broken_one_keeps_the_list(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("damn\n", "utf-8")
    listed = BlockedWords(path)
    setter = Setter(By.OSC, "10.0.0.7:5000 /bridge/prompt")

    def refused(text: str) -> bool:
        try:
            listed.refuse("prompt", text, setter)
        except ValueError as error:
            return str(error) == REFUSAL
        return False

    assert (refused("damn"), refused("heck")) == (True, False)
    for broken, why in [
        (b"", "it has no words"),
        (b"heck\n...\n", "line 2 has no letter"),
        ("heck".encode("utf-16"), "save it as UTF-8"),
        (b"x" * (1 << 20) + b"y", "larger than 1 MB"),
    ]:
        path.write_bytes(broken)
        os.utime(path, ns=(0, len(broken)))
        listed.look()
        assert why in listed.problem
        assert "the last list stays in use" in listed.problem
        assert refused("damn")
    path.unlink()
    listed.look()
    assert listed.problem
    path.write_bytes(b"\xef\xbb\xbfheck\r\n")
    listed.look()
    assert (listed.problem, refused("damn"), refused("HECK")) == ("", False, True)
    assert listed.refused == 6


@pytest.mark.slow
def test_a_list_that_cannot_be_read_is_no_start(tmp_path, monkeypatch, capsys):
    path = tmp_path / "none.txt"
    arguments = ("run", "--folder", str(tmp_path), "--blocked-words", str(path))
    status, text = refused_here(monkeypatch, capsys, *arguments)
    assert status == 2
    assert f"The list of blocked words {path} cannot be used: No such file" in text


def accepts(bridge, prompt: str) -> bool:
    try:
        bridge.ask("parameters", {"prompt": prompt}, "PATCH")
    except OSError:  # its status is 422
        return False
    return True


@pytest.mark.slow
def test_no_door_lets_a_blocked_prompt_in(tmp_path):
    """By REST, OSC, the command line and the journal; and the list follows its file."""
    words = tmp_path / "bad words.txt"
    words.write_text("damn\nbloody hell\n", "utf-8")
    own = ("--pipeline", "passthrough", "--sink", "null:", "--output-size", "64x48",
           "--blocked-words", str(words))  # fmt: skip
    with running(tmp_path, *own, "--set", "prompt=a calm sea") as bridge:
        for name in ("prompt", "prompt_2"):
            status, text = bridge.refused("parameters", {name: "a DAMN cat", "mix": 0.5}, "PATCH")
            assert (status, "blocked here" in str(text)) == (422, True)
            assert "damn" not in str(text).lower()
        assert bridge.ask("parameters")["mix"] == 1
        bridge.osc("/bridge/prompt", "bl00dy hell")
        bridge.osc("/bridge/prompt_3", "d.a.m.n")
        state = bridge.until(lambda state: state["prompts_refused"] == 4)
        assert state["osc_refused"] == 2
        values = bridge.ask("parameters")
        assert [values[f"prompt{end}"] for end in ("", "_2", "_3")] == ["a calm sea", "", ""]
        words.write_text("calm\n", "utf-8")
        bridge.until(lambda _: accepts(bridge, "a damn sea"))
    assert "refused for the blocked word 'damn'" in (tmp_path / "logs" / "Bridge.log").read_text()
    words.write_text("sea\n", "utf-8")
    with running(tmp_path, *own) as bridge:
        bridge.until(lambda state: "blocked here" in state["error"])
        assert bridge.ask("parameters")["prompt"] == "starry night"
