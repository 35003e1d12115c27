"""`kerbwatch data check`: what it counts, what it finds, what it says."""

from __future__ import annotations

import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from rich.console import Console
from typer.testing import CliRunner

from cv.data.check import check_data
from cv.data.check_tables import check_tables
from cv.data.commands import app
from cv.data.reading import Kind
from cv.data.report import write_report
from cv.data.suspicious import Doubt
from cv.errors import ModelError, UserError
from tests.data.exports import photo, yolo

MakeSource = Callable[..., Path]


@pytest.fixture
def root(make_source: MakeSource) -> Path:
    """Two sources of photos that look different, all in order."""
    for source in ("gate", "yard"):
        rows = [(f"{source}{n}", f"g{n}", ["car"], ["8 0.5 0.5 0.5 0.5"]) for n in range(6)]
        root = make_source(source, rows)
        for n in range(6):
            seed = n + (100 if source == "yard" else 0)
            photo(root / source / "images" / f"{source}{n}.png", seed=seed)
    return root


def kinds(root: Path) -> Counter[Kind]:
    return Counter(finding.kind for finding in check_data(root).findings)


def test_data_in_order_has_nothing_wrong(root: Path) -> None:
    checked = check_data(root)
    assert checked.findings == checked.suspicious == ()
    assert checked.usable
    assert [(row.source, row.photos, row.groups) for row in checked.sources] == [
        ("gate", 6, 6),
        ("yard", 6, 6),
    ]
    assert checked.sources[0].complete == {"car": 6}
    car = next(row for row in checked.labels if row.label == "car")
    assert (car.boxes, car.photos, car.share) == (12, 12, 1.0)
    # Half of 640 x 320, each side of the box: 320 x 160 pixels.
    assert car.sizes == pytest.approx((226.3, 226.3, 226.3))
    assert 0 < car.held_out < 12


def test_everything_wrong_is_found_at_once(root: Path) -> None:
    (root / "gate/images/gate0.png").unlink()
    (root / "gate/images/gate1.png").write_bytes(b"no picture")
    (root / "gate/images/gate2.png").write_bytes(b"")
    (root / "gate/labels/gate3.txt").write_text("8 0.5 0.5 0.1 0.1\n99 0.5 0.5 0.1 0.1\n")
    (root / "gate/labels/stray.txt").write_text("")
    photo(root / "gate/images/new.png")
    with (root / "yard/images.jsonl").open("a") as listing:
        listing.write('{"image": "yard0.jpg", "group": "g", "complete": []}\n{\n')
    assert kinds(root) == {
        Kind.MISSING: 1,
        Kind.UNREADABLE: 2,
        Kind.BAD_LINE: 2,
        Kind.STRAY: 1,
        Kind.NOT_LISTED: 1,
        Kind.SHARED: 1,
    }
    where = {finding.where for finding in check_data(root).findings}
    assert {"gate/labels/gate3.txt:2", "yard/images.jsonl:8", "gate/images.jsonl:1"} <= where
    assert not check_data(root).usable


@pytest.mark.parametrize(
    ("group", "complete", "said"),
    [("one", ["car"], "no photo is held out"), ("g{n}", [], "every instance is boxed")],
)
def test_what_fit_would_refuse_is_found_before(
    make_source: MakeSource, group: str, complete: list[str], said: str
) -> None:
    rows = [(f"p{n}", group.format(n=n), complete, ["8 0.5 0.5 0.5 0.5"]) for n in range(6)]
    root = make_source("mine", rows)
    for n in range(6):
        photo(root / "mine" / "images" / f"p{n}.png", seed=n)
    checked = check_data(root)
    (finding,) = checked.findings
    assert finding.kind is Kind.UNSCORED
    assert said in finding.message
    assert not checked.usable


@pytest.mark.parametrize(
    ("part", "kind", "said"),
    [
        ("t", Kind.UNSCORED, "or `split` in images.jsonl says that all train"),
        ("h", Kind.UNTRAINED, "`split` in images.jsonl holds out all of them"),
    ],
)
def test_a_split_that_leaves_one_side_empty_is_said(
    root: Path, part: str, kind: Kind, said: str
) -> None:
    fix_split(root, 6 * part)
    checked = check_data(root)
    (finding,) = checked.findings
    assert finding.kind is kind
    assert said in finding.message
    assert not checked.usable


def test_strays_alone_break_nothing(root: Path) -> None:
    (root / "gate/labels/stray.txt").write_text("")
    assert kinds(root) == {Kind.STRAY: 1}
    assert check_data(root).usable


