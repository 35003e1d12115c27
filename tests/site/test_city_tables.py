"""The city's tables of units, limits and days: what they mean, and the line of each mistake."""

# ruff: noqa: E501 - a row of the table is one mistake and the one line that it gives

from __future__ import annotations

import random
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc
from typer.testing import CliRunner

from cv.codes import EDITIONS, edition
from cv.errors import SiteError
from cv.site import check_site, load_site
from cv.site.commands import app
from cv.site.limits import Limit, read_limits
from cv.site.units import areas_of, read_units
from cv.site.uscc import check_character, checked_uscc
from cv.site.workdays import read_holidays

DOCS = Path(__file__).resolve().parents[2] / "docs"
CODES = edition(EDITIONS[0])
CITY, STREET, FIRE = "11421002011260070B", "11421002MB12345675", "11421000MB7654327P"
UNITS = "code,area,dept_code,dept_name\n"
LIMITS = "code,type,value,text,condition\n"
NO_USCC = "is no 统一社会信用代码"
EXCEL = "(in Excel, format the column as text)"
NO_AREA = f"is no area: 6 digits of a division, 9 of a street, 12 of a community, 15 of a grid, or empty for everywhere {EXCEL}"
KINDS = "urgent_hour 紧急工作时, work_hour 工作时, work_day 工作日, natural_day 自然日"

ONE_MISTAKE = [
    # what every table can have
    ("units", "", "1: has none of the headings code, area, dept_code, dept_name (or their Chinese), separated by commas"),
    ("units", "code;area;dept_code;dept_name\n", "1: has none of the headings code, area, dept_code, dept_name (or their Chinese), separated by commas"),
    ("units", "area,dept_code,dept_name\n", "1: code: no column has the heading code or 事项代码 or 代码"),
    ("units", "code,代码,dept_code,dept_name\n", "1: code: two columns have this heading"),
    ("units", f"{UNITS}09005,,{CITY},城管局,南\n", "2: has 5 cells under 4 headings; quote commas in text"),
    ("units", f'{UNITS}\n"09005"x,,{CITY},城管局\n', "3: is no row of commas and quotes: ',' expected after '\"'"),
    # units
    ("units", f"{UNITS}9005,,{CITY},城管局\n", f"2: code: '9005' is no code; its leading zero is gone {EXCEL}"),
    ("units", f"{UNITS}\n\n4月5日,,{CITY},城管局\n", f"4: code: '4月5日' is no code; write 09005 or, as in 2013, 04-05, or * {EXCEL}"),
    ("units", f"{UNITS},,{CITY},城管局\n", f"2: code: '' is no code; write 09005 or, as in 2013, 04-05, or * {EXCEL}"),
    ("units", f"{UNITS}09005,4210020,{CITY},城管局\n", f"2: area: '4210020' {NO_AREA}"),
    ("units", f"{UNITS}09005,4.21E+11,{CITY},城管局\n", f"2: area: '4.21E+11' {NO_AREA}"),
    ("units", f"{UNITS}09005,,{CITY[:-1]},城管局\n", f"2: dept_code: '{CITY[:-1]}' {NO_USCC}: 18 digits and capitals without I, O, S, V, Z"),
    ("units", f"{UNITS}09005,,{CITY[:-1]}P,城管局\n", f"2: dept_code: '{CITY[:-1]}P' {NO_USCC}: a character is wrong (or the last would be B)"),
    ("units", f"{UNITS}09005,,{CITY},\n", "2: dept_name: must be 1 to 100 characters on one line"),
    ("units", f"{UNITS}09005,,{CITY},{'局' * 101}\n", "2: dept_name: must be 1 to 100 characters on one line"),
    ("units", f"{UNITS}09005,421002,{CITY},城管局\n*,,{CITY},城管局\n04-05,421002,{STREET},街道\n", "4: code: 09005 店外经营 in 421002 has a unit in line 2"),
    ("units", f"{UNITS}*,,{CITY},城管局\n*,,{STREET},街道\n", "3: code: every matter in the whole site has a unit in line 2"),
    ("units", f"事项代码,主管部门代码,主管部门\n09005,{CITY},城管局\n9006,{CITY},城管局\n", f"3: 事项代码: '9006' is no code; its leading zero is gone {EXCEL}"),
    # limits
    ("limits", f"{LIMITS}*,工作时,2,,\n", f"2: code: '*' is no code; write 09005 or, as in 2013, 04-05 {EXCEL}"),
    ("limits", f"{LIMITS}09005,hours,2,,\n", f"2: type: 'hours' is not allowed; choose {KINDS}"),
    ("limits", f"{LIMITS}09005,工作时,2小时,,\n", "2: value: '2小时' is no number above 0 and up to 1000"),
    ("limits", f"{LIMITS}09005,工作时,nan,,\n", "2: value: 'nan' is no number above 0 and up to 1000"),
    ("limits", f"{LIMITS}09005,工作时,0,,\n", "2: value: '0' is no number above 0 and up to 1000"),
    ("limits", f"{LIMITS}09005,工作时,1e9,,\n", "2: value: '1e9' is no number above 0 and up to 1000"),
    ("limits", f"{LIMITS}09005,工作时,2,{'长' * 257},\n", "2: text: must be at most 256 characters"),
    ("limits", f"{LIMITS}09005,工作时,2,,\n09005,工作日,1,,夜间\n09005,工作日,1,,\n", "4: code: 09005 店外经营 has a limit without a condition in line 2"),
    ("limits", f"{LIMITS}09005,工作时,2,,夜间\n09005,工作日,1,,夜间\n", "3: code: 09005 店外经营 has a limit with this condition in line 2"),
    # holidays
    ("holidays", "date,kind\n2027-02-29,休\n", "2: date: '2027-02-29' is no date; write 2026-10-01"),
    ("holidays", "date,kind\n1 Oct 2026,休\n", "2: date: '1 Oct 2026' is no date; write 2026-10-01"),
    ("holidays", "date,kind\n2026-10-01,off\n", "2: kind: 'off' is not allowed; choose holiday, 休, 放假, workday, 班, 上班"),
    ("holidays", "date,kind\n2026-10-01,休\n2026/10/1,班\n", "3: date: 2026-10-01 is in line 2 already"),
]  # fmt: skip


