"""Words that no prompt may have (`--blocked-words FILE`): for prompts sent by the public.

A line of the file is one word or phrase. Whole words are compared, without case and accents, in
the English forms that `stylize` reads as the same word, and also disguised: digits or letters that
look alike for letters, a letter three times or more, letters that each stand alone. What is no
disguise is a word inside another one, and a letter that is merely doubled: English is full of both.
"""

import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path

from bridge.state.change import LOOKING, Setter
from engine.catalog.lexicon import WORDS_OF_THEIR_OWN, bases
from engine.system.texts import counted

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at the file
LARGEST = 1 << 20  # bytes of the file
LEAST = 3  # letters of a word that is also found disguised
SPELLED = 4  # letters of a word that is found among other letters that each stand alone
REFUSAL = "This prompt has a word that is blocked here."  # names no word: the public reads it

# Letters that Unicode does not take apart, small capitals
UNMARKED = str.maketrans("øłđıſᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "oldisabcdefghijklmnoprstuvwyz")
# Cyrillic and Greek letters, as in a Latin word
LOOK_ALIKES = str.maketrans("авеёһіїјкмнорсѕтухԁԛԝαβεικνορτυχ", "abeehiijkmhopcstyxdqwabeiknoptyx")
DISGUISES = str.maketrans("03457@$", "oeastas")
ONE = ("i", "l")  # what a 1 may stand for
SYMBOLS = "@$"
WORD, LATIN = re.compile(r"[^\W_]+"), re.compile("[a-z]")
ASCII_WORD, ASCII_LOOSE = re.compile(r"[a-z0-9]+"), re.compile(r"[a-z0-9@$]+")
# Scripts whose words follow each other without a space: Thai to Khmer, kana, Han, and their rest
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
                      "\uf900-\ufaff\U00020000-\U0003ffff]")  # fmt: skip

Phrase = tuple[str, ...]


class BlockedWords:
    """The list as it is on disk, read again when it changes. Any thread may call `refuse`, which
    waits for nothing.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; ValueError with one sentence if that is impossible."""
        self.refused = 0  # prompts, since the start
        self.problem = ""  # why the list in use is not the one on disk, in one sentence
        self._path = path
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._logged = ""
        self._stamp = _stamp(path)
        self._words = _read(path)

    def start(self) -> None:
        """Follow the file from now on."""
        threading.Thread(target=self._follow, name="blocked words", daemon=True).start()

    def stop(self) -> None:
        """Follow the file no longer; never waits."""
        self._stopped.set()

    def refuse(self, name: str, text: str, setter: Setter) -> None:
        """Raise ValueError for a text with a blocked word."""
        found = self._words.found(text)
        if not found:
            return
        if setter == LOOKING:
            raise ValueError(REFUSAL)
        with self._lock:
            self.refused += 1
            known, self._logged = self._logged, text
        if text != known:  # a surface that repeats itself is logged once
            log.warning("%s: %s was refused for the blocked word %r", setter, name, found)
        raise ValueError(REFUSAL)

    def look(self) -> None:
        """Read the file again if it has changed. A file that cannot be used keeps the list."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        try:
            self._words = _read(self._path)
        except ValueError as error:
            problem = f"{str(error).rstrip('.')}; the last list stays in use."
            if problem != self.problem:
                log.warning("%s", problem)
            self.problem = problem
        else:
            log.info("%s has %s", self._path, counted(self._words.number, "blocked word"))
            self.problem = ""
        self._stamp = stamp

    def _follow(self) -> None:
        while not self._stopped.wait(LOOK):
            self.look()


class WordList:
    """Blocked words and phrases, prepared for the search."""

    def __init__(self, lines: Iterable[tuple[str, Phrase]]) -> None:
        """Each line with its words."""
        self._plain: dict[str, list[tuple[Phrase, str]]] = {}
        self._loose: dict[str, list[tuple[Phrase, str]]] = {}
        self._spelled: dict[str, list[tuple[str, str]]] = {}
        self._alone: dict[str, str] = {}
        self._inside: list[tuple[str, str]] = []
        self.number = 0
        for line, phrase in lines:
            self.number += 1
            self._plain.setdefault(phrase[0], []).append((phrase, line))
            joined = "".join(phrase)
            if UNSPACED.search(joined):
                self._inside.append((joined, line))
            if len(joined) < LEAST or not joined.isalpha():
                continue
            self._loose.setdefault(_squashed(phrase[0]), []).append((phrase, line))
            if len(joined) < SPELLED:
                self._alone[joined] = line
            else:
                self._spelled.setdefault(joined[:SPELLED], []).append((joined, line))

    def found(self, text: str) -> str:
        """A line of the list that a text contains; empty if there is none."""
        folded = fold(text)
        plain = _words(folded)
        for number, word in enumerate(plain):
            for reading in _readings(word):
                for phrase, line in self._plain.get(reading, ()):
                    if _equal(plain[number : number + len(phrase)], phrase, str.__eq__):
                        return line
        for joined, line in self._inside:
            if joined in folded:
                return line
        for one in ONE if "1" in folded else ONE[:1]:
            if line := self._disguised(_words(folded, SYMBOLS), one):
                return line
        return ""

    def _disguised(self, words: Sequence[str], one: str) -> str:
        bare = [_undisguised(word, one) for word in words]
        for number, word in enumerate(bare):
            for reading in _readings(word):
                for phrase, line in self._loose.get(_squashed(reading), ()):
                    if _equal(bare[number : number + len(phrase)], phrase, _alike):
                        return line
        for letters in _letters_alone(words):
            run = _undisguised(letters, one)
            for reading in _readings(run):
                if line := self._alone.get(reading, ""):
                    return line
            for place in range(len(run) - SPELLED + 1):
                for joined, line in self._spelled.get(run[place : place + SPELLED], ()):
                    if run.startswith(joined, place):
                        return line
        return ""


def fold(text: str) -> str:
    """A text without case, accents, and characters that show nothing."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text))
    kept = (
        char
        for char in text
        if not "\u0300" <= char <= "\u036f"  # accents of Latin, Greek and Cyrillic letters
        and unicodedata.category(char) != "Cf"  # zero width, soft hyphens
        and not "\ufe00" <= char <= "\ufe0f"  # how the letter before is drawn
    )
    plain = unicodedata.normalize("NFC", "".join(kept)).translate(UNMARKED)
    return WORD.sub(_latin, plain)


