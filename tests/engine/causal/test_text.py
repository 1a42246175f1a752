"""Text equals the authors' encoder, and no prompt delays a block."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from engine.causal.lanes import Inline, Passed, Point
from engine.causal.text import prompts
from engine.causal.text.blending import between, blend
from engine.causal.text.encoder import UMT5_XXL, TextEncoder, TextSize, load_text_encoder
from engine.causal.text.prompts import Pace, Prompts, PromptTransition, Shown, Wish
from engine.causal.text.tokens import Vocabulary, clean
from engine.files.errors import CheckpointError
from tests.support.golden import TOLERANCE, Fixture, transition

FP8 = torch.float8_e4m3fn
WORDS = ("a", "red", "fox", "runs", "Fox", "fi")


@pytest.fixture(scope="module")
def golden() -> Fixture:
    return Fixture("umt5_tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of a few words and of letters, as google/umt5-xxl is built."""
    return saved(tokenizer(), tmp_path_factory.mktemp("tokenizer"))


def tokenizer(words: tuple[str, ...] = WORDS, end: bool = True) -> Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    vocabulary += [(f"▁{word}", -1.0) for word in words] + [(letter, -5.0) for letter in letters]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    if end:
        made.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
    return made


def saved(made: Tokenizer, folder: Path) -> Path:
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def tiny(golden: Fixture) -> TextSize:
    model = golden.config["model"]
    return TextSize(
        name="tiny UMT5",
        vocabulary=model["vocab"],
        width=model["dim"],
        inner=model["dim_attn"],
        ffn=model["dim_ffn"],
        heads=model["num_heads"],
        layers=model["num_layers"],
        buckets=model["num_buckets"],
        farthest=model["max_distance"],
        tokens=golden["in.ids"].shape[1],
    )


def load(
    golden: Fixture,
    folder: Path,
    tensors: dict[str, Tensor] | None = None,
    dtype: Any = torch.float32,
    device: str = "cpu",
    **options: Any,
) -> TextEncoder:
    tensors = golden.weights() if tensors is None else tensors
    return load_text_encoder(tensors, folder, dtype, device, size=tiny(golden), **options)


@pytest.mark.parametrize("row", range(3))
def test_an_embedding_equals_the_authors(golden: Fixture, folder: Path, row: int) -> None:
    encoder = load(golden, folder)
    count = golden.config["valid_tokens"][row]
    found = encoder.embed(golden["in.ids"][row, :count].tolist())
    assert found.shape == (1, 24, 64)
    assert difference(found[0], golden["out.embeddings"][row]) < TOLERANCE
    assert not found[0, count:].any()


def padded(encoder: TextEncoder, golden: Fixture, mask: Any) -> Tensor:
    """All tokens of the file at once, padding among them, as the authors run it."""
    return encoder.model(input_ids=golden["in.ids"], attention_mask=mask).last_hidden_state


def test_a_prompt_alone_equals_it_padded_and_masked(golden: Fixture, folder: Path) -> None:
    hidden = padded(load(golden, folder), golden, golden["in.mask"])
    zeroed = hidden * golden["in.mask"][..., None]
    assert difference(zeroed, golden["out.embeddings"]) < TOLERANCE
    # wrong: the rows of the padding as they come
    assert difference(hidden, golden["out.embeddings"]) > 0.1


def test_an_encoder_that_sees_the_padding_is_noticed(golden: Fixture, folder: Path) -> None:
    hidden = padded(load(golden, folder), golden, None) * golden["in.mask"][..., None]
    assert difference(hidden, golden["out.embeddings"]) > 0.1


def test_one_bias_for_all_layers_is_noticed(golden: Fixture, folder: Path) -> None:
    tensors, name = golden.weights(), "blocks.{}.pos_embedding.embedding.weight"
    tensors |= {name.format(layer): tensors[name.format(0)] for layer in (1, 2)}
    found = load(golden, folder, tensors).embed(golden["in.ids"][0, :9].tolist())
    assert difference(found[0], golden["out.embeddings"][0]) > 0.1