def check(tmp_path, monkeypatch, head: str = "", **tables: str | bytes):
    """Check a site file with these tables."""
    monkeypatch.chdir(tmp_path)
    lines = [head, "[routing]"]
    for key, text in tables.items():
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / f"{key}.csv").write_bytes(raw)
        lines.append(f'{key} = "{key}.csv"')
    (tmp_path / "site.toml").write_text("\n".join(lines) + "\n")
    return check_site(Path("site.toml"))


@pytest.mark.parametrize(("key", "text", "line"), ONE_MISTAKE)
def test_a_mistake_is_one_exact_line(tmp_path, monkeypatch, key, text, line) -> None:
    assert check(tmp_path, monkeypatch, **{key: text}).problems == (f"{key}.csv:{line}",)


def test_every_mistake_of_every_table_is_found(tmp_path, monkeypatch) -> None:
    found = check(
        tmp_path,
        monkeypatch,
        '[site]\nnmae = "x"\n',
        units=f"{UNITS}9005,42,1,\n",
        limits=f"{LIMITS}09005,x,y,,\n",
    )
    where = [problem.split(": ")[0:2] for problem in found.problems]
    assert where == [
        ["site.toml:2", "site.nmae"],
        ["units.csv:2", "area"],
        ["units.csv:2", "code"],
        ["units.csv:2", "dept_code"],
        ["units.csv:2", "dept_name"],
        ["limits.csv:2", "type"],
        ["limits.csv:2", "value"],
    ]


