"""`kerbwatch train fit | evaluate | export`."""

from __future__ import annotations

import json as jsonlib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cv.errors import ModelError
from cv.train.sizes import Size

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

_INSTALL = 'pip install -c constraints-cpu.txt -e ".[train]"'

Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder of labelled sources.", show_default="$KERBWATCH_MEDIA/data or ../shared/data"
    ),
]
Exported = Annotated[
    Path | None,
    typer.Option(
        "--model", help="ONNX file of `kerbwatch train export`.", show_default="what ships"
    ),
]


@app.command()
def fit(
    data: Data = None,
    model: Annotated[
        Size, typer.Option(help="Size of the network: n, or s, with four times the weights.")
    ] = Size.N,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="COCO weights to start from: yolo26n.pt or yolo26s.pt, or an .npz of fused ones.",
            show_default="of n: $KERBWATCH_MEDIA/weights/yolo26n-coco-fused.npz",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file or checkpoint of an earlier run to go on from.", show_default="COCO"
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder for checkpoints and logs.", show_default="runs/n or runs/s"),
    ] = None,
    imgsz: Annotated[
        int | None, typer.Option(help="Training image size.", show_default="config")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs.", show_default="config")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Batch size.", show_default="config")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(help="Train about this long instead of --epochs.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything random.", show_default="0")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file.", show_default="cv/train/default.toml")
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="A source that does not train; repeatable."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="Train on this share of each source's photos.", show_default="1"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run from its last epoch.")
    ] = False,
) -> None:
    """Fine-tune YOLO26 for kerbwatch's labels (训练)."""
    _need_extra()
    from cv.train.beginning import holds_checkpoint
    from cv.train.outputs import check_folder
    from cv.train.run_lock import run_lock
    from cv.train.stack import load_stack

    run = run or Path("runs", model)
    holds_checkpoint(run, resume=resume)  # before anything is written there
    check_folder(run)
    if start is not None and not start.is_file():
        raise ModelError(f"--start {start}: no such file")
    with run_lock(run):
        load_stack(run / "ultralytics")
        from cv.train.fit import FitOptions, fit

        best = fit(
            FitOptions(
                run=run,
                data=data,
                weights=weights,
                size=model,
                start=start,
                imgsz=imgsz,
                epochs=epochs,
                batch=batch,
                hours=hours,
                device=device,
                seed=seed,
                resume=resume,
                config=config,
                leave_out=tuple(leave_out or ()),
                share=share,
            )
        )
    Console().print(f"best checkpoint: {best}", soft_wrap=True)


@app.command()
def evaluate(
    data: Data = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file, YOLO26 checkpoint, or COCO weights.",
            show_default="the model that ships",
        ),
    ] = None,
    imgsz: Annotated[int, typer.Option(help="Side of the square input.")] = 640,
    precision: Annotated[
        float, typer.Option(help="Share of right detections to choose thresholds for.")
    ] = 0.85,
    source: Annotated[
        str | None,
        typer.Option(help="Score all photos of a source that did not train.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for an HTML report, plots and JSON.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Print AP per label on held-out places (评估)."""
    _need_extra()
    from cv.data.samples import default_data
    from cv.detect.detector import model_path
    from cv.train.evaluate import evaluate
    from cv.train.evaluation_tables import evaluation_json, evaluation_table
    from cv.train.outputs import check_folder

    if report is not None:  # said before photos are looked at
        check_folder(report)
    model, data = model or model_path(), data or default_data()
    result = evaluate(model, data, imgsz=imgsz, precision=precision, source=source)
    if json:
        typer.echo(jsonlib.dumps(evaluation_json(result)))
    else:
        Console().print(evaluation_table(result))
    if report is not None:
        from cv.train.evaluation_report import write_evaluation

        typer.echo(f"{write_evaluation(result, report)}: written", err=True)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint of `kerbwatch train fit`.")],
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file to write.", show_default="weights/kerbwatch-n.onnx or -s.onnx"
        ),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write OUT-int8.onnx, as `quantize` does.")
    ] = False,
) -> None:
    """Write the ONNX file, if it proves equal to the checkpoint (导出)."""
    _need_extra()
    from cv.data.samples import default_data
    from cv.train.stack import load_stack

    load_stack()
    from cv.train.evaluation_tables import evaluation_table
    from cv.train.export import export
    from cv.train.parity import parity_table

    console = Console()
    with console.status("comparing torch and the exported file on every held-out photo"):
        result = export(checkpoint, data or default_data(), out)
    console.print(parity_table(result.parity))
    if result.version is None:
        console.print(f"[red]not written:[/red] {result.out} would differ from {checkpoint}")
        raise typer.Exit(1)
    if not all(row.passed for row in result.parity if row.backend == "openvino"):
        console.print("[yellow]OpenVINO's bfloat16 differs; watch with --backend onnxruntime[/]")
    console.print(evaluation_table(result.evaluation))
    console.print(f"{result.out}: version {result.version}", soft_wrap=True)
    if int8:
        quantize(data=data, model=result.out)


@app.command()
def quantize(data: Data = None, model: Exported = None) -> None:
    """Write the INT8 file beside an exported model, if it costs little (量化)."""
    _need_extra()
    from cv.data.samples import default_data
    from cv.detect.detector import model_path
    from cv.train.evaluation_tables import evaluation_table
    from cv.train.parity import parity_table
    from cv.train.quantize import quantize

    console = Console()
    with console.status("rounding, and comparing both files on every held-out photo"):
        result = quantize(model or model_path(), data or default_data())
    console.print(parity_table(result.parity, "float32 against INT8"))
    if result.version is None:
        console.print("[red]no INT8 file written:[/red] it would cost more than 0.5 points of AP50")
        raise typer.Exit(1)
    console.print(evaluation_table(result.evaluation))
    console.print(f"{result.out}: version {result.version}", soft_wrap=True)


@app.command()
def average(
    earlier: Annotated[
        Path, typer.Argument(help="What training went on from: checkpoint, ONNX file or COCO .npz.")
    ],
    later: Annotated[Path, typer.Argument(help="What it went on to: checkpoint or ONNX file.")],
    out: Annotated[Path, typer.Option(help="Checkpoint to write.")],
    share: Annotated[float, typer.Option(help="Share of the earlier one, 0 to 1.")] = 0.5,
) -> None:
    """Average a network with the one it went on from (权重平均)."""
    _need_extra()
    from cv.train.stack import load_stack

    load_stack()
    from cv.train.average import average

    average(earlier, later, out, share=share)
    Console().print(f"{out}: written; evaluate it, then export it", soft_wrap=True)


@app.command()
def card(
    data: Data = None,
    model: Exported = None,
    out: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path("weights/README.md"),
) -> None:
    """Write the model card, with numbers measured now (模型卡)."""
    _need_extra()
    from cv.data.samples import default_data
    from cv.detect.detector import model_path
    from cv.train.card import write_card

    console = Console()
    with console.status("evaluating"):
        write_card(model or model_path(), data or default_data(), out)
    console.print(f"{out}: written", soft_wrap=True)


def _need_extra() -> None:
    if not all(find_spec(name) for name in ("torch", "ultralytics", "tensorboard")):
        typer.echo(f"training needs more packages: {_INSTALL}", err=True)
        raise typer.Exit(2)
