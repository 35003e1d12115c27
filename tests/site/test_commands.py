"""`kerbwatch site init` and `kerbwatch site check`, as a person runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cv.durations import format_duration
from cv.errors import SiteError
from cv.gcj02 import wgs84_to_gcj02
from cv.labels import ZoneKind
from cv.site import load_site
from cv.site.commands import app
from cv.site.errors import table_in
from cv.site.file import TARGETS, SiteFile
from cv.site.rules import DEFAULT_RULES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_the_example_passes_its_own_check_without_a_warning(run) -> None:
    assert run("init").exit_code == 0
    result = run("check")
    assert result.exit_code == 0, result.output
    assert "warning" not in result.output
    assert "site.toml is in order" in result.output


def test_the_example_shows_a_lane_a_frontage_and_a_dumping_place(run, tmp_path) -> None:
    run("init", "example.toml")
    site = load_site(tmp_path / "example.toml")
    kinds = {zone.kind for zone in site.camera("gate").zones}
    assert kinds == {ZoneKind.LANE, ZoneKind.FRONTAGE, ZoneKind.NO_DUMPING}


def test_the_examples_comments_hold_good_keys_too(run, tmp_path, monkeypatch) -> None:
    """With its commented keys switched on, the example is still in order."""
    monkeypatch.setenv("CAM_PASSWORD", "x")
    run("init")
    path = tmp_path / "site.toml"
    (tmp_path / "communities.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": '
        '{"grid": "421002001001001"}, "geometry": {"type": "Polygon", "coordinates": '
        "[[[112, 30], [113, 30], [113, 31], [112, 30]]]}}]}"
    )
    for name, headings in (
        ("units", "code,dept_code,dept_name"),
        ("limits", "code,type,value"),
        ("holidays", "date,kind"),
    ):
        (tmp_path / f"{name}.csv").write_text(headings + "\n")
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        is_key = re.match(r"# ([a-z_]+ = |\[+[a-z0-9.]+\])", line)
        lines.append(line.removeprefix("# ") if is_key else line)
    path.write_text("\n".join(lines).replace('["spool"]', '["spool", "webhook"]'), encoding="utf-8")
    site = load_site(path)
    assert all(getattr(site.reporting, name) is not None for name in TARGETS)
    assert site.camera("gate").url is not None
    assert site.camera("gate").grid == "421002001001001"
    assert len(site.rules) == 3


def test_an_existing_file_is_kept_unless_forced(run, tmp_path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("mine")
    result = run("init")
    assert isinstance(result.exception, SiteError)
    assert str(result.exception) == "site.toml: is there already; --force overwrites it"
    assert path.read_text() == "mine"
    assert run("init", "--force").exit_code == 0
    assert path.read_text(encoding="utf-8").startswith("# A site file for kerbwatch")
    assert [file.name for file in tmp_path.iterdir()] == ["site.toml"]


@pytest.mark.parametrize("path", ["none/site.toml", "file/site.toml"])
def test_where_nothing_can_be_written_one_line_says_so(run, tmp_path, path) -> None:
    (tmp_path / "file").touch()
    result = run("init", path)
    assert isinstance(result.exception, SiteError)
    assert str(result.exception).startswith(f"{path}: cannot be written: ")


def test_check_prints_every_problem_and_exits_with_2(run, tmp_path) -> None:
    (tmp_path / "site.toml").write_text("[site]\nname = 1\n[privacy]\nheads = 2\n")
    result = run("check")
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "site.toml:2: site.name: must be text in quotes, not a number",
        "site.toml:4: privacy.heads: must be true or false, not a number",
    ]


def test_check_of_no_file_at_all_is_a_site_error(run) -> None:
    assert isinstance(run("check", "no.toml").exception, SiteError)


def test_check_shows_cameras_rules_warnings_and_receivers_but_no_password(run, tmp_path) -> None:
    (tmp_path / "site.toml").write_text(
        '[[cameras]]\nid = "gate"\nurl = "rtsp://admin:hunter2@10.0.0.8/stream"\n'
        'sub_url = "rtsp://admin:hunter2@10.0.0.8/small"\n'
        "lon = 112.25\nlat = 30.31\n"
        '[[cameras.zones]]\nid = "fire"\nkind = "fire_lane"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
        'active = ["Mon-Fri 08:00-20:00"]\n'
    )
    result = run("check")
    assert result.exit_code == 0
    for line, key in ((3, "url"), (4, "sub_url")):
        assert (
            f"warning: site.toml:{line}: cameras[0].{key}: holds a password; "
            "write ${NAME} and set it outside"
        ) in result.output.splitlines()
    for word in ("10.0.0.8/stream", "watched:", "10.0.0.8/small"):
        assert word in result.output
    for word in ("fire (fire_lane)", "112.250000, 30.310000 CGCS2000", "gate/fire"):
        assert word in result.output
    for word in ("Mon-Fri 08:00-20:00", "30%", "60%", "garbage_heap", "go to: spool"):
        assert word in result.output
    assert "hunter2" not in result.output


def keys(model):
    for name, field in model.model_fields.items():
        yield name
        table = table_in(field.annotation)
        if table:
            yield from keys(table)


def test_every_key_is_in_the_reference_and_in_the_example(run, tmp_path) -> None:
    run("init")
    example = (tmp_path / "site.toml").read_text(encoding="utf-8")
    reference = (ROOT / "docs" / "site-file.md").read_text(encoding="utf-8")
    for key in set(keys(SiteFile)):
        assert re.search(rf"`{key}`|[.\[]{key}\]", reference), key
        assert re.search(rf"\b{key} = |[.\[]{key}\]", example), key


def test_the_references_table_of_rules_is_the_built_in_one() -> None:
    reference = (ROOT / "docs" / "site-file.md").read_text(encoding="utf-8")
    for row in DEFAULT_RULES:
        numbers = f"{format_duration(row.dwell_s)} | {row.overlap:g} | {row.presence:g}"
        line = f"| {numbers} | {format_duration(row.clear_s)} |"
        kinds = f"| {row.kinds.replace(' ', ', ')} | "
        labels = {"all", row.labels.replace(" ", ", ")}
        assert any(f"{kinds}{named} {line}" in reference for named in labels), row


def test_each_toml_example_of_the_reference_is_in_order(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "x")
    reference = (ROOT / "docs" / "site-file.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", reference, re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        head = ""
        if example.startswith("url"):
            head = '[[cameras]]\nid = "a"\n'
        if example.startswith("active"):
            head = '[[rules]]\nzone = "lane"\nlabels = ["car"]\n'
        (tmp_path / "site.toml").write_text(head + example)
        load_site(tmp_path / "site.toml")


def test_each_toml_example_for_integrators_is_in_order(tmp_path) -> None:
    document = (ROOT / "docs" / "how-to-receive-cases.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    told = set()
    for example in examples:
        (tmp_path / "site.toml").write_text(example)
        told |= set(load_site(tmp_path / "site.toml").reporting.targets)
    assert told == set(TARGETS) - {"spool"}


SQUARE = [[112.2, 30.3], [112.3, 30.3], [112.3, 30.4], [112.2, 30.4], [112.2, 30.3]]


@pytest.fixture
def mapped(tmp_path, run):
    """A site with one grid from 112.2, 30.3 to 112.3, 30.4."""
    names = {"grid": "421002001001007", "name": "七号网格", "street": "中山街道"}
    names |= {"community_name": "西社区", "county": "沙市区", "city": "荆州市"}
    geometry = {"type": "Polygon", "coordinates": [SQUARE]}
    feature = {"type": "Feature", "properties": names, "geometry": geometry}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]})
    (tmp_path / "map.geojson").write_text(text, encoding="utf-8")
    run("init")
    path = tmp_path / "site.toml"
    line = '# communities = "communities.geojson"'
    written = path.read_text(encoding="utf-8")
    assert line in written
    path.write_text(written.replace(line, 'communities = "map.geojson"'), encoding="utf-8")
    return run


def routed(run, lon, lat, *more):
    result = run("route", "--lon", str(lon), "--lat", str(lat), *more)
    assert result.exit_code == 0, (result.output, result.exception)
    return dict(line.split(maxsplit=1) for line in result.output.splitlines())


def test_a_point_in_the_map_is_told_what_it_lies_in_level_by_level(mapped) -> None:
    assert routed(mapped, 112.25, 30.35) == {
        "city": "荆州市",
        "county": "421002 沙市区",
        "street": "421002001 中山街道",
        "community": "421002001001 西社区",
        "grid": "421002001001007",
        "name": "七号网格",
        "method": "inside",
        "distance": "0.0 m",
    }


def test_a_point_beside_the_map_is_told_how_far_off_it_is(mapped) -> None:
    found = routed(mapped, 112.25, 30.401)
    assert found["method"] == "nearest"
    assert float(found["distance"].split()[0]) == pytest.approx(110.9, abs=0.2)


def test_a_point_of_a_phones_map_is_converted_first(mapped) -> None:
    lon, lat = wgs84_to_gcj02(112.2001, 30.35)
    assert routed(mapped, lon, lat, "--coord-sys", "GCJ-02")["method"] == "inside"
    lon, lat = wgs84_to_gcj02(112.2999, 30.35)
    assert routed(mapped, lon, lat)["method"] == "nearest"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--lon", "113", "--lat", "30.35"), "421002001001007, is .* m away, and at most 1000 m"),
        (("--lon", "nan", "--lat", "30"), "--lon: nan is not between -180 and 180"),
        (("--lon", "112", "--lat", "91"), "--lat: 91.0 is not between -90 and 90"),
        (("--lon", "112", "--lat", "30", "--coord-sys", "BD-09"), "'BD-09' is not one of CGCS2000"),
        (("--lon", "2", "--lat", "48", "--coord-sys", "GCJ-02"), "is for places in China"),
    ],
)
def test_a_point_that_cannot_be_routed_is_told_why(mapped, arguments, told) -> None:
    error = mapped("route", *arguments).exception
    assert isinstance(error, SiteError)
    assert re.search(told, str(error))


def test_a_site_without_a_map_says_so(run) -> None:
    run("init")
    error = run("route", "--lon", "112.25", "--lat", "30.35").exception
    assert isinstance(error, SiteError)
    assert "communities: names no map" in str(error)
