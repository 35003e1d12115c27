"""The command `kerbwatch`: thin, it parses, calls and prints."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import entry_points, version
from io import TextIOWrapper
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cv.access.commands import app as keys_app
from cv.bench.commands import app as bench_app
from cv.cases.commands import app as cases_app
from cv.data.commands import app as data_app
from cv.detect.commands import detect
from cv.doctor import doctor
from cv.errors import KerbwatchError, UserError
from cv.evidence.commands import app as evidence_app
from cv.evidence.commands import retention_app
from cv.logs import set_up_logging
from cv.sim.commands import app as sim_app
from cv.site.commands import app as site_app
from cv.train.commands import app as train_app

__all__ = ["app", "main"]

app = typer.Typer(
    name="kerbwatch",
    help="Street-scene violation detector for city management (城管违规行为检测).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(detect)
app.command()(doctor)
app.add_typer(site_app, name="site", help="Write and check site files (站点文件).")
app.add_typer(cases_app, name="cases", help="List, show and deliver cases (案件).")
app.add_typer(evidence_app, name="evidence", help="Originals and who saw what (证据).")
app.add_typer(retention_app, name="retention", help="Delete what is past its deadline (到期删除).")
app.add_typer(keys_app, name="keys", help="Who may use the photo service (密钥).")
app.add_typer(data_app, name="data", help="Import, check and build labelled photos (数据集).")
app.add_typer(train_app, name="train", help="Train, evaluate and export the model (训练).")
app.add_typer(sim_app, name="sim", help="Film a simulated street, with exact truth (仿真).")
app.add_typer(bench_app, name="bench", help="Measure how well and how fast it works (评测).")
for command in entry_points(group="kerbwatch.commands"):
    # `serve` registers itself this way, so that the library never imports the service.
    app.command(command.name)(command.load())


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"kerbwatch {version('kerbwatch')}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
    log_json: Annotated[bool, typer.Option(help="Log as JSON lines.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    set_up_logging(verbose=verbose, as_json=log_json)


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 2."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal in GBK has no sign for what somebody's phone could write.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.exit(app(standalone_mode=False))
    except KerbwatchError as error:
        _tell(str(error))
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        _tell(error.format_message())
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        # A file or disk that nobody asked about beforehand; the traceback is for --verbose.
        logging.getLogger("cv").info("stopped by", exc_info=error)
        reason = error.strerror or str(error) or type(error).__name__
        _tell(reason if error.filename is None else f"{error.filename}: {reason}")
        sys.exit(UserError.exit_code)


def _tell(error: str) -> None:
    line = escape(" ".join(error.split()))
    if line:  # typer's error of no arguments says nothing: it has printed the help
        Console(stderr=True).print(f"[red]error:[/red] {line}", highlight=False, soft_wrap=True)