def test_a_missing_label_file_breaks_only_what_would_be_taught_as_empty(root: Path) -> None:
    (root / "gate/labels/gate0.txt").unlink()
    (root / "yard/labels/yard0.txt").unlink()
    listing = root / "yard/images.jsonl"
    listing.write_text(listing.read_text().replace('"complete": ["car"]', '"complete": []', 1))
    found = {finding.where: finding for finding in check_data(root).findings}
    assert found["gate/images.jsonl:1"].kind is Kind.UNLABELLED
    assert "make an empty one if there is nothing" in found["gate/images.jsonl:1"].message
    assert not check_data(root).usable
    (root / "gate/labels/gate0.txt").touch()
    assert kinds(root) == {Kind.BARE: 1}
    assert check_data(root).usable


def test_photos_that_training_would_drop_are_found(root: Path) -> None:
    photo(root / "gate/images/gate0.png", width=6, height=6)
    Pillow.new("RGB", (64, 48)).save(root / "gate/images/gate1.png", "GIF")
    findings = [f for f in check_data(root).findings if f.kind is Kind.UNTAUGHT]
    assert [f.where for f in findings] == ["gate/images.jsonl:1", "gate/images.jsonl:2"]
    assert not check_data(root).usable


def fix_split(root: Path, parts: str) -> None:
    """Write into gate's listing which photos train (t) and which are held out (h)."""
    for source in ("gate", "yard"):
        listing = root / source / "images.jsonl"
        rows = [json.loads(line) for line in listing.read_text().splitlines()]
        for row, part in zip(rows, parts, strict=True):
            row["split"] = "train" if part == "t" else "held_out"
        listing.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_copy_is_a_leak_only_across_the_split(root: Path) -> None:
    photo(root / "gate/images/gate1.png", seed=0)
    fix_split(root, "tttthh")
    assert kinds(root) == {Kind.SAME: 1}
    fix_split(root, "thtthh")
    assert kinds(root) == {Kind.SAME: 1, Kind.LEAK: 1}
    (leak,) = (f for f in check_data(root).findings if f.kind is Kind.LEAK)
    assert leak.where == "gate/gate0.png"
    assert "gate/gate1.png" in leak.message
    photo(root / "gate/images/gate1.png", seed=0, width=300, height=150)
    assert kinds(root) == {Kind.LEAK: 1}


@pytest.mark.parametrize(
    ("lines", "doubts"),
    [
        (["8 0.5 0.5 0.006 0.5"], {Doubt.TINY}),
        (["8 0.5 0.5 0.0064 0.0127"], set()),
        (["8 0.5 0.5 0.99 0.99"], {Doubt.HUGE}),
        (["8 0.9 0.5 0.4 0.5"], {Doubt.OFF_IMAGE}),
        (["8 0.5 0.5 0.9 0.1"], {Doubt.LONG}),
        (["8 0.5 0.5 0.3 0.3", "8 0.5 0.5 0.29 0.3"], {Doubt.TWIN}),
        (["8 0.5 0.5 0.3 0.3", "9 0.5 0.5 0.29 0.3"], set()),
        (["8 0.5 0.5 0.3 0.3", "8 0.6 0.5 0.3 0.3"], set()),
    ],
)
def test_each_kind_of_odd_box_is_pointed_out_and_can_still_be_used(
    root: Path, lines: list[str], doubts: set[Doubt]
) -> None:
    (root / "gate/labels/gate0.txt").write_text("\n".join(lines))
    checked = check_data(root)
    assert {item.doubt for item in checked.suspicious} == doubts
    assert checked.usable


def test_a_folder_without_sources_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no source there"):
        check_data(tmp_path)


def make_it_wrong(root: Path) -> None:
    (root / "gate/images/gate0.png").unlink()
    (root / "gate/labels/gate1.txt").write_text("8 0.5 0.5 0.99 0.99\n")


def test_tables_fit_eighty_columns(root: Path) -> None:
    make_it_wrong(root)
    console = Console(width=80, record=True, file=io.StringIO())
    for table in check_tables(check_data(root)):
        console.print(table)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    for said in ("missing photo", "huge", "car 5", "sizes, px at 640"):
        assert said in text