def _latin(word: re.Match[str]) -> str:
    """A word with a Latin letter in Latin letters, as far as others look like them."""
    return word[0].translate(LOOK_ALIKES) if LATIN.search(word[0]) else word[0]


@lru_cache(maxsize=1 << 14)  # as many words as a long prompt has, each asked for twice
def _readings(word: str) -> tuple[str, ...]:
    """A word, and what it may be a form of."""
    return (word,) if word in WORDS_OF_THEIR_OWN else (word, *bases(word))


def _equal(words: Sequence[str], phrase: Phrase, alike: Callable[[str, str], bool]) -> bool:
    """Whether words, or what they are forms of, are a phrase."""
    return len(words) == len(phrase) and all(
        any(alike(reading, asked) for reading in _readings(word))
        for word, asked in zip(words, phrase, strict=True)
    )


def read(text: str) -> Iterator[tuple[str, Phrase]]:
    """Each line of a list with its words; ValueError for one without a letter or digit."""
    for number, line in enumerate(text.splitlines(), 1):
        said = re.sub(r"(^|\s)#.*", "", line).strip()
        if not said:
            continue
        if not (words := _words(fold(said))):
            raise ValueError(f"line {number} has no letter or digit")
        yield said, tuple(words)


def _read(path: Path) -> WordList:
    """The list in a file; ValueError with one sentence."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError("it is larger than 1 MB")
        found = WordList(read(data.decode("utf-8-sig")))
        if not found.number:  # also while an editor writes it
            raise ValueError("it has no words")
    except UnicodeDecodeError:
        why = "it is not UTF-8; save it as UTF-8"
    except OSError as error:
        why = error.strerror or str(error)
    except ValueError as error:
        why = str(error)
    else:
        return found
    raise ValueError(f"The list of blocked words {path} cannot be used: {why}.")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _words(folded: str, more: str = "") -> list[str]:
    """The words of a folded text; `more` are characters that belong to a word too."""
    if folded.isascii():
        return (ASCII_LOOSE if more else ASCII_WORD).findall(folded)
    parts = groupby(folded, lambda char: char in more or _of_word(char))
    return ["".join(part) for inside, part in parts if inside]


def _of_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"


def _undisguised(word: str, one: str) -> str:
    """A word with letters for digits; a number stays one."""
    if word.isalpha() or not any(map(str.isalpha, word)):
        return word
    return word.translate(DISGUISES).replace("1", one)


def _squashed(word: str) -> str:
    """A word with each run of a letter as one."""
    return word[:1] + "".join(b for a, b in pairwise(word) if a != b)


def _alike(word: str, blocked: str) -> bool:
    """Whether a word is the blocked one, but for letters that stand three times or more."""
    runs = [[(char, len([*run])) for char, run in groupby(text)] for text in (word, blocked)]
    return len(runs[0]) == len(runs[1]) and all(
        a == b and (many == asked or many >= 3) for (a, many), (b, asked) in zip(*runs, strict=True)
    )


def _letters_alone(words: Sequence[str]) -> Iterator[str]:
    """Each row of characters that stand alone, joined: `n o` and `n.ooo` as `no`."""
    single = [word[0] if len({*word}) == 1 and len(word) != 2 else "" for word in words]
    for inside, part in groupby(single, bool):
        if inside:
            yield "".join(part)
