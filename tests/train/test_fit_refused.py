"""What `fit` cannot use is one line before the long work, and nothing is destroyed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cv.errors import ModelError
from cv.train.beginning import Beginning, keep
from cv.train.settings import read_settings
from tests.labelled import Row

pytestmark = pytest.mark.usefixtures("stack")

Make = Callable[[str, Sequence[Row]], Path]
ROWS: list[Row] = [(f"p{n}", f"g{n}", ["car"], ["8 0.5 0.5 0.4 0.5"]) for n in range(8)]


@pytest.fixture(autouse=True)
def _nothing_is_filled(stack: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cv.train.fit.fill")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def said(run: Path, data: Path, **options: Any) -> str:
    from cv.train.fit import FitOptions, fit

    with pytest.raises(ModelError) as caught:
        fit(FitOptions(run=run, data=data, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def checkpoint(file: Path, **changes: Any) -> None:
    """One of a run of 3 epochs, after the first."""
    import torch

    from cv.labels import LABELS
    from cv.train.ignoring import StreetModel

    network = StreetModel("yolo26n.yaml", nc=len(LABELS), verbose=False)
    state = {"ema": network, "epoch": 0, "train_args": {"epochs": 3}}
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state | changes, file)


def test_a_folder_of_somebody_s_own_stays_as_it_is(make_source: Make, run: Path) -> None:
    from cv.train.commands import app

    data = make_source("mine", ROWS)
    run.mkdir()
    (run / "args.yaml").write_text("mine")
    result = CliRunner().invoke(app, ["fit", "--data", str(data), "--run", str(run)])
    assert isinstance(result.exception, ModelError)
    assert str(result.exception) == f"{run} holds other files; choose a new --run"
    assert [(file.name, file.read_text()) for file in run.iterdir()] == [("args.yaml", "mine")]


def test_a_source_may_not_be_called_as_composed_photos_are(make_source: Make, run: Path) -> None:
    data = make_source("composed", ROWS)
    assert said(run, data).startswith(f"{data}/composed: photos that training composes are called")


def test_photos_that_are_all_held_out_are_named(make_source: Make, run: Path) -> None:
    data = make_source("mine", ROWS)
    listing = data / "mine/images.jsonl"
    rows = [json.loads(line) for line in listing.read_text().splitlines()]
    listing.write_text("".join(json.dumps(row | {"split": "held_out"}) + "\n" for row in rows))
    assert said(run, data) == f"{data}: every photo is held out, so none trains"


@pytest.mark.media
@pytest.mark.parametrize("name", ["start.pt", "start.onnx"])
def test_a_foreign_start_is_named_before_the_work(
    name: str, make_source: Make, run: Path, tmp_path: Path
) -> None:
    start = tmp_path / name
    start.write_bytes(b"nothing of ours")
    assert said(run, make_source("mine", ROWS), start=start).startswith(f"{start}: not a")
    assert not run.exists()


@pytest.mark.parametrize(
    "changes",
    [{"ema": None}, {"epoch": -1}, {"epoch": "x"}, {"train_args": {}}, {"train_args": None}],
)
def test_a_checkpoint_that_cannot_be_resumed_is_named(
    changes: dict[str, Any], make_source: Make, run: Path
) -> None:
    checkpoint(run / "weights/last.pt", **changes)
    told = said(run, make_source("mine", ROWS), resume=True)
    assert told.startswith(f"{run}/weights/last.pt: damaged, or no checkpoint to resume from")


def test_a_truncated_checkpoint_and_one_of_something_else_are_named(
    make_source: Make, run: Path
) -> None:
    import torch

    data, last = make_source("mine", ROWS), run / "weights/last.pt"
    checkpoint(last)
    last.write_bytes(last.read_bytes()[:100_000])
    assert said(run, data, resume=True).startswith(f"{last}: damaged")
    torch.save({"x": 1}, last)
    assert said(run, data, resume=True).startswith(f"{last}: damaged")
    last.write_bytes(b"text")
    assert said(run, data, resume=True).startswith(f"{last}: damaged")


@pytest.mark.parametrize("content", [None, "[]", '{"ignore_sets": 5}', '{"ignore', "names: [cat]"])
def test_a_data_set_that_is_damaged_or_gone_is_named(
    content: str | None, make_source: Make, run: Path
) -> None:
    data = make_source("mine", ROWS)
    checkpoint(run / "weights/last.pt")
    keep(Beginning(read_settings(None, {}), data), run)
    (run / "dataset").mkdir()
    if content is not None:
        (run / "dataset/data.yaml").write_text(content)
    assert said(run, data, resume=True).startswith(f"{run}/dataset/data.yaml")


def test_a_run_is_not_resumed_with_other_data(make_source: Make, run: Path, tmp_path: Path) -> None:
    data = make_source("mine", ROWS)
    checkpoint(run / "weights/last.pt")
    keep(Beginning(read_settings(None, {}), data), run)
    told = said(run, tmp_path / "elsewhere", resume=True)
    assert told.startswith(f"{run}: this run began with --data {data}; resume it so")
    assert "--seed 0;" in said(run, data, resume=True, seed=7)


def test_a_run_is_not_resumed_when_other_photos_are_held_out(make_source: Make, run: Path) -> None:
    """A source that was added may move photos that were trained on to those that choose."""
    from cv.data.reading import read_sources
    from cv.data.splitting import split
    from cv.train.dataset import write_dataset
    from cv.train.fill import Filling

    data = make_source("mine", ROWS)
    training, held = split(read_sources(data))
    checkpoint(run / "weights/last.pt")
    keep(Beginning(read_settings(None, {}), data), run)
    write_dataset(training, [Filling()] * len(training), held, run / "dataset")
    make_source("more", ROWS)
    told = said(run, data, resume=True)
    assert told.startswith(f"{data}: its photos are others than when this run began: ")


def test_a_run_that_has_nothing_to_resume_says_that_it_begins_anew(
    make_source: Make, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(run, make_source("composed", ROWS), resume=True)
    assert capsys.readouterr().out == f"{run}: no checkpoint to resume from; begins anew\n"