def in_fp8(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices of the layers in fp8, without scales; the rest as it is."""
    return {
        name: tensor.to(FP8) if ".attn." in name or ".ffn." in name else tensor
        for name, tensor in tensors.items()
    }


def test_a_file_in_fp8_stays_so_and_is_near_the_other(golden: Fixture, folder: Path) -> None:
    ids = golden["in.ids"][1].tolist()
    small = in_fp8(golden.weights())
    found = load(golden, folder, small, torch.bfloat16)
    kept = {parameter.dtype for parameter in found.model.encoder.block.parameters()}
    assert kept == {FP8, torch.bfloat16}
    cast = {name: tensor.to(torch.bfloat16) for name, tensor in small.items()}
    whole = load(golden, folder, cast, torch.bfloat16)
    assert torch.equal(found.embed(ids), whole.embed(ids))
    right, wrong = golden["out.embeddings"][1].flatten(), golden["out.embeddings"][0].flatten()
    near = [
        torch.cosine_similarity(found.embed(ids).float().flatten(), o, 0) for o in (right, wrong)
    ]
    assert near[0] > 0.9
    assert near[1] < 0.5


def test_a_table_of_words_in_fp8_is_read_too(golden: Fixture, folder: Path) -> None:
    tensors = {name: tensor.to(FP8) for name, tensor in golden.weights().items()}
    assert load(golden, folder, tensors, torch.bfloat16)("a red fox").isfinite().all()


@pytest.mark.parametrize("small", [False, True])
def test_offloaded_layers_are_lent_to_the_device(
    golden: Fixture, folder: Path, small: bool
) -> None:
    # `meta` stands for a device: an operand that stayed behind on the CPU is an error there too
    tensors = in_fp8(golden.weights()) if small else golden.weights()
    encoder = load(golden, folder, tensors, torch.bfloat16, "meta", offload=True)
    assert {parameter.device.type for parameter in encoder.model.encoder.block.parameters()} == {
        "cpu"
    }
    found = encoder("a red fox")
    assert (found.device.type, found.dtype, found.shape) == ("meta", torch.bfloat16, (1, 24, 64))


def test_offloaded_to_the_cpu_is_the_cpu(golden: Fixture, folder: Path) -> None:
    one, other = load(golden, folder), load(golden, folder, offload=True)
    assert torch.equal(one("a red fox"), other("a red fox"))


NORM, QUERY = "blocks.1.norm1.weight", "blocks.2.attn.q.weight"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({NORM: None}, "blocks.1.norm1.weight is missing; choose"),
        ({"spiece_model": torch.zeros(2)}, "spiece_model is unexpected; choose"),
        ({QUERY: torch.zeros(8, 4)}, r"blocks.2.attn.q.weight is \(8, 4\), expected \(64, 64\)"),
        ({NORM: None, QUERY: None, "x": torch.zeros(1), "y": torch.zeros(1)}, "and 1 more; choose"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_its_names(
    golden: Fixture, folder: Path, changes: dict[str, Any], told: str
) -> None:
    tensors = {k: t for k, t in (golden.weights() | changes).items() if t is not None}
    with pytest.raises(CheckpointError, match=rf"^enc.pth does not fit the tiny UMT5 .*{told}"):
        load(golden, folder, tensors, source="enc.pth")


def test_a_file_under_transformers_names_is_the_same_encoder(golden: Fixture, folder: Path) -> None:
    state = load(golden, folder).model.state_dict()
    for tensors in (state, {k: t for k, t in state.items() if "embed_tokens" not in k}):
        again = load(golden, folder, dict(tensors))
        assert torch.equal(again("a red fox"), load(golden, folder)("a red fox"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"scaled_fp8": torch.zeros(2)}, "fp8 with scales, which is not supported; use"),
        ({"blocks.0.attn.q.scale_weight": torch.ones(1)}, "fp8 with scales"),
        ({QUERY: torch.zeros(64, 64, dtype=torch.int8)}, "integers .int8., which is not supported"),
    ],
)
def test_an_encoder_that_is_packed_otherwise_is_told_by_its_name(
    golden: Fixture, folder: Path, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"^enc.pth is .*{told}"):
        load(golden, folder, golden.weights() | more, source="enc.pth")


def test_the_xxl_has_the_sizes_of_its_published_files() -> None:
    size = UMT5_XXL
    layer = 4 * size.width * size.inner + 3 * size.width * size.ffn
    assert size.layers * layer == pytest.approx(4.63e9, rel=1e-3)  # linear weights
    assert size.tokens == 512


def test_text_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer.json cannot be read .*google/umt5-xxl"):
        Vocabulary(tmp_path / "nowhere", 200, 24)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(CheckpointError, match="is damaged"):
        Vocabulary(tmp_path, 200, 24)
    for other in (tokenizer(end=False), tokenizer(tuple(f"w{n}" for n in range(200)))):
        with pytest.raises(CheckpointError, match="of another model"):
            Vocabulary(saved(other, tmp_path), 200, 24)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  a\t red\n\n fox ", "a red fox"),
        ("a&nbsp;red\u3000fox", "a red fox"),
        ("cats &amp;amp; dogs", "cats & dogs"),
        ("<i>&amp;amp;amp;", "<i>&amp;"),  # twice, not for ever
        ("&lt;b&gt;", "<b>"),
        ("Ein roter Fuchs, läuft. 狐", "Ein roter Fuchs, läuft. 狐"),
        (" \n ", ""),
    ],
)
def test_prompts_are_cleaned_as_the_authors_do(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_half_an_emoji_is_no_token_with_ftfy_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        assert clean("a \ud83d  fox \ud83e\udd8a") == "a \ufffd fox 🦊"
        monkeypatch.setattr("engine.causal.text.tokens.fix_text", str)  # as where ftfy is not


def test_text_that_was_decoded_wrongly_is_mended_where_ftfy_is() -> None:
    pytest.importorskip("ftfy")
    assert clean("cafÃ© “noir”") == 'café "noir"'


def test_tokens_are_those_of_the_file(folder: Path) -> None:
    vocabulary = Vocabulary(folder, 200, 24)
    assert vocabulary("a red ﬁ").ids == [4, 5, 9, 1]  # the ligature by the file's normaliser
    assert vocabulary("Fox") != vocabulary("fox")
    assert vocabulary("").ids == [1]


def test_a_long_prompt_is_cut_with_a_note(tmp_path: Path) -> None:
    made = tokenizer()
    made.enable_truncation(5)  # what the file says of lengths is not heard
    made.enable_padding(length=30)
    vocabulary = Vocabulary(saved(made, tmp_path), 200, 24)
    fits, long = " ".join(["a"] * 23), " ".join(["fox"] * 24)
    assert vocabulary(fits) == ([4] * 23 + [1], False)
    assert vocabulary(long) == ([6] * 23 + [1], True)
    assert vocabulary.note(fits) == ""
    shown = "fox fox fox fox fox fox fox fox fox fox"
    assert vocabulary.note(long) == f"The prompt '{shown}…' is cut to 24 tokens."


def test_the_empty_prompt_has_an_embedding(golden: Fixture, folder: Path) -> None:
    found = load(golden, folder)("  ")
    assert found[0, 0].any()
    assert not found[0, 1:].any()


class Encoder:
    """What a text is encoded to is known beforehand; `calls` is what was asked for. While it is
    `held` it comes to no end, so that a test in which something waits for it never ends.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.begun, self.go = Event(), Event()
        self.go.set()
        self.error: Exception | None = None

    def __call__(self, text: str) -> Tensor:
        self.calls.append(text)
        self.begun.set()
        assert self.go.wait(20)
        if self.error:
            raise self.error
        return embedding(text)

    def hold(self) -> None:
        self.begun.clear()
        self.go.clear()


def embedding(text: str) -> Tensor:
    made = torch.zeros(1, 8, 16)
    seed = torch.Generator().manual_seed(sum(map(ord, text)))
    made[:, : 3 + len(text) % 4] = torch.randn(1, 3 + len(text) % 4, 16, generator=seed)
    return made


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def asked(encoder: Encoder) -> Iterator[Prompts]:
    made = Prompts(encoder, lambda text: f"{text} is long." if len(text) > 9 else "")
    yield made
    encoder.go.set()
    made.close()


def arrived(asked: Prompts, time: float = 0.0) -> Shown:
    """The first block in which all that is wished is known."""
    for _ in range(5000):
        shown = asked.now(time)
        if not asked.arriving:
            return shown
        sleep(0.001)
    raise AssertionError("it never arrived")


def prepared(asked: Prompts, texts: Wish) -> None:
    """Wait until these are encoded."""
    for _ in range(5000):
        if not asked.prepare(texts):
            return
        sleep(0.001)
    raise AssertionError("they never were")


def same(shown: Shown, wanted: Tensor) -> bool:
    assert shown.embedding is not None
    assert shown.embedding.dtype == torch.float32
    return torch.equal(shown.embedding, wanted)


def test_there_is_nothing_before_the_first_prompt_is_known(
    asked: Prompts, encoder: Encoder
) -> None:
    assert asked.now() == (None, False)
    encoder.hold()
    asked.wish([("fox", 1)], fade=5)
    assert asked.now() == (None, False)
    assert asked.arriving == 1
    encoder.go.set()
    shown = arrived(asked)
    assert shown.changed
    assert same(shown, embedding("fox"))  # the first comes at once, whatever the fade
    assert asked.now() == (shown.embedding, False)


def test_no_block_waits_and_the_old_prompt_stays_until_the_new_is_there(
    asked: Prompts, encoder: Encoder
) -> None:
    asked.wish([("fox", 1)])
    old = arrived(asked).embedding
    encoder.hold()
    for block in range(100):
        asked.wish([("fox", 1), (f"p{block}", 1)])
        assert asked.now() == (old, False)
    assert asked.arriving
    encoder.go.set()
    assert same(arrived(asked), blend([embedding("fox"), embedding("p99")], [1, 1], "linear"))


def test_the_latest_wish_wins(asked: Prompts, encoder: Encoder) -> None:
    encoder.hold()
    asked.wish([("one", 1)])
    assert encoder.begun.wait(20)
    for text in ("two", "three", "four"):
        asked.wish([(text, 1)])
        asked.now()
    encoder.go.set()
    assert same(arrived(asked), embedding("four"))
    assert encoder.calls == ["one", "four"]


def test_a_known_prompt_is_there_in_the_next_block_without_the_encoder(
    asked: Prompts, encoder: Encoder
) -> None:
    for text in ("one", "two"):
        asked.wish([(text, 1)])
        arrived(asked)
    encoder.hold()
    for written in ("one", " two ", "one\n"):
        asked.wish([(written, 1)])
        shown = asked.now()
        assert shown.changed
        assert same(shown, embedding(clean(written)))
    assert encoder.calls == ["one", "two"]


def test_the_least_recently_wished_is_forgotten(
    asked: Prompts, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "KEPT", 2)
    for text in ("one", "two", "one", "three", "one", "two"):
        asked.wish([(text, 1)])
        arrived(asked)
    assert encoder.calls == ["one", "two", "three", "two"]


def test_a_prompt_of_weight_0_is_encoded_ahead_after_the_others(
    asked: Prompts, encoder: Encoder
) -> None:
    encoder.hold()
    asked.wish([("later", 0), ("fox", 1), ("", 1)])
    assert asked.arriving == 1
    encoder.go.set()
    assert same(arrived(asked), embedding("fox"))
    asked.wish([("later", 1), ("fox", 0), ("", 1)])
    assert same(arrived(asked), embedding("later"))
    assert encoder.calls == ["fox", "later"]


def test_texts_of_a_later_look_are_encoded_beside_and_known_in_its_first_block(
    asked: Prompts, encoder: Encoder
) -> None:
    asked.wish([("fox", 1)])
    arrived(asked)
    later = [("sea", 1), ("ice", 0)]
    encoder.hold()
    assert asked.prepare(later) == 1, "what has no weight is not needed"
    assert same(asked.now(), embedding("fox"))
    assert not asked.arriving
    encoder.go.set()
    prepared(asked, later)
    encoder.hold()
    asked.wish(later)
    assert same(asked.now(), embedding("sea"))
    encoder.error = ValueError("broken")
    encoder.go.set()
    with pytest.raises(ValueError, match=r"The prompt 'odd' could not be encoded \(broken\)"):
        prepared(asked, [("odd", 1)])


def test_weights_that_mean_the_same_change_nothing(asked: Prompts) -> None:
    texts = ("red", "green", "blue")
    asked.wish([(text, 0) for text in texts])
    shown = arrived(asked)
    assert same(shown, blend([embedding(text) for text in texts], [1, 1, 1], "linear"))
    for weight in (1, 2):
        asked.wish([(text, weight) for text in texts])
        assert asked.now() == (shown.embedding, False)
    asked.wish([("red", 3), ("green", 1), ("blue", 0)])
    assert same(asked.now(), blend([embedding("red"), embedding("green")], [3, 1], "linear"))


def test_only_two_are_mixed_along_the_arc(asked: Prompts) -> None:
    two, three = ("red", "green"), ("red", "green", "blue")
    asked.wish([(text, 1) for text in three], "slerp")
    assert same(arrived(asked), blend([embedding(text) for text in three], [1, 1, 1], "linear"))
    asked.wish([(text, 1) for text in two], "slerp")
    assert same(arrived(asked), blend([embedding(text) for text in two], [1, 1], "slerp"))


def test_no_text_at_all_is_the_empty_prompt(asked: Prompts, encoder: Encoder) -> None:
    asked.wish([(" ", 1), ("", 0)])
    assert same(arrived(asked), embedding(""))
    asked.wish([])
    assert not asked.now().changed
    assert len(encoder.calls) == 1


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_a_fade_takes_its_time_and_arrives_exactly(asked: Prompts, method: Any) -> None:
    source, target = embedding("old"), embedding("new one")
    asked.wish([("old", 1)])
    arrived(asked)
    asked.wish([("new one", 1)], method, fade=2.0)
    shown = arrived(asked, 10.0)
    assert same(shown, source)
    assert not shown.changed
    assert asked.fade_left(10.0) == 2.0
    for time, part in ((10.5, 0.25), (11.9, 0.95)):
        shown = asked.now(time)
        assert shown.changed
        assert same(shown, between(source, target, (time - 10.0) / 2.0, method))
        assert asked.fade_left(time) == pytest.approx(2 * (1 - part))
    assert same(asked.now(12.0), target)
    assert not asked.now(12.5).changed
    assert asked.fade_left(12.5) == 0


def test_a_change_midway_begins_where_the_fade_has_come_to(asked: Prompts) -> None:
    one, two, three = map(embedding, ("one", "two", "three"))
    for text in ("three", "two", "one"):
        asked.wish([(text, 1)])
        arrived(asked)
    asked.wish([("two", 1)], fade=4)
    asked.now(0.0)
    asked.now(1.0)
    asked.wish([("three", 1)], fade=1)
    here = torch.lerp(one, two, 0.5)
    assert same(asked.now(2.0), here)
    assert same(asked.now(2.25), torch.lerp(here, three, 0.25))
    asked.wish([("two", 1)], fade=0)
    assert same(asked.now(2.5), two)


def test_a_fader_that_moves_in_every_block_is_followed(asked: Prompts) -> None:
    low, high = embedding("low"), embedding("high")
    asked.wish([("low", 1), ("high", 0)])
    arrived(asked)
    asked.wish([("high", 1)])
    arrived(asked)
    asked.wish([("low", 1), ("high", 0)])
    asked.now(0.0)
    for block in range(1, 101):
        asked.wish([("low", 1), ("high", block)], fade=1.0)
        shown = asked.now(block * 0.1)
    assert shown.embedding is not None
    assert (shown.embedding - high).norm() < 0.1 * (low - high).norm()


@pytest.mark.parametrize("count", [0, 1, 2, 4, 10])
def test_a_fade_in_blocks_is_the_transition(asked: Prompts, count: int) -> None:
    asked.wish([("old", 1)])
    arrived(asked)
    asked.wish([("new one", 1)], fade=60, blocks=count)
    steps = transition(embedding("old"), embedding("new one"), count, "linear")
    for place, step in enumerate(steps):
        assert same(arrived(asked), step)
        assert asked.fade_left() == len(steps) - 1 - place
    assert not asked.now().changed


@pytest.mark.parametrize("blocks", [None, 30])
def test_a_change_that_is_too_small_to_see_ends_with_its_first_block(blocks: int | None) -> None:
    near = embedding("one") + 1e-4
    asked = Prompts(lambda text: near if text == "near" else embedding(text))
    for text in ("one", "near"):
        asked.wish([(text, 1)], fade=60, blocks=blocks)
        shown = arrived(asked)
    assert same(shown, embedding("one"))
    assert same(asked.now(), near)
    assert asked.fade_left() == 0
    assert not asked.now().changed
    asked.close()


def test_a_prompt_that_fails_leaves_the_old_and_is_tried_again(
    asked: Prompts, encoder: Encoder
) -> None:
    asked.wish([("old", 1)])
    old = arrived(asked).embedding
    encoder.error = RuntimeError("CUDA out of memory.\nTried to allocate")
    asked.wish([("new", 1)])
    assert arrived(asked) == (old, False)
    told = "The prompt 'new' could not be encoded (CUDA out of memory.); the previous prompt stays."
    assert asked.problems == [told]
    asked.wish([("new", 2)])
    arrived(asked)
    assert encoder.calls == ["old", "new"]
    encoder.error = None
    asked.wish([("old", 1)])
    assert asked.problems == []
    asked.wish([("new", 1)])
    assert same(arrived(asked), embedding("new"))


def test_a_mistake_in_the_encoder_surfaces(asked: Prompts, encoder: Encoder) -> None:
    encoder.error = AttributeError("of ours")
    asked.wish([("new", 1)])
    with pytest.raises(AttributeError, match="of ours"):
        arrived(asked)


def test_what_is_noted_of_a_prompt_is_told_while_it_is_wished(asked: Prompts) -> None:
    asked.wish([("far too long", 1), ("short", 1)])
    arrived(asked)
    assert asked.problems == ["far too long is long."]
    asked.wish([("short", 1)])
    assert asked.problems == []


def test_prompts_of_a_real_encoder(golden: Fixture, folder: Path) -> None:
    made = load(golden, folder, dtype=torch.bfloat16)
    asked = Prompts(made, made.note)
    asked.wish([("a red fox &amp; " * 9, 1)])
    shown = arrived(asked)
    assert same(shown, made("a red fox & " * 9).float())
    assert len(asked.problems) == 1
    asked.close()


class Beside(Inline):
    """A lane that writes down what is done in it, and what waits for it."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @contextmanager
    def queued(self) -> Generator[None]:
        self.log.append("in")
        try:
            yield
        finally:
            self.log.append("out")

    def point(self) -> "Beside.End":
        self.log.append("end")
        return Beside.End(self.log)

    class End(Passed):
        def __init__(self, log: list[str]) -> None:
            self._log = log

        def wait(self) -> None:
            raise AssertionError("the frames do not wait on the host")

        def precede(self, result: Tensor) -> None:
            self._log.append(f"precede {result.shape[1]}")


class OnDevice(Tensor):
    """A tensor whose value the host may not read, as reading it would wait for the device."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.__name__ not in ("item", "__float__", "__bool__", "tolist", "cpu", "numpy")
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_a_fade_reads_nothing_back_but_its_size_and_that_one_block_later(method: Any) -> None:
    """The stand-ins prove the order, not that anything is faster."""

    class Measures(Beside):
        def follow(self) -> None:
            self.log.append("follow")

        def point(self) -> Point:
            return Noted(self.log)

    class Noted(Passed):
        def __init__(self, log: list[str]) -> None:
            self._log = log

        def wait(self) -> None:
            self._log.append("wait")

    lane = Measures()
    one, two = (embedding(text).as_subclass(OnDevice) for text in ("one", "two words"))
    way = PromptTransition(lane)
    for target in (one, two):
        way.begin(target, 0.0, Pace(method, 2.0, None))
    assert lane.log == ["follow", "in", "out"]
    lane.log.clear()
    for time, log in ((0.0, []), (0.5, ["wait"]), (1.0, [])):
        way.at(time)
        assert lane.log == log
        lane.log.clear()
    way.begin(one, 1.5, Pace(method, 0.0, None))
    assert not lane.log, "what comes at once is not measured"


def test_prompts_are_encoded_in_their_lane_and_blocks_that_use_them_come_after(
    encoder: Encoder,
) -> None:
    """The stand-in proves the order in which things are queued, not that anything is faster."""
    lane = Beside()

    def encode(text: str) -> Tensor:
        lane.log.append(text)
        return encoder(text)

    asked = Prompts(encode, lane=lane)
    asked.wish([("fox", 1)])
    assert same(arrived(asked), embedding("fox"))
    assert lane.log == ["in", "fox", "out", "end", "precede 6"]
    lane.log.clear()
    asked.now()
    assert not lane.log, "what is shown already needs no waiting"
    asked.wish([("fox", 1), ("deer", 1)])
    arrived(asked)
    assert lane.log == ["in", "deer", "out", "end", "precede 6", "precede 3"]
    lane.log.clear()
    encoder.error = RuntimeError("CUDA error")
    asked.wish([("bad", 1)])
    arrived(asked)
    assert lane.log == ["in", "bad", "out"]
    assert "CUDA error" in asked.problems[0]
    encoder.error = None
    lane.log.clear()
    asked.wish([("fox", 1)])
    asked.now()
    assert lane.log == ["precede 6"], "a text that is known"
    asked.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("offload", [False, True])
@pytest.mark.parametrize("small", [False, True])
def test_a_gpu_gives_what_the_cpu_gives(
    golden: Fixture, folder: Path, offload: bool, small: bool
) -> None:
    tensors = in_fp8(golden.weights()) if small else golden.weights()
    near = load(golden, folder, tensors)
    far = load(golden, folder, tensors, device="cuda", offload=offload)
    asked = Prompts(far)
    for text in ("a red fox", "", "runs " * 30):
        asked.wish([(text, 1)])
        shown = arrived(asked)
        assert shown.embedding is not None
        assert shown.embedding.is_cuda
        assert difference(shown.embedding.cpu(), near(text)) < 10 * TOLERANCE
    asked.close()


def difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())