def test_a_table_that_is_not_there_is_a_mistake_of_the_site_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("site.toml").write_text('[routing]\n\nunits = "none.csv"\n')
    assert check_site(Path("site.toml")).problems == (
        "site.toml:3: routing.units: none.csv: no such file",
    )
    with pytest.raises(SiteError, match=r"none\.csv: no such file"):
        load_site(Path("site.toml"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_spreadsheets_encodings_and_line_ends_are_read(tmp_path, encoding, end) -> None:
    path = tmp_path / "units.csv"
    text = (
        f"序号,主管部门,区域,事项代码,统一社会信用代码\n1,沙市区城管局,421002,09005,{CITY}\n,,,,\n"
    )
    path.write_bytes(text.replace("\n", end).encode(encoding))
    units, table, _ = read_units(path, CODES)
    assert table.problems == ()
    unit = units.find("09005", ("421002",))
    assert unit is not None
    assert (unit.code18, unit.name) == (CITY, "沙市区城管局")


@pytest.mark.parametrize("raw", ["事项代码".encode("utf-16"), b"code\n\xff\xff\xff"])
def test_other_encodings_are_told_apart_from_tables(tmp_path, monkeypatch, raw) -> None:
    (problem,) = check(tmp_path, monkeypatch, units=raw).problems
    assert "is neither UTF-8 nor GB18030 text; save it as CSV UTF-8" in problem


def test_a_quoted_cell_may_have_lines_and_later_rows_keep_their_numbers(tmp_path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(f'{LIMITS}09005,工作时,2,"两个\n工作时",\nx,工作时,2,,\n')
    limits, table, _ = read_limits(path, CODES)
    assert limits.find("09005") == Limit("work_hour", 2, "两个 工作时")
    assert [problem.rpartition("/")[2].split(": ")[0] for problem in table.problems] == [
        "limits.csv:4"
    ]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"{UNITS}{text}".encode()))
def test_whatever_a_file_holds_is_a_table_or_a_list_of_mistakes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    for read in (read_units, read_limits):
        _, table, _ = read(path, CODES)
        assert table.rows or table.problems or content.startswith(UNITS.encode())
        for problem in table.problems:
            assert re.match(rf"{re.escape(str(path))}:\d+: ", problem)
            assert problem.isprintable()


def units(tmp_path: Path, *rows: str):
    path = tmp_path / "units.csv"
    path.write_text(UNITS + "".join(f"{row}\n" for row in rows))
    found, table, _ = read_units(path, CODES)
    assert table.problems == ()
    return lambda code5, *place: getattr(found.find(code5, areas_of(*place)), "name", None)


def test_the_smallest_area_wins(tmp_path) -> None:
    find = units(
        tmp_path,
        f"09005,,{CITY},site",
        f"09005,421000,{CITY},city",
        f"09005,421002,{CITY},county",
        f"09005,421002001,{CITY},street",
        f"09005,421002001001,{CITY},community",
        f"09005,421002001001007,{CITY},grid",
    )
    assert find("09005", "421002001001007", "421002001001", "421002") == "grid"
    assert find("09005", "421002001001008", "421002001001", "421002") == "community"
    assert find("09005", None, "421002001002", "421002") == "street"
    assert find("09005", None, "421002002001", None) == "county"
    assert find("09005", None, None, "421003") == "city"
    assert find("09005", None, None, "310101") == "site"
    assert find("09005", None, None, None) == "site"
    assert find("09006", None, None, "421002") is None


def test_a_row_for_the_matter_beats_one_for_every_matter_however_small_its_area(tmp_path) -> None:
    find = units(
        tmp_path, f"*,421002001,{STREET},街道", f"09012,421002,{FIRE},消防", f"*,,{CITY},局"
    )
    assert find("09012", None, "421002001001", None) == "消防"
    assert find("09005", None, "421002001001", None) == "街道"
    assert find("09005", None, "421002002001", None) == "局"


@pytest.mark.parametrize(
    ("edition_name", "written", "code5"),
    [
        ("GB/T 47678.5-2026", "09005", "09005"),
        ("GB/T 47678.5-2026", "04-05", "09005"),
        ("GB/T 30428.2-2013", "04-05", "04-05"),
        ("GB/T 30428.2-2013", "09005", "04-05"),
        ("CJ/T 214-2007", "05-04", "05-04"),
        ("CJ/T 214-2007", "09005", "05-04"),
        ("CJ/T 214-2007", "08005", "03-03"),
    ],
)
def test_codes_of_another_edition_are_the_sites_own(tmp_path, edition_name, written, code5) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(f"{LIMITS}{written},工作时,2,,\n")
    limits, table, _ = read_limits(path, edition(edition_name))
    assert table.problems == ()
    assert list(limits.table) == [code5]


CODE11 = f"""{LIMITS}42100209005,工作时,2,,
42100006011,工作日,4,,
42000009012,紧急工作时,1,,
42100309013,工作日,9,,
"""


def test_codes_of_eleven_digits_are_of_a_division_and_those_around_it(
    tmp_path, monkeypatch
) -> None:
    """The standard's 事项代码, which a city's own table is written in."""
    found = check(tmp_path, monkeypatch, '[site]\ndivision = "421002"\n', limits=CODE11)
    assert not [line for line in found.problems if "limits" in line]
    limits, _, passed = read_limits(tmp_path / "limits.csv", CODES, "421002")
    assert list(limits.table) == ["09005", "06011", "09012"]
    assert [row.cells["code"] for row in passed.rows] == ["42100309013"], "another county's"
    named = f"{UNITS}42100209005,,{CITY},城管局\n"
    (tmp_path / "units.csv").write_text(named)
    units, _, _ = read_units(tmp_path / "units.csv", CODES, "421002")
    assert list(units.table) == [("09005", "")]


def test_a_code_of_eleven_digits_needs_to_know_where_the_site_is(tmp_path, monkeypatch) -> None:
    said = "'42100209005' begins with a division, and the site has none"
    found = check(tmp_path, monkeypatch, limits=f"{LIMITS}42100209005,工作时,2,,\n")
    assert found.problems == (f"limits.csv:2: code: {said}",)


@pytest.mark.parametrize(
    ("edition_name", "written"),
    [
        ("GB/T 47678.5-2026", "04-96"),  # every city numbers its extensions itself
        ("CJ/T 214-2007", "04-05"),  # looks like a code of 2007, and is another
        ("GB/T 30428.2-2013", "09019"),
    ],
)
def test_codes_that_are_not_the_sites_are_passed_over(tmp_path, edition_name, written) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(f"{LIMITS}{written},工作时,2,,\n{written},工作时,3,,\n")
    limits, table, passed = read_limits(path, edition(edition_name))
    assert (limits.table, table.problems) == ({}, ())
    assert passed.remarks(table) == [
        f"{path}:2: code: '{written}' is no code that is filed here (nor those of 1 more rows); "
        "not used"
    ]


def test_the_limit_without_a_condition_counts_else_the_first(tmp_path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(
        f"{LIMITS}06011,work_day,4,,小堆\n06011,natural_day,5,5 天,\n"
        "09005,urgent_hour,2,,白天\n09005,urgent_hour,1.5,,夜间\n"
    )
    limits, table, _ = read_limits(path, CODES)
    assert table.problems == ()
    assert limits.find("06011") == Limit("natural_day", 5, "5 天")
    assert limits.find("09005") == Limit("urgent_hour", 2, "2 紧急工作时", "白天")
    assert limits.find("09006") is None


@pytest.mark.parametrize("text", ["2026-10-10", "2026/10/10", "2026.10.10", "2026年10月10日"])
def test_dates_are_read_as_spreadsheets_write_them(tmp_path, text) -> None:
    path = tmp_path / "holidays.csv"
    path.write_text(f"日期,类型\n{text},休\n")
    days, table = read_holidays(path)
    assert table.problems == ()
    assert days.own == {date(2026, 10, 10): False}


CAMERA = """
[[cameras]]
id = "gate"
address = "x"
[[cameras.zones]]
id = "kerb"
kind = "no_dumping"
polygon = [[0, 0], [1, 0], [1, 1]]
"""


def test_the_check_tells_what_the_tables_do_not_have(tmp_path, monkeypatch) -> None:
    found = check(
        tmp_path,
        monkeypatch,
        CAMERA,
        units=f"{UNITS}06011,,{CITY},局\n06010,421003,{CITY},局\n",
        limits=f"{LIMITS}06010,工作时,4,,\n",
    )
    routing = [text for text in found.warnings if "routing" in text]
    assert routing == [
        "site.toml:11: routing.units: no unit for 06010 暴露垃圾 at camera gate",
        "site.toml:12: routing.limits: no limit for 06011 积存垃圾渣土",
    ]
    assert not [text for text in check(tmp_path, monkeypatch, CAMERA).warnings if "routing" in text]


@pytest.mark.parametrize("rows", [("", ""), (f"08001,,{CITY},局\n", "08001,工作时,4,,\n")])
def test_a_table_without_a_row_that_is_of_use_is_told_as_one_with_gaps(
    tmp_path, monkeypatch, rows
) -> None:
    units, limits = rows
    found = check(tmp_path, monkeypatch, CAMERA, units=UNITS + units, limits=LIMITS + limits)
    assert [text for text in found.warnings if "routing" in text] == [
        "site.toml:11: routing.units: no unit for 06010 暴露垃圾 at camera gate",
        "site.toml:11: routing.units: no unit for 06011 积存垃圾渣土 at camera gate",
        "site.toml:12: routing.limits: no limit for 06011 积存垃圾渣土, 06010 暴露垃圾",
    ]


@pytest.mark.parametrize("code", ["91110000600037341L", "91350100M000100Y43"])
def test_known_codes_of_organisations_have_their_check_character(code) -> None:
    assert check_character(code) == code[-1]
    assert checked_uscc(code.lower()) == code


@given(
    st.from_regex(r"\A[1-9]{2}[0-9]{6}[0-9ABCDEFGHJKLMNPQRTUWXY]{9}\Z"),
    st.integers(0, 16),
    st.randoms(use_true_random=False),
)
def test_any_code_has_one_check_character_and_one_wrong_character_is_noticed(
    first: str, place: int, rng: random.Random
) -> None:
    """stdnum is an independent reading of GB 32100."""
    code = first + check_character(first)
    assert uscc.validate(checked_uscc(code)) == code
    other = rng.choice("0123456789")
    mistyped = code[:place] + other + code[place + 1 :]
    if mistyped != code:
        with pytest.raises(ValueError, match="is no 统一社会信用代码"):
            checked_uscc(mistyped)


def test_the_tables_in_the_reference_and_the_example_beside_it_are_in_order(
    tmp_path, monkeypatch
) -> None:
    reference = (DOCS / "site-file.md").read_text(encoding="utf-8")
    units, limits, holidays = re.findall(r"```csv\n(.*?)```", reference, re.DOTALL)
    found = check(tmp_path, monkeypatch, units=units, limits=limits, holidays=holidays)
    assert (found.problems, found.site is not None) == ((), True)
    yuncheng = (DOCS / "example-limits-yuncheng.csv").read_bytes()
    found = check(tmp_path, monkeypatch, limits=yuncheng)
    assert found.problems == ()
    assert found.site is not None
    limits_of_yuncheng = found.site.routing.limits
    assert len(limits_of_yuncheng.table) == 12
    vending = limits_of_yuncheng.find("09005")
    assert vending is not None
    assert (vending.kind, vending.value) == ("urgent_hour", 2)
    assert limits_of_yuncheng.find("09009") is None


def test_the_check_tells_how_much_the_tables_say(tmp_path, monkeypatch) -> None:
    check(
        tmp_path,
        monkeypatch,
        units=f"{UNITS}*,,{CITY},局\n",
        limits=f"{LIMITS}06010,工作时,4,,\n06010,工作时,6,,夜间\n99999,工作时,1,,\n",
        holidays="date,kind\n2026-10-10,休\n",
    )
    shown = CliRunner().invoke(app, ["check"], env={"COLUMNS": "300"})
    assert shown.exit_code == 0, shown.output
    assert "warning: limits.csv:4: code: '99999' is no code that is filed here; not used" in (
        shown.output.splitlines()
    )
    assert (
        "Rows of your tables: units 1, limits 2, holidays 1. Working time: 08:00-12:00, 14:00-"
        in (shown.output)
    )
