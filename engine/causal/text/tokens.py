"""Prompts as tokens of the text encoder: cleaned, and cut to its limit."""

import html
from pathlib import Path
from typing import NamedTuple, Protocol

from tokenizers import Tokenizer

from engine.files.errors import CheckpointError
from engine.system.texts import mended

try:
    from ftfy import fix_text
except ImportError:  # then wrongly decoded text and curly quotes stay unchanged
    fix_text = str

END = "</s>"
CURE = "download the folder google/umt5-xxl of Wan2.1"
NAMED = 40  # characters of a prompt shown in a sentence about it


class Tokens(NamedTuple):
    """A prompt in the network's vocabulary, including the end token; and whether it was cut."""

    ids: list[int]
    cut: bool


def clean(text: str) -> str:
    """A prompt cleaned as the authors do: HTML escapes resolved, twice; white space collapsed and
    stripped; repaired by ftfy if installed. Case is kept. Lone surrogates are removed first: no
    tokenizer accepts them, and without ftfy nothing else removes them.
    """
    return " ".join(html.unescape(html.unescape(fix_text(mended(text)))).split())


def named(text: str) -> str:
    """The beginning of a prompt in quotes, for a sentence about it."""
    return repr(text if len(text) <= NAMED else f"{text[: NAMED - 1]}…")


class Words(Protocol):
    """What the encoder needs: a `Vocabulary`, or a replacement."""

    def __call__(self, text: str) -> Tokens:
        """A prompt as tokens, including the end token."""
        ...

    def note(self, text: str) -> str:
        """A sentence for the user if the prompt was cut; else empty."""
        ...


class Vocabulary:
    """The tokenizer in a folder, from its tokenizer.json only; nothing is downloaded.

    It splits text exactly as that file specifies. (transformers 5 would rebuild a T5 tokenizer from
    the vocabulary, and ignore how the file normalises text.) `longest` is the limit of tokens in a
    prompt, including the end token; `words` is the size of the network's vocabulary.

    CheckpointError if the file is missing, damaged or of another model.
    """

    def __init__(self, folder: str | Path, words: int, longest: int) -> None:
        path = Path(folder) / "tokenizer.json"
        self.longest = longest
        self._tokenizer = _read(path)
        end = self._tokenizer.token_to_id(END)
        if self._tokenizer.get_vocab_size() > words or self._tokenizer.encode("").ids != [end]:
            raise CheckpointError(f"{path} is the tokenizer of another model; {CURE}.")

    def __call__(self, text: str) -> Tokens:
        """The cleaned text as tokens, cut to the maximum length that the network was trained on."""
        ids: list[int] = self._tokenizer.encode(clean(text)).ids
        cut = len(ids) > self.longest
        return Tokens([*ids[: self.longest - 1], ids[-1]] if cut else ids, cut)

    def note(self, text: str) -> str:
        """A sentence for the user if the prompt was cut; else empty."""
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
    except Exception as error:  # the library raises nothing more specific
        raise CheckpointError(f"{path} is damaged ({error}); download it again.") from error
    # A file may set both; the length of a prompt depends on the network.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