class Page(HTMLParser):
    """What a page shows and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_is_one_file_with_its_pictures_inside(root: Path, tmp_path: Path) -> None:
    make_it_wrong(root)
    (root / "yard").rename(root / "<script>yard")
    file = tmp_path / "report.html"
    write_report(check_data(root), file)
    page = Page(file.read_text())
    assert page.tags["img"] == 11 + 1  # all photos, and the huge box
    assert page.tags["script"] == 0
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert [path.name for path in tmp_path.glob("*report*")] == ["report.html"]


def test_a_page_that_cannot_be_written_is_one_line(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write_report(check_data(root), tmp_path / "nowhere" / "report.html")


def test_a_page_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    root: Path, tmp_path: Path
) -> None:
    command = ["check", "--data", str(root), "--html"]
    page = tmp_path / "page.html"
    for _ in range(2):
        assert CliRunner().invoke(app, [*command, str(page)]).exit_code == 0
    for name, said in (
        ("manifest.json", "must end in .html"),
        ("new.txt", "must end in .html"),
        ("other.html", "exists, and is no page of kerbwatch data check"),
        ("bytes.html", "exists, and is no page of kerbwatch data check"),
    ):
        file = tmp_path / name
        if name != "new.txt":
            file.write_bytes(b"\xffmine")
        result = CliRunner().invoke(app, [*command, str(file)])
        assert isinstance(result.exception, UserError)
        assert said in str(result.exception)
        assert not file.exists() or file.read_bytes() == b"\xffmine"


def test_the_command_prints_json_and_tells_by_its_status(root: Path) -> None:
    command = ["check", "--data", str(root), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["usable"] is True
    make_it_wrong(root)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["findings"][0]["where"] == "gate/images.jsonl:1"
    assert report["suspicious"][0]["photo"] == "gate/gate1.png"
    assert CliRunner().invoke(app, command[:-1]).exit_code == 1


def test_an_imported_folder_passes_the_check_and_is_not_imported_over(tmp_path: Path) -> None:
    export = yolo(tmp_path, {f"a_{n}": "0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1" for n in range(3)})
    (tmp_path / "map.toml").write_text('cart = "street_stall"\n', encoding="utf-8-sig")
    to = tmp_path / "data" / "mine"
    command = ["import", str(export), "--to", str(to), "--map-file", str(tmp_path / "map.toml")]
    options = ["--complete", "street_stall,car", "--group-by", "file"]
    result = CliRunner().invoke(app, [*command, *options])
    assert result.exit_code == 0, result.output
    assert "street_stall" in result.output
    assert "3 photos in 3 groups" in result.output
    result = CliRunner().invoke(app, ["check", "--data", str(to.parent)])
    assert result.exit_code == 0, result.output
    again = CliRunner().invoke(app, [*command, *options])
    assert isinstance(again.exception, UserError)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--map", "cart"], "expected CLASS=LABEL"),
        (["--map", "cart=stall"], "'stall' is no label; choose street_stall"),
        (["--map", "cart=car", "--map", "cart=bus"], "'cart' is mapped to car too"),
        (["--map", "cart=car", "--drop", "cart"], "is mapped to car too"),
        (["--complete", "cart"], "--complete: 'cart' is no label"),
        (["--map-file", "nowhere.toml"], "nowhere.toml: No such file"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: list[str], said: str) -> None:
    export = yolo(tmp_path, {"a": ""})
    command = ["import", str(export), "--to", str(tmp_path / "to"), *options]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)


@settings(deadline=None, max_examples=100)
@given(
    st.binary(max_size=60) | st.text(max_size=40).map(str.encode),
    st.lists(st.sampled_from(["8", "0.5", "nan", "-1", "1e400", "9" * 5000, "\n", "x"])),
)
def test_any_source_is_checked(listing: bytes, words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "gate"
        photo(source / "images/a.png")
        row = b'{"image": "a.png", "group": "g", "complete": []}\n'
        (source / "images.jsonl").write_bytes(row + listing)
        (source / "labels").mkdir()
        (source / "labels/a.txt").write_text(" ".join(words))
        assert len(check_data(Path(folder)).samples) <= 1


@pytest.mark.parametrize("name", ["", "..", "a" * 300, "\0", "\ud800", "/etc/passwd"])
def test_a_photo_of_any_name_is_a_finding(root: Path, name: str) -> None:
    with (root / "gate/images.jsonl").open("a") as listing:
        listing.write(json.dumps({"image": name, "group": "g", "complete": []}) + "\n")
    assert len(kinds(root)) == 1
    assert not check_data(root).usable


@pytest.mark.media
@pytest.mark.slow
def test_the_shared_photos_are_in_order_but_for_a_few_leaks(media: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--data", str(media / "data"), "--json"])
    report = json.loads(result.output)
    assert {item["kind"] for item in report["findings"]} <= {Kind.LEAK, Kind.SAME}
    assert sum(row["photos"] for row in report["sources"]) > 3000
    assert result.exit_code == (0 if report["usable"] else 1)
