"""Prompts as the tokens that the text encoder was trained on."""

import html
from pathlib import Path
from typing import NamedTuple, Protocol

from tokenizers import Tokenizer

from engine.files.errors import CheckpointError
from engine.system.texts import mended

try:
    from ftfy import fix_text
except ImportError:  # then text that was decoded wrongly, and curly quotes, stay as they are
    fix_text = str

END = "</s>"
CURE = "download the folder google/umt5-xxl of Wan2.1"
NAMED = 40  # characters of a prompt that a sentence about it begins with


class Tokens(NamedTuple):
    """A prompt in the network's vocabulary, its end included; whether the rest was cut off."""

    ids: list[int]
    cut: bool


def clean(text: str) -> str:
    """A prompt as the authors clean it: HTML's escapes resolved, twice; white space single, and
    none at the ends; with ftfy installed, mended too. Case stays. Halves of surrogate pairs go
    first: no tokenizer takes them, and without ftfy nothing else mends them.
    """
    return " ".join(html.unescape(html.unescape(fix_text(mended(text)))).split())


def named(text: str) -> str:
    """A prompt's beginning in quotes, for a sentence about it."""
    return repr(text if len(text) <= NAMED else f"{text[: NAMED - 1]}…")


class Words(Protocol):
    """What the encoder asks: a `Vocabulary`, or what stands in for one."""

    def __call__(self, text: str) -> Tokens:
        """A prompt as tokens, its end included."""
        ...

    def note(self, text: str) -> str:
        """A sentence for the user where not all of a prompt counts, else nothing."""
        ...


class Vocabulary:
    """The tokenizer of a folder: of its tokenizer.json alone, and nothing is downloaded.

    It splits text exactly as that file says. (transformers 5 would build a T5 tokenizer anew from
    the list of words, and leave out how the file normalises text.) `longest` is how many tokens a
    prompt may have, its end included; `words` is how many the network knows.

    CheckpointError where the file is absent, damaged or of another model.
    """

    def __init__(self, folder: str | Path, words: int, longest: int) -> None:
        path = Path(folder) / "tokenizer.json"
        self.longest = longest
        self._tokenizer = _read(path)
        end = self._tokenizer.token_to_id(END)
        if self._tokenizer.get_vocab_size() > words or self._tokenizer.encode("").ids != [end]:
            raise CheckpointError(f"{path} is the tokenizer of another model; {CURE}.")

    def __call__(self, text: str) -> Tokens:
        """The cleaned text as tokens, cut to the longest that the network was trained for."""
        ids: list[int] = self._tokenizer.encode(clean(text)).ids
        cut = len(ids) > self.longest
        return Tokens([*ids[: self.longest - 1], ids[-1]] if cut else ids, cut)

    def note(self, text: str) -> str:
        """A sentence for the user where not all of a prompt counts, else nothing."""
        cut = self(text).cut
        return f"The prompt {named(clean(text))} is cut to {self.longest} tokens." if cut else ""


def _read(path: Path) -> Tokenizer:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror or error}); {CURE}."
        ) from error
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{path} is damaged ({error}); download it again.") from error
    # A file may bring both along; how long a prompt may be is the network's matter.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
