"""Every key's line, for TOML written in every way it can be."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.site.toml_lines import line_of, locate

TEXT = '''\
# a comment with [brackets] and = signs
title = "x" # = [no]

[site]
name = """
two lines, ""quoted""
"""
"quoted key" = 1
dotted.key.here = 2

[[cameras]]
id = 'a#b'
zones = [
  { id = "one", polygon = [[0.1, 0.2],
      [0.3, 0.4], # why
    ] },
  { id = "two" },
]

[[cameras]]
id = "b"

[[cameras.zones]]
id = "three"
opened = 1979-05-27 07:32:00

[[cameras.zones]]
polygon = [
  [1, 2],

  [3, 4]]

[cameras.zones.extra]
deep = """a\\"""b""""

[reporting.webhook]
url = \'\'\'it's\'\'\'
'''


@pytest.mark.parametrize(
    ("path", "starts_with"),
    [
        (("title",), "title"),
        (("site",), "[site]"),
        (("site", "name"), "name"),
        (("site", "quoted key"), '"quoted key"'),
        (("site", "dotted", "key", "here"), "dotted"),
        (("cameras",), "[[cameras]]\nid = 'a"),
        (("cameras", 0, "id"), "id = 'a"),
        (("cameras", 0, "zones", 0, "id"), '  { id = "one"'),
        (("cameras", 0, "zones", 0, "polygon", 1), "      [0.3"),
        (("cameras", 0, "zones", 1, "id"), '  { id = "two"'),
        (("cameras", 1), '[[cameras]]\nid = "b"'),
        (("cameras", 1, "zones", 0, "opened"), "opened"),
        (("cameras", 1, "zones", 1, "polygon", 1, 0), "  [3, 4]"),
        (("cameras", 1, "zones", 1, "extra", "deep"), "deep"),
        (("reporting",), "[reporting.webhook]"),
        (("reporting", "webhook", "url"), "url"),
    ],
)
def test_each_key_has_the_line_on_which_it_stands(path, starts_with) -> None:
    line = locate(TEXT)[path]
    assert "\n".join(TEXT.splitlines()[line - 1 :]).startswith(starts_with)


def test_a_missing_key_has_the_line_of_its_table() -> None:
    lines = locate(TEXT)
    assert line_of(lines, ("cameras", 1, "zones", 1, "kind")) == lines["cameras", 1, "zones", 1]
    assert line_of(lines, ("nowhere",)) == 1


def test_windows_line_ends_count_once() -> None:
    assert locate(TEXT.replace("\n", "\r\n")) == locate(TEXT)


keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
scalars = st.one_of(st.integers(-(2**40), 2**40), st.booleans(), keys, st.just("a\nb'\"\\]},"))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def as_toml(value: object, breaks: str) -> str:
    """`breaks` go between list elements; TOML 1.0 allows none inside an inline table."""
    if isinstance(value, dict):
        pairs = (f"{as_toml(k, '')} = {as_toml(v, '')}" for k, v in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + breaks + f",{breaks}".join(as_toml(v, breaks) for v in value) + breaks + "]"
    return json.dumps(value, ensure_ascii=False)


def paths(value: object, path: tuple[str | int, ...] = ()):
    if path:
        yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from paths(child, (*path, key))


@given(
    st.dictionaries(keys, values, max_size=4),
    st.lists(st.dictionaries(keys, values, max_size=3), max_size=3),
    st.sampled_from(["", "\n", " # ]}\n\t"]),
)
def test_whatever_tomllib_reads_is_located_in_full_and_in_order(top, tables, breaks) -> None:
    top.pop("list", None)
    text = "".join(f"{as_toml(k, '')} = {as_toml(v, breaks)}\n" for k, v in top.items())
    for table in tables:
        text += "[[list]] # here\n"
        text += "".join(f"{as_toml(k, '')} = {as_toml(v, breaks)}\n" for k, v in table.items())
    data = tomllib.loads(text)
    lines = locate(text)
    found = list(paths(data))
    assert set(found) == set(lines)
    assert all(lines[path[:-1]] <= lines[path] for path in found if len(path) > 1)
    headers = [i for i, line in enumerate(text.splitlines(), 1) if line == "[[list]] # here"]
    assert [lines["list", i] for i in range(len(tables))] == headers
