"""What a site file means once it is read."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cv.cases.links import SECRET_VARIABLE
from cv.errors import SiteError
from cv.gcj02 import gcj02_to_wgs84
from cv.labels import ZoneKind
from cv.site import GivenPoint, Privacy, check_site, default_site, load_site

FULL = """\
[site]
name = "Shashi"
division = "421002"
timezone = "Asia/Urumqi"
codes = "GB/T 30428.2-2013"

[reporting]
data = "data"
targets = ["spool", "webhook"]
update_every = 90
public_url = "https://box.example/"

[reporting.spool]
folder = "out"

[reporting.webhook]
url = "https://${USER_NAME}:${PASSWORD}@cases.example/in?key=${PASSWORD}"
secret_env = "HOOK"
timeout = "5s"

[privacy]
heads = false
plates = true
keep_originals = "12h"

[[cameras]]
id = "gate"
name = "North gate"
url = "rtsp://${USER_NAME}:${PASSWORD}@10.0.0.8/stream"
gb_id = "42100200001320000001"
lon = 112
lat = 30.31
coord_sys = "WGS84"
address = "Zhongshan Road"
community = "421002001001"
grid = "421002001001001"
every = "2.5s"

[[cameras.zones]]
id = "kerb"
name = "Kerb"
kind = "lane"
polygon = [[0, 0], [1, 0], [1, 1], [0, 0]]

