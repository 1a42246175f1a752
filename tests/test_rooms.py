"""The rooms of a miniature house, and of ours: arrows, floors, circles, and the drawing.

The contracts of the kind "forbidden" are held by `lint-imports`, which `.ci/run` runs.
"""

from itertools import count
from xml.etree import ElementTree

import pytest

from tests.rooms import report
from tests.rooms.folders import Layers, contracts, folders
from tests.rooms.naming import lines

COTTAGE = {
    "__init__.py": "from cottage import attic\n",
    "attic.py": "from cottage.hall import table\nfrom cottage import cellar\n",
    "hall/__init__.py": '"""cottage.attic stands above."""\n',
    "hall/__main__.py": "from cottage.hall import chair\n",
    "hall/table.py": "from cottage.hall.chair import LEGS\n",
    "hall/chair.py": "from cottage.cellar import WOOD\n\nLEGS = 4\n",
    "cellar.py": 'WOOD = "oak"\nBED = "cottage.attic:Bed"\nFAR = "cottage.fi", "cottages.attic"\n',
    "shed.py": "",
}
ORDER = Layers(
    [["cottage.attic"], ["cottage.hall", "cottage.shed"], ["cottage.cellar"]], [True] * 3
)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Builds the cottage in a folder, with what is planted in it; gives its folders by name."""
    numbers = count()

    def build(orders=(), **planted):
        root = tmp_path / str(next(numbers))
        for name, text in COTTAGE.items():
            path = root / "cottage" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + planted.get(path.stem, ""), encoding="utf-8")
        monkeypatch.syspath_prepend(root)
        modules, found = lines(["cottage"], root)
        return {folder.name: folder for folder in folders("cottage", modules, found, orders)}

    return build


def test_the_rooms_of_a_folder_stand_above_all_that_they_import(house):
    found = house([ORDER])
    assert list(found) == ["cottage", "cottage.hall"]
    cottage = found["cottage"]
    assert cottage.files == {"attic": 1, "cellar": 1, "hall": 4, "shed": 1}
    assert cottage.floors == [["cellar", "shed"], ["hall"], ["attic"]]
    real = {("attic", "hall"), ("attic", "cellar"), ("hall", "cellar")}
    assert set(cottage.arrows) == real | {("cellar", "attic")}, "a row of a register is shown"
    assert found["cottage.hall"].arrows.keys() == {("table", "chair")}
    assert [line for folder in found.values() for line in report.wrong(folder)] == []


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ("import cottage.attic\n", "cottage/cellar.py:4: import cottage.attic"),
        (
            "def light():\n    from cottage import attic\n",
            "cottage/cellar.py:5: from cottage import attic  (in a function)",
        ),
        (
            "if TYPE_CHECKING:\n    from cottage.attic import Bed\n",
            "cottage/cellar.py:5: from cottage.attic import Bed  (for types)",
        ),
        (
            'attic = import_module("cottage.attic")\n',
            'cottage/cellar.py:4: attic = import_module("cottage.attic")  (in a string)',
        ),
        (
            'run([sys.executable, "-m", "cottage.attic"])\n',
            'cottage/cellar.py:4: run([sys.executable, "-m", "cottage.attic"])  (in a string)',
        ),
        ('BED = f"cottage.attic.{BED}"\n', 'cottage/cellar.py:4: BED = f"cottage.attic.{BED}"'),
    ],
)
def test_a_circle_is_named_with_the_lines_that_make_it(house, planted, told):
    cottage = house(cellar=planted)["cottage"]
    wrong = list(report.wrong(cottage))
    assert wrong[0] == "cottage: a circle: attic, cellar, hall"
    assert any(line.startswith("  ! cellar -> attic") and told in line for line in wrong), wrong
    assert any("cottage/attic.py:1: from cottage.hall import table" in line for line in wrong)
    assert cottage.floors == [["cellar", "shed"], ["hall"], ["attic"]], "as without the slip"


def test_a_circle_in_an_inner_folder_is_named(house):
    found = house(chair="from cottage.hall import table\n")
    assert list(report.wrong(found["cottage"])) == []
    assert next(report.wrong(found["cottage.hall"])) == "cottage.hall: a circle: chair, table"


def test_an_arrow_back_up_against_the_layers_is_named_where_it_makes_no_circle(house):
    found = house([ORDER], shed="import cottage.attic\n")["cottage"]
    assert found.circles == []
    assert list(report.wrong(found)) == [
        "cottage: back up: shed -> attic",
        "  ! shed -> attic  cottage/shed.py:1: import cottage.attic",
    ]


def test_those_on_one_floor_may_know_each_other_only_where_the_layers_say_so(house):
    beside = {"shed": "from cottage.hall.table import LEGS\n"}
    assert house([ORDER], **beside)["cottage"].back == [("shed", "hall")]
    assert house([Layers(ORDER.floors, [False] * 3)], **beside)["cottage"].back == []


def test_the_order_is_read_from_the_contracts(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text(
        '[[tool.importlinter.contracts]]\ntype = "forbidden"\n'
        '[[tool.importlinter.contracts]]\ntype = "layers"\ncontainers = ["cottage"]\n'
        'layers = ["attic", "hall : (shed)", "cellar | well"]\n'
        '[[tool.importlinter.contracts]]\ntype = "layers"\nlayers = ["cottage", "garden"]\n'
    )
    cottage, land = contracts(path)
    assert cottage.floors == [
        ["cottage.attic"],
        ["cottage.hall", "cottage.shed"],
        ["cottage.cellar", "cottage.well"],
    ]
    assert cottage.apart == [True, False, True]
    assert land.floors == [["cottage"], ["garden"]]


@pytest.fixture
def village(tmp_path, monkeypatch):
    """A cottage, and a garden that imports from it, as the repository; gives its root."""
    for name, text in COTTAGE.items():
        path = tmp_path / "cottage" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "__init__.py").write_text("")
    (tmp_path / "garden" / "path.py").write_text("from cottage import attic, hall\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.importlinter]\ncontracts = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "PACKAGES", ("garden", "cottage"))
    monkeypatch.setattr(report, "DRAWING", tmp_path / "docs" / "rooms.svg")
    return tmp_path


def test_the_drawing_shows_each_room_and_each_arrow(village, capsys):
    assert report.main([]) == 0
    assert "garden.path -> cottage.attic" in capsys.readouterr().out
    text = (village / "docs" / "rooms.svg").read_text(encoding="utf-8")
    tree = ElementTree.fromstring(text)
    ids = {each.get("id") for each in tree.iter() if each.get("class") == "room"}
    assert ids == {
        "garden-path",
        *(f"cottage-{name}" for name in ("attic", "hall", "cellar", "shed")),
    }
    assert "garden.path → cottage.attic, cottage.hall" in text
    tips = [path for path in tree.iter() if path.get("marker-end")]
    assert len(tips) == 4, "two of the three downwards flow together, and the register's goes up"
    assert report.main([]) == 0
    assert (village / "docs" / "rooms.svg").read_text(encoding="utf-8") == text


def test_the_check_fails_for_an_old_drawing_and_for_a_circle(village, capsys):
    assert report.main(["--check"]) == 1
    assert "docs/rooms.svg is an old one" in capsys.readouterr().out
    report.main([])
    capsys.readouterr()
    assert report.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
    with (village / "cottage" / "cellar.py").open("a") as cellar:
        cellar.write("import cottage.attic\n")
    report.main([])
    assert 'class="arrow bad' in (village / "docs" / "rooms.svg").read_text(encoding="utf-8")
    capsys.readouterr()
    assert report.main(["--check"]) == 1, "freshly drawn, and yet a circle"
    assert "cottage: a circle: attic, cellar, hall" in capsys.readouterr().out


def test_the_packages_have_no_circle_and_stand_as_drawn(capsys):
    assert report.main(["--check"]) == 0, capsys.readouterr().out
