"""`kerbwatch data build | import | feedback | check`."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cv.data.imports.formats import Format
from cv.data.imports.grouping import GroupBy
from cv.errors import UserError
from cv.site.choice import DataOption, SiteOption, open_site
from cv.tables import plain_table

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the sources' photos.",
        show_default="$KERBWATCH_MEDIA/data or ../shared/data",
    ),
]


@app.callback()
def _data() -> None:
    """Labelled photos for training."""


@app.command()
def build(
    out: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    sources: Annotated[Path, typer.Option(help="Folder of source files.")] = Path(
        "datasets/sources"
    ),
    data: Data = None,
) -> None:
    """Make one data set from the sources that are described (生成数据集)."""
    from cv.data.build import build_data
    from cv.data.samples import default_data

    console = Console()
    with console.status("reading, splitting and copying photos"):
        made = build_data(sources, data or default_data(), out)
    for title, counts in (("source", made.photos), ("label", made.boxes)):
        noun = "photos" if title == "source" else "boxes"
        table = plain_table(title, f"{noun} to train on", "held out", right=True)
        for name, (training, held) in counts.items():
            table.add_row(name, str(training), str(held))
        console.print(table)
        console.print()
    if made.dropped:
        typer.echo(f"left out, for they nearly equal a held-out photo: {len(made.dropped)}")
    typer.echo(f"{made.out}: manifest {made.sha256[:16]}; train with --data {made.out}")


@app.command("import")
def import_(
    export: Annotated[Path, typer.Argument(help="File or folder that a labelling tool wrote.")],
    to: Annotated[Path, typer.Option(help="Source folder to write; it must not exist.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the photos.", show_default="the export's folder"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What wrote the export.")] = Format.AUTO,
    pairs: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="CLASS=LABEL", help="What a class means; repeatable."),
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option(help='TOML with lines CLASS = "LABEL"; "" leaves out.')
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", help="Leave a class out; repeatable."),
    ] = None,
    drop_others: Annotated[
        bool, typer.Option("--drop-others", help="Leave out every class not named.")
    ] = False,
    complete: Annotated[
        str, typer.Option(help="Labels of which every instance is boxed: car,bus.")
    ] = "",
    group_by: Annotated[
        GroupBy,
        typer.Option(help="What is never split: folder, file, or prefix (gate_01, gate_02)."),
    ] = GroupBy.FOLDER,
) -> None:
    """Take over photos labelled in another tool (导入)."""
    from cv.data.imports.importing import import_source
    from cv.data.imports.mapping import label_map, parse_labels
    from cv.data.imports.summary import notes, taken_table

    console = Console()
    labels = label_map(pairs or (), map_file, drop or (), drop_others=drop_others)
    exhaustive = parse_labels(complete, "--complete")
    with console.status("reading and copying photos"):
        taken = import_source(
            export, images, to, labels=labels, complete=exhaustive, group_by=group_by, form=form
        )
    console.print(taken_table(taken))
    for line in notes(taken):
        typer.echo(line)
    if not exhaustive:
        typer.echo("no label is --complete: none of them is taught or scored as absent")
    typer.echo(f"{to}: written; look at it with kerbwatch data check --data {to.parent}")


@app.command()
def feedback(
    to: Annotated[Path, typer.Option(help="Source folder to write; it must not exist.")],
    site: SiteOption = None,
    data: DataOption = None,
) -> None:
    """Make training photos of reviewed cases (反馈).

    Confirmed cases become examples, mistaken ones hard negatives; see kerbwatch cases review.
    """
    from cv.cases.opening import existing_store, store_file
    from cv.data.feedback import write_feedback
    from cv.evidence.log import EvidenceLog, original_read, os_user
    from cv.evidence.originals import open_originals

    place = open_site(site, data)
    with existing_store(place) as store:
        if store is None:
            raise UserError(f"no cases yet: {store_file(place)} does not exist")
        log = EvidenceLog(store.database)

        def seen(files: Collection[str]) -> None:
            reason = f"training photos in {to}"
            log.write(*(original_read(file, os_user(), reason) for file in sorted(files)))

        originals = open_originals(place.reporting.data)
        made = write_feedback(store.every_case(), originals, to, seen=seen)
    typer.echo(
        f"{to}: {made.examples} examples in {made.frames} photos, {made.negatives} hard negatives"
    )
    for count, why in (
        (made.unreviewed, "not reviewed yet"),
        (made.other_reasons, "rejected, but not as mistaken"),
        (made.unclear, "mistaken, but beside others of the label that nobody judged so"),
        (made.recoded, "confirmed under a code of another matter"),
        (made.unseen, "reported by citizens, and the model saw nothing"),
        (made.gone, "without a clean frame or photo: past privacy.keep_originals"),
    ):
        if count:
            typer.echo(f"left out, {why}: {count}")
    typer.echo("These pictures are not masked: keep them as you keep originals.")


@app.command()
def check(
    data: Data = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with pictures here.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Count labelled photos and find what is wrong with them (检查).

    Exit status 1 if a photo or its label file is missing, a photo cannot be trained on, a line is
    wrong, a training photo nearly equals a held-out one, or nothing trains or can be scored.
    """
    from cv.data.check import check_data
    from cv.data.check_tables import check_tables
    from cv.data.report import check_place, write_report
    from cv.data.samples import default_data

    if html is not None:  # said before photos are read
        check_place(html)
    console = Console()
    with console.status("reading photos"):
        checked = check_data(data or default_data())
    if html is not None:
        write_report(checked, html)
    if json:
        typer.echo(jsonlib.dumps(checked.as_json()))
    else:
        for table in check_tables(checked):
            console.print(table)
            console.print()
    if not checked.usable:
        raise typer.Exit(1)