[[cameras]]
id = "square"
"""
SECRETS = {
    SECRET_VARIABLE: "s" * 20,
    "USER_NAME": "viewer",
    "PASSWORD": "p@ss/w:rd",
    "HOOK": "whsec_x",
}

POLYGON = {"type": "Polygon", "coordinates": [[[112, 30], [113, 30], [113, 31], [112, 30]]]}
MAP = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"community": "421002001001", "name": "西社区", "street": "中山街道"},
            "geometry": POLYGON,
        },
        {
            "type": "Feature",
            "properties": {"grid": "421002001001007"},
            "geometry": POLYGON,
        },
    ],
}


@pytest.fixture
def read(tmp_path):
    def from_text(text: str, variables=SECRETS):
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        return load_site(tmp_path / "site.toml", variables=variables)

    return from_text


@pytest.fixture
def check(tmp_path):
    def from_text(text: str, variables=SECRETS):
        (tmp_path / "site.toml").write_text(text, encoding="utf-8")
        found = check_site(tmp_path / "site.toml", variables=variables)
        assert found.problems == ()
        return [line.removeprefix(f"{tmp_path}/site.toml:") for line in found.warnings]

    return from_text


def test_every_key_of_the_site_file_arrives_in_the_site(read, tmp_path) -> None:
    site = read(FULL)
    assert (site.name, site.division, site.tz) == ("Shashi", "421002", ZoneInfo("Asia/Urumqi"))
    assert site.codes.standard_ref == "GB/T 30428.2-2013"
    reporting = site.reporting
    assert reporting.data == tmp_path / "data"
    assert reporting.targets == ("spool", "webhook")
    assert reporting.spool.folder == Path("out")
    assert (reporting.update_every_s, reporting.public_url) == (90, "https://box.example")
    assert (reporting.webhook.secret_env, reporting.webhook.timeout_s) == ("HOOK", 5)
    assert site.privacy == Privacy(heads=False, plates=True, keep_originals_s=43200)
    gate = site.camera("gate")
    assert (gate.id, gate.name, gate.gb_id) == ("gate", "North gate", "42100200001320000001")
    assert (gate.lon, gate.lat, gate.coord_sys, gate.given) == (112.0, 30.31, "WGS84", None)
    assert (gate.address, gate.every_s) == ("Zhongshan Road", 2.5)
    assert (gate.community, gate.grid) == ("421002001001", "421002001001001")
    (kerb,) = gate.zones
    assert (kerb.id, kerb.name, kerb.kind, kerb.change) == ("kerb", "Kerb", ZoneKind.LANE, None)
    assert kerb.polygon == ((0, 0), (1, 0), (1, 1))


def test_passwords_come_from_the_environment_escaped_and_are_never_shown(read) -> None:
    site = read(FULL)
    stream = site.camera("gate").url
    assert stream.reveal() == "rtsp://viewer:p%40ss%2Fw%3Ard@10.0.0.8/stream"
    hook = site.reporting.webhook.url
    assert hook == "https://viewer:p%40ss%2Fw%3Ard@cases.example/in?key=p@ss/w:rd"
    for secret in ("p@ss", "p%40ss"):
        assert secret not in repr(site)
        assert secret not in str(stream)


def test_what_is_left_out_has_a_default(read) -> None:
    site = read('[[cameras]]\nid = "gate"\n')
    ours, default = site.reporting, default_site()
    assert (ours.targets, ours.spool, ours.webhook) == (("spool",), default.reporting.spool, None)
    assert ours.update_every_s == default.reporting.update_every_s == 1800
    assert (site.privacy, site.tz, site.codes) == (default.privacy, default.tz, default.codes)
    gate = site.camera("gate")
    assert (gate.name, gate.url, gate.zones, gate.coord_sys) == ("gate", None, (), "CGCS2000")


def test_without_a_site_file_cases_go_to_a_spool_here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    site = default_site()
    assert site.cameras == ()
    assert site.reporting.data == tmp_path / "kerbwatch-data"
    assert site.reporting.targets == ("spool",)


def test_an_unknown_camera_names_those_that_there_are(read) -> None:
    with pytest.raises(SiteError, match="no camera 'gat'; cameras: gate, square"):
        read(FULL).camera("gat")
    with pytest.raises(SiteError, match="none is in the site file"):
        default_site().camera("gate")


def test_gcj02_is_converted_and_the_original_kept(read) -> None:
    text = '[[cameras]]\nid = "gate"\nlon = 112.25\nlat = 30.31\ncoord_sys = "GCJ-02"\n'
    gate = read(text).camera("gate")
    assert (gate.lon, gate.lat) == gcj02_to_wgs84(112.25, 30.31)
    assert 300 < abs(gate.lon - 112.25) * 96_000 < 800
    assert gate.coord_sys == "CGCS2000"
    assert gate.given == GivenPoint(112.25, 30.31, "GCJ-02")


def camera(lon: float, lat: float, more: str = "") -> str:
    site = '[site]\ncommunities = "map.geojson"\n'
    return f'{site}[[cameras]]\nid = "gate"\nlon = {lon}\nlat = {lat}\n{more}\n'


def test_community_grid_and_address_are_looked_up_on_the_map(read, check, tmp_path) -> None:
    (tmp_path / "map.geojson").write_text(json.dumps(MAP), encoding="utf-8")
    gate = read(camera(112.5, 30.2)).camera("gate")
    assert (gate.community, gate.grid) == ("421002001001", "421002001001007")
    assert gate.address == "中山街道西社区"
    assert (
        "3: cameras[0]: community 421002001001 and grid 421002001001007 "
        "looked up on the map (西社区)"
    ) in check(camera(112.5, 30.2))


def test_what_is_written_wins_over_the_map_with_a_warning(read, check, tmp_path) -> None:
    (tmp_path / "map.geojson").write_text(json.dumps(MAP), encoding="utf-8")
    text = camera(112.5, 30.2, 'community = "421002001002"\naddress = "Here"')
    gate = read(text).camera("gate")
    assert (gate.community, gate.grid, gate.address) == ("421002001002", None, "Here")
    assert "7: cameras[0].community: the map has 421002001001 (西社区) at this point" in check(text)


def test_a_camera_just_off_the_map_gets_the_nearest_and_one_far_off_nothing(
    read, check, tmp_path
) -> None:
    (tmp_path / "map.geojson").write_text(json.dumps(MAP), encoding="utf-8")
    near, far = camera(112.5, 29.999), camera(115, 29.999)
    assert read(near).camera("gate").community == "421002001001"
    assert "3: cameras[0]: lies 111 m outside the nearest area of the map" in check(near)
    assert read(far).camera("gate").community is None
    outside = "3: cameras[0]: lies outside the map; the nearest area is 西社区, 193.0 km away"
    assert outside in check(far)


BASE = '[[cameras]]\nid = "gate"\naddress = "x"\n'
ZONE = '[[cameras.zones]]\nid = "{}"\nkind = "{}"\npolygon = {}\n'
LEFT = "[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]"
MIDDLE = "[[0.25, 0], [0.75, 0], [0.75, 1], [0.25, 1]]"
GOOD = BASE + ZONE.format("a", "lane", LEFT)
HOOK = '[reporting]\ntargets = ["webhook"]\n{}[reporting.webhook]\nurl = "{}"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, []),
        ("", ["1: no cameras; add [[cameras]]"]),
        (BASE, ["1: cameras[0].zones: camera gate has no zones, so it reports nothing"]),
        (
            BASE + ZONE.format("a", "ignore", LEFT),
            ["4: cameras[0].zones: camera gate has no zones, so it reports nothing"],
        ),
        (
            GOOD.replace('address = "x"\n', ""),
            ["1: cameras[0]: has no place; write lon and lat, or address and community"],
        ),
        (
            GOOD + ZONE.format("b", "frontage", MIDDLE),
            [
                "11: cameras[0].zones[1].polygon: overlaps zone 'a' by 50%; "
                "what stands in both is reported for one of 'a' and 'b'"
            ],
        ),
        (GOOD + ZONE.format("b", "ignore", MIDDLE), []),
        (
            GOOD.replace("address", 'url = "rtsp://u:secret@h/x"\naddress'),
            ["3: cameras[0].url: holds a password; write ${NAME} and set it outside"],
        ),
        (GOOD.replace("address", 'url = "rtsp://u:${PASSWORD}@h/x"\naddress'), []),
        (GOOD.replace("address", 'url = "rtsp://h/x"\naddress'), []),
        (
            HOOK.format('public_url = "https://me"\n', "https://u:secret@cases.example/")
            + 'secret_env = "HOOK"\n'
            + GOOD,
            ["5: reporting.webhook.url: holds a password; write ${NAME} and set it outside"],
        ),
        (
            '[reporting]\ndatabase = "postgresql://u:secret@h/cases"\n' + GOOD,
            [
                "2: reporting.database: holds a password; "
                "leave it out, and set PGPASSWORD or PGPASSFILE outside"
            ],
        ),
        (
            GOOD.replace("address", 'url = "rtsp://h/x"\nsub_url = "rtsp://h/x"\naddress')
            + GOOD.replace(
                "address", 'sub_url = "rtsp://h/x"\nurl = "rtsp://h/y"\naddress'
            ).replace("gate", "yard"),
            ["12: cameras[1].sub_url: is camera gate's too; two cameras show two streets"],
        ),
        (
            GOOD.replace("address", f'gb_id = "{"1" * 20}"\naddress')
            + GOOD.replace("address", f'gb_id = "{"1" * 20}"\naddress').replace("gate", "yard"),
            ["11: cameras[1].gb_id: is camera gate's too; two cameras show two streets"],
        ),
        (
            GOOD + 'active = ["07:30-07:50", "Sat,Sun 07:50-08:00"]\n',
            [
                "4: cameras[0].zones[0]: never reports barrier, cone, construction_waste, "
                "garbage_heap: active for 30m at most, and dwell is 30m"
            ],
        ),
        (GOOD + 'active = "23:30-00:01"\n', []),
        (
            GOOD + '[[rules]]\nzone = "frontage"\nlabels = ["street_stall"]\ndwell = "5m"\n',
            ["9: rules[0].zone: no camera has a frontage zone"],
        ),
        (
            "[reporting]\ntargets = []\n" + GOOD,
            ["2: reporting.targets: is empty; cases stay in the data folder"],
        ),
        (
            HOOK.format("", "http://127.0.0.1:8000/") + GOOD,
            [
                "1: reporting.public_url: is not set, "
                "so the webhook's receiver cannot fetch evidence",
                "3: reporting.webhook.secret_env: environment variable "
                "KERBWATCH_WEBHOOK_SECRET is not set; nothing can be signed",
            ],
        ),
        (
            HOOK.format('public_url = "https://me"\n', "http://cases.example/")
            + 'secret_env = "HOOK"\n'
            + GOOD,
            ["5: reporting.webhook.url: http:// sends cases unencrypted; use https://"],
        ),
        (
            HOOK.format("", "https://x").replace('"webhook"', '"spool"') + GOOD,
            ["3: reporting.webhook: is not among the targets, so nothing is sent there"],
        ),
        (
            '[reporting]\ntargets = ["roundup"]\n[reporting.roundup]\nurl = "https://x"\n' + GOOD,
            [
                "3: reporting.roundup.secret_env: environment variable "
                "KERBWATCH_ROUNDUP_PASSWORD is not set; nothing can be sent",
            ],
        ),
        (
            '[reporting]\ntargets = ["mqtt"]\npublic_url = "https://me"\n[reporting.mqtt]\n'
            'url = "mqtt://broker.example"\n' + GOOD,
            ["5: reporting.mqtt.url: mqtt:// sends cases unencrypted; use mqtts://"],
        ),
        (
            '[reporting]\ntargets = ["open311"]\npublic_url = "https://me"\n[reporting.open311]\n'
            'url = "https://x"\nsecret_env = "PASSWORD"\nservices = { blocked_lane = "7" }\n'
            '[[reporting.policies]]\nmatters = ["exposed_garbage"]\npost = "never"\n' + GOOD,
            [
                "7: reporting.open311.services: has no construction_waste, roadside_vending; "
                "such cases become dead letters",
            ],
        ),
    ],
)
def test_what_is_seldom_meant_is_a_warning(check, text, expected) -> None:
    assert check(text) == expected


def test_without_a_secret_there_are_no_links_to_pictures(check) -> None:
    without = {name: text for name, text in SECRETS.items() if name != SECRET_VARIABLE}
    text = (
        '[reporting]\ntargets = ["webhook"]\npublic_url = "https://box.example"\n'
        '[reporting.webhook]\nurl = "https://city.example/cases"\n'
    )
    assert [w for w in check(text, without) if "cannot fetch evidence" in w] == [
        "3: reporting.public_url: signs no links: KERBWATCH_SECRET is not set, "
        "so the webhook's receiver cannot fetch evidence"
    ]


WORDS = st.sampled_from(
    [
        *("[site]", "[[cameras]]", "[[cameras.zones]]", "[[rules]]", "[reporting]", "[privacy]"),
        *("id = ", "kind = ", "polygon = ", "labels = ", "zone = ", "url = ", "dwell = ", "lon = "),
        *("active = ", "targets = ", "communities = ", "community = ", "timezone = ", "cameras = "),
        *('"lane"', '"car"', '"a"', "[", "]", "{", "}", ",", "\n", "0.5", "-1", "nan", "inf"),
        *('"""', "'", '"', "#", "=", ".", "1979-05-27", "true", '"${X}"'),
        *('"rtsp://u:p@h"', "9" * 400),
        *('"\\u0000"', '"\\n"', '"90s"', '"Mon-Fri"', '["a"]', "[[0,0],[1,0],[1,1]]", "[nan, 0]"),
    ]
)  # fmt: skip


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.lists(WORDS, max_size=40).map("".join), st.binary()))
@example("[[cameras]]\nid = " + "9" * 400)
@example('[site]\ncommunities = "\\u0000"')
@example('[site]\ncommunities = "' + "a" * 5000 + '"')
@example("[reporting]\nupdate_every = 1" + "0" * 400)
@example("[[cameras]]\nlon = 1" + "0" * 400)
@example("[[cameras]]\n[[cameras.zones]]\npolygon = [[1" + "0" * 400 + ", 0]]")
def test_no_text_whatever_raises_anything_but_a_site_error(tmp_path, text) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    found = check_site(path, variables={})
    assert (found.site is None) == bool(found.problems)
    for line in (*found.problems, *found.warnings):
        assert line.isprintable()
        assert line.startswith(f"{path}:")
    if found.site is None:
        with pytest.raises(SiteError):
            load_site(path, variables={})
