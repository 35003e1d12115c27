from __future__ import annotations

from pathlib import Path

import pytest

from cv.detect.frames import Source, SourceKind, SourceUrl, find_sources
from cv.errors import SourceError


@pytest.fixture
def street(tmp_path: Path) -> Path:
    folder = tmp_path / "street"
    for name in (
        "b/2.JPG",
        "b/1.mp4",
        "a.png",
        "c.MKV",
        "notes.txt",
        ".hidden.jpg",
        ".cache/x.jpg",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def names(sources: list[Source], folder: Path) -> list[str]:
    return [str(source.path.relative_to(folder)) for source in sources]


def test_a_folder_gives_its_photos_and_recordings_and_those_below_sorted(street):
    sources = find_sources([str(street)])
    assert names(sources, street) == ["a.png", "b/1.mp4", "b/2.JPG", "c.MKV"]
    photo, recording = SourceKind.PHOTO, SourceKind.RECORDING
    assert [source.kind for source in sources] == [photo, recording, photo, recording]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a.png"]),
        ("*", ["a.png", "b/1.mp4", "b/2.JPG", "c.MKV"]),
        ("**/*.mp4", ["b/1.mp4"]),
        ("[ac].*", ["a.png", "c.MKV"]),
        ("b/?.*", ["b/1.mp4", "b/2.JPG"]),
    ],
)
def test_a_quoted_pattern_gives_what_it_matches(street, pattern, expected):
    assert names(find_sources([f"{street}/{pattern}"]), street) == expected


def test_a_relative_pattern_and_the_home_folder_work(street, monkeypatch):
    monkeypatch.chdir(street)
    monkeypatch.setenv("HOME", str(street))
    assert [source.name for source in find_sources(["*.png"])] == ["a.png"]
    assert names(find_sources(["~/a.png"]), street) == ["a.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_taken_as_it_is(tmp_path):
    clip = tmp_path / "15.30.00-15.45.00[M][0@0][0].dav"
    clip.touch()
    assert [source.path for source in find_sources([str(clip)])] == [clip]


def test_what_is_named_twice_is_taken_once(street):
    sources = find_sources([str(street / "b/1.mp4"), str(street), f"{street}/*.png"])
    assert names(sources, street) == ["b/1.mp4", "a.png", "b/2.JPG", "c.MKV"]


def test_addresses_are_streams_and_named_without_password():
    addresses = ["rtsp://u:Hush4711@h/1", "rtsps://h/2", "http://h/3.mp4", "https://h/4.m3u8"]
    sources = find_sources(addresses)
    assert {source.kind for source in sources} == {SourceKind.STREAM}
    assert [source.uri for source in sources] == [SourceUrl(address) for address in addresses]
    assert sources[0].name == "rtsp://***@h/1"
    assert "Hush4711" not in repr(sources)
    with pytest.raises(SourceError, match="not a file"):
        _ = sources[0].path


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("missing.jpg", "no such file or folder; give photos"),
        ("missing/", "no such file or folder"),
        ("*.gif", "nothing matches; give photos"),
        ("notes.*", r"no photo or video matches; allowed are \.jpg"),
        ("notes.txt", r"not a photo or video by its name; allowed are \.jpg .*\.mp4"),
        ("empty", r"no photo or video in this folder; allowed are \.jpg"),
        ("~nobody-of-that-name/a.jpg", "Could not determine home directory"),
        (f"{'x' * 300}.jpg", "File name too long"),
        ("ftp://host/a.jpg", "a URL begins with rtsp://"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line_with_what_is_allowed(
    street, monkeypatch, argument, said
):
    monkeypatch.chdir(street)
    (street / "empty").mkdir()
    with pytest.raises(SourceError, match=said) as caught:
        find_sources([str(street / "a.png"), argument])
    assert argument.rstrip("/") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_link_to_a_folder_is_left_out_with_a_word(street, tmp_path, caplog):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "z.jpg").touch()
    (street / "linked").symlink_to(elsewhere)
    (street / "photo.jpg").symlink_to(elsewhere / "z.jpg")
    sources = find_sources([str(street)])
    assert names(sources, street) == ["a.png", "b/1.mp4", "b/2.JPG", "c.MKV", "photo.jpg"]
    assert "linked: a link to a folder; left out" in caplog.text
    assert names(find_sources([str(street / "linked")]), street) == ["linked/z.jpg"]


def test_a_mistyped_address_does_not_show_its_password():
    with pytest.raises(SourceError) as caught:
        find_sources(["rtsp:/admin:Hush4711@host/ch1"])
    assert "Hush4711" not in str(caught.value)
