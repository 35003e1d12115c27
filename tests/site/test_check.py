"""Each mistake in a site file is one line with file, line, key and what is allowed."""

# ruff: noqa: E501 - a row of the table is one mistake and the one line that it gives

from __future__ import annotations

from pathlib import Path

import pytest

from cv.errors import SiteError
from cv.site import check_site, load_site

KINDS = "frontage, no_vending, lane, fire_lane, bike_lane, no_dumping, ignore"
CAMERA = '[[cameras]]\nid = "gate"\n'
ZONE = f"{CAMERA}[[cameras.zones]]\n"
KERB = ZONE + 'id = "kerb"\nkind = "lane"\n'
SQUARE = "[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]"
URL = "rtsp://, rtsps://, http://, https://"
NO_URL = "is no URL that can be opened; it begins with {} and a host, and a password has %40 for @ and %2F for /"
TARGETS = "spool, webhook, roundup, open311, gat1400, mqtt"
NO_DATABASE = "must be postgresql://user@host/database, or left out for a file"
TABLES = f"review_first, {TARGETS}, policies"
POLICY = '[[reporting.policies]]\nmatters = ["blocked_lane"]\n'
MATTERS = (
    "out_of_store_vending, roadside_vending, construction_waste, exposed_garbage, blocked_lane"
)
OPEN311 = '[reporting.open311]\nurl = "https://x"\n'
MQTT = "[reporting.mqtt]\n"
LANE_LABELS = (
    "barrier, bicycle, bus, car, cone, motorcycle, tricycle, truck, storefront_goods, "
    "street_stall, construction_waste, garbage_heap"
)

ONE_MISTAKE = [
    # names of keys and tables
    ("[sites]\n", "1: sites: no such key; choose site, reporting, privacy, photos, routing, disk, cameras, rules (did you mean 'site'?)"),
    ('[site]\nnmae = "x"\n', "2: site.nmae: no such key; choose name, division, timezone, codes, communities (did you mean 'name'?)"),
    ("[privacy]\n\n# why\nfaces = true\n", "4: privacy.faces: no such key; choose heads, plates, keep_originals, keep_rejected, keep_evidence, keep_photos, keep_access_log"),
    ("[photos]\nduplicate_metres = 0\n", "2: photos.duplicate_metres: 0 is out of range; allowed are 1 to 1000"),
    ('[photos]\nduplicate_time = "5s"\n', "2: photos.duplicate_time: 5 is out of range; allowed are 60 to 604800"),
    ('[reporting.webhok]\n', f"1: reporting.webhok: no such key; choose data, database, targets, update_every, public_url, {TABLES} (did you mean 'webhook'?)"),
    ('[privacy]\n"odd\\nkey" = 1\n', '2: privacy."odd\\nkey": no such key; choose heads, plates, keep_originals, keep_rejected, keep_evidence, keep_photos, keep_access_log'),
    # types
    ("site = 3\n", "1: site: must be a table, not a number"),
    ("[cameras]\n", "1: cameras: must be a list, not a table"),
    ("cameras = [1]\n", "1: cameras[0]: must be a table, not a number"),
    ("[site]\nname = 3\n", "2: site.name: must be text in quotes, not a number"),
    ('[privacy]\nheads = "yes"\n', "2: privacy.heads: must be true or false, not text"),
    ("[privacy]\nplates = 1\n", "2: privacy.plates: must be true or false, not a number"),
    ('[[cameras]]\nid = "a"\nlon = "112"\nlat = 30\n', "3: cameras[0].lon: must be a number, not text"),
    ('[[cameras]]\nid = "a"\nlon = true\nlat = 30\n', "3: cameras[0].lon: must be a number, not true or false"),
    # [site]
    ('[site]\nname = ""\n', "2: site.name: must be 1 to 256 characters on one line"),
    ('[site]\nname = "a\\nb"\n', "2: site.name: must be 1 to 256 characters on one line"),
    ('[site]\ndivision = "42100"\n', "2: site.division: '42100' is not 6 digits"),
    ('[site]\ndivision = "４２１００２"\n', "2: site.division: '４２１００２' is not 6 digits"),
    ('[site]\ntimezone = "Asia/Shanghi"\n', "2: site.timezone: 'Asia/Shanghi' is not allowed; choose Asia/Shanghai, Asia/Urumqi, Europe/Berlin, UTC or another (did you mean 'Asia/Shanghai'?)"),
    ("[site]\ntimezone = 8\n", "2: site.timezone: 8 is not allowed; choose Asia/Shanghai, Asia/Urumqi, Europe/Berlin, UTC or another"),
    ('[site]\ncodes = "GB/T 47678.5"\n', "2: site.codes: 'GB/T 47678.5' is not allowed; choose GB/T 47678.5-2026, GB/T 30428.2-2013, CJ/T 214-2007 (did you mean 'GB/T 47678.5-2026'?)"),
    ('[disk]\nthin_below = 5\n', "2: disk.thin_below: '5' is no size; write 500MB, 2GB or 1.5TB"),
    ('[disk]\nthin_below = "1GB"\nno_pictures_below = "2GB"\n', "3: disk.no_pictures_below: is more than thin_below; pictures are thinned before there are none"),
    # [reporting] and [privacy]
    ('[reporting]\ndatabase = "cases.sqlite"\n', f"2: reporting.database: {NO_DATABASE}"),
    ('[reporting]\ndatabase = "mysql://me:secret@host/cases"\n', f"2: reporting.database: {NO_DATABASE}"),
    ('[reporting]\ndatabase = "postgresql://host"\n', f"2: reporting.database: {NO_DATABASE}"),
    ('[reporting]\ndatabase = "postgresql://me:${PW}@host/cases"\n', "2: reporting.database: ${...} is not replaced here; leave the password out and set PGPASSWORD"),
    ('[reporting]\ntargets = ["spool", "webhok"]\n', f"2: reporting.targets[1]: 'webhok' is not allowed; choose {TARGETS} (did you mean 'webhook'?)"),
    ('[reporting]\ntargets = ["webhook"]\n', "2: reporting.targets[0]: 'webhook' needs a table [reporting.webhook] with its url"),
    ('[reporting]\ntargets = ["spool",\n  "spool"]\n', "3: reporting.targets[1]: 'spool' is there twice"),
    ('[reporting]\nupdate_every = "soon"\n', "2: reporting.update_every: 'soon' is no duration; write 90s, 5m, 2h, 30d or seconds"),
    ("[reporting]\nupdate_every = -1\n", "2: reporting.update_every: '-1' is no duration; write 90s, 5m, 2h, 30d or seconds"),
    ("[reporting]\nupdate_every = true\n", "2: reporting.update_every: must be a duration; write 90s, 5m, 2h, 30d or seconds"),
    ('[privacy]\nkeep_access_log = "90d"\n', "2: privacy.keep_access_log: 90d is too short; 180d or more: such logs are kept for six months"),
    ("[privacy]\nkeep_originals = 30\n", "2: privacy.keep_originals: 30 would be seconds; write 30d if days are meant, or 30s"),
    ('[privacy]\nkeep_evidence = "365"\n', "2: privacy.keep_evidence: 365 would be seconds; write 365d if days are meant, or 365s"),
    ("[privacy]\nkeep_originals = inf\n", "2: privacy.keep_originals: 'inf' is no duration; write 90s, 5m, 2h, 30d or seconds"),
    ('[privacy]\nkeep_originals = "9999999d"\n', "2: privacy.keep_originals: '9999999d' is too long; at most 36500d"),
    ("[reporting.webhook]\n", "1: reporting.webhook.url: is missing"),
    ('[reporting]\ntargets = ["mqtt"]\n', "2: reporting.targets[0]: 'mqtt' needs a table [reporting.mqtt] with its url"),
    ("[reporting.roundup]\n", "1: reporting.roundup.url: is missing"),
    (OPEN311 + "services = {}\n", '3: reporting.open311.services: must be a table of service codes, as { blocked_lane = "007" }'),
    (OPEN311 + 'services = { parking = "7" }\n', f"3: reporting.open311.services: 'parking' is not allowed; choose {MATTERS}"),
    (OPEN311 + "services = { blocked_lane = 7 }\n", "3: reporting.open311.services: blocked_lane: must be a service code in quotes"),
    (MQTT + 'url = "tcp://x:1883"\n', f"2: reporting.mqtt.url: {NO_URL.format('mqtt://, mqtts://')}"),
    (MQTT + 'url = "mqtt://me:pw@x:1883"\n', "2: reporting.mqtt.url: must be mqtt:// or mqtts://, a host and a port; user has its own key"),
    (POLICY + 'post = "always"\n', "3: reporting.policies[0].post: 'always' is not allowed; choose review, auto, never"),
    (POLICY + 'post = "auto"\n', "3: reporting.policies[0].post: 'auto' needs a score from which it trusts"),
    (POLICY + 'post = "never"\nscore = 0.5\n', '4: reporting.policies[0].score: is for post = "auto" only'),
    (POLICY + 'post = "never"\n' + POLICY + 'post = "review"\n', "5: reporting.policies[1].matters[0]: 'blocked_lane' has a policy in reporting.policies[0] already"),
    ('[[reporting.policies]]\nmatters = []\npost = "never"\n', f"2: reporting.policies[0].matters: is empty; choose {MATTERS}"),
    (MQTT + 'url = "mqtt://x"\ntopic = "a/#"\n', "3: reporting.mqtt.topic: 'a/#' is no topic; it has no spaces, +, # and no / at its ends"),
    ('[reporting.webhook]\nurl = "ftp://x"\n', f"2: reporting.webhook.url: {NO_URL.format('http://, https://')}"),
    ('[reporting.webhook]\nurl = "https://x"\nsecret_env = "whsec_MfKQ9r8G"\n', "3: reporting.webhook.secret_env: must be the name of an environment variable, not the secret itself"),
    ('[reporting.webhook]\nurl = "https://x"\ntimeout = "1h"\n', "3: reporting.webhook.timeout: 3600 is out of range; allowed are 1 to 120"),
    # [[cameras]]
    ("[[cameras]]\n", "1: cameras[0].id: is missing"),
    ('[[cameras]]\nid = "Gate 1"\n', "2: cameras[0].id: 'Gate 1' is not allowed; write lower-case letters, digits, - and _ (it becomes part of file names)"),
    ('[[cameras]]\nid = "../x"\n', "2: cameras[0].id: '../x' is not allowed; write lower-case letters, digits, - and _ (it becomes part of file names)"),
    (CAMERA + "\n" + CAMERA, "5: cameras[1].id: 'gate' is the id of cameras[0] too"),
    (CAMERA + 'gb_id = "4210020000132000001"\n', "3: cameras[0].gb_id: '4210020000132000001' is not 20 digits"),
    (CAMERA + 'sub_url = "rtsp://10.0.0.8/2"\n', "3: cameras[0].sub_url: needs url as well, which gives the pictures of cases"),
    (CAMERA + "lon = 112.25\n", "3: cameras[0].lon: needs lat as well"),
    (CAMERA + "lat = 30.31\n", "3: cameras[0].lat: needs lon as well"),
    (CAMERA + "lon = 30.31\nlat = 112.25\n", "4: cameras[0].lat: 112.25 is out of range; allowed are -90 to 90 (are lon and lat swapped?)"),
    (CAMERA + "lon = 182\nlat = 30\n", "3: cameras[0].lon: 182 is out of range; allowed are -180 to 180"),
    (CAMERA + "lon = nan\nlat = 30\n", "3: cameras[0].lon: input should be a finite number"),
    (CAMERA + 'lon = 112\nlat = 30\ncoord_sys = "gcj02"\n', "5: cameras[0].coord_sys: 'gcj02' is not allowed; choose CGCS2000, WGS84, GCJ-02 (did you mean 'GCJ-02'?)"),
    (CAMERA + 'lon = 13.4\nlat = 52.5\ncoord_sys = "GCJ-02"\n', "5: cameras[0].coord_sys: GCJ-02 is for places in China; choose WGS84"),
    (CAMERA + 'community = "42100200100"\n', "3: cameras[0].community: '42100200100' is not 12 digits"),
    (CAMERA + 'grid = "42100200100101"\n', "3: cameras[0].grid: '42100200100101' is not 15 digits"),
    ('[site]\ndivision = "421002"\n' + CAMERA + 'community = "421003001001"\n', "5: cameras[0].community: '421003001001' does not begin with the site's division '421002'"),
    (CAMERA + 'community = "421002001001"\ngrid = "421002001002001"\n', "4: cameras[0].grid: '421002001002001' does not begin with the camera's community '421002001001'"),
    (CAMERA + 'every = "0s"\n', "3: cameras[0].every: must be longer than 0s"),
    (CAMERA + 'url = "10.0.0.8/stream"\n', f"3: cameras[0].url: {NO_URL.format(URL)}"),
    (CAMERA + 'url = "rtsp://"\n', f"3: cameras[0].url: {NO_URL.format(URL)}"),
    (CAMERA + "url = 5\n", "3: cameras[0].url: must be text in quotes"),
    (CAMERA + 'url = "rtsp://u:${CAM_PASSWORD}@h/s"\n', "3: cameras[0].url: environment variable CAM_PASSWORD is not set"),
    (CAMERA + 'url = "rtsp://u:${EMPTY}@h/s"\n', "3: cameras[0].url: environment variable EMPTY is not set"),
    (CAMERA + 'url = "rtsp://u:${a b}@h/s"\n', "3: cameras[0].url: ${...} must hold the name of an environment variable"),
    # [[cameras.zones]]
    (ZONE + f'id = "kerb"\nkind = "lanes"\npolygon = {SQUARE}\n', f"5: cameras[0].zones[0].kind: 'lanes' is not allowed; choose {KINDS} (did you mean 'lane'?)"),
    (ZONE + f'id = "kerb"\npolygon = {SQUARE}\n', "3: cameras[0].zones[0].kind: is missing"),
    (KERB + f"polygon = {SQUARE}\n[[cameras.zones]]\nid = 'kerb'\nkind = 'lane'\npolygon = {SQUARE}\n", "8: cameras[0].zones[1].id: 'kerb' is the id of cameras[0].zones[0] too"),
    (KERB + "polygon = [[0.1, 0.1], [0.9, 0.1]]\n", "6: cameras[0].zones[0].polygon: has 2 points; a polygon needs 3 or more"),
    (KERB + "polygon = [[0, 0], [1, 0], [0, 0]]\n", "6: cameras[0].zones[0].polygon: has 2 points; a polygon needs 3 or more"),
    (KERB + "polygon = [\n  [0.1, 0.1],\n  # a comment\n  [0.9, 1.1],\n  [0.9, 0.9]]\n", "9: cameras[0].zones[0].polygon[1]: [0.9, 1.1] is outside the picture; x and y are 0 to 1"),
    (KERB + "polygon = [[0.1, 0.1],\n  [640, 360], [0.9, 0.9]]\n", "7: cameras[0].zones[0].polygon[1]: [640, 360] is outside the picture; x and y are 0 to 1 (shares of width and height, not pixels)"),
    (KERB + "polygon = [[0.1, 0.1], [0.9], [0.9, 0.9]]\n", "6: cameras[0].zones[0].polygon[1]: must be a point [x, y]"),
    (KERB + "polygon = [[0.1, 0.1], [0.9, true], [0.9, 0.9]]\n", "6: cameras[0].zones[0].polygon[1]: must be a point [x, y]"),
    (KERB + "polygon = [[0, 0], [1, 1], [1, 0], [0, 1]]\n", "6: cameras[0].zones[0].polygon: crosses or touches itself at [0.5, 0.5]"),
    (KERB + "polygon = [[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]\n", "6: cameras[0].zones[0].polygon: has no area: its points lie on one line"),
    (KERB + f"polygon = {SQUARE}\noverlap = 50\n", "7: cameras[0].zones[0].overlap: 50 is out of range; write a share above 0 and up to 1"),
    (KERB + f"polygon = {SQUARE}\ndwell = 0\n", "7: cameras[0].zones[0].dwell: must be longer than 0s"),
    (KERB + f'polygon = {SQUARE}\nactive = ["Mo-Fr 08:00-20:00"]\n', "7: cameras[0].zones[0].active: 'Mo-Fr 08:00-20:00': 'Mo-Fr' is no weekday; choose Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
    (KERB + f"polygon = {SQUARE}\nactive = []\n", "7: cameras[0].zones[0].active: is empty; leave it out for always, or write enabled = false"),
    (KERB + f"polygon = {SQUARE}\nactive = [08:00:00]\n", '7: cameras[0].zones[0].active: must be a list of texts such as "Mon-Fri 08:00-20:00"'),
    # [[rules]]
    ('[[rules]]\nzone = "lane"\nlabels = ["car", "lorry"]\ndwell = 5\n', "3: rules[0].labels[1]: 'lorry' is not allowed; choose street_stall, storefront_goods, construction_waste, garbage_heap, person, bicycle, motorcycle, tricycle, car, truck, bus, cone, barrier"),
    ('[[rules]]\nzone = "lane"\nlabels = ["person"]\ndwell = 5\n', f"3: rules[0].labels[0]: 'person' makes no matter in a lane zone; choose {LANE_LABELS}"),
    ('[[rules]]\nzone = "ignore"\nlabels = ["car"]\ndwell = 5\n', "2: rules[0].zone: 'ignore' zones report nothing, so they have no rules"),
    ('[[rules]]\nzone = "lane"\nlabels = []\ndwell = 5\n', f"3: rules[0].labels: is empty; choose {LANE_LABELS}"),
    ('[[rules]]\nzone = "lane"\nlabels = ["car"]\n', "1: rules[0]: changes nothing; add dwell, overlap, presence, clear, active, enabled"),
    # not TOML at all
    ('[site]\nname = "x\n', "2: not TOML: Illegal character '\\n'"),
    ("[site]\n\nname 3\n", "3: not TOML: Expected '=' after a key in a key/value pair"),
    ("[site]\n[site]\n", "2: not TOML: Cannot declare ('site',) twice"),
    ("a = [1,\n2,\n", "3: not TOML: Invalid value"),
    ("a = " + "[" * 5000, "1: not TOML: too many brackets within brackets"),
    ("a = " + "9" * 5000, "1: not TOML: a value cannot be read"),
]  # fmt: skip


def check(tmp_path, monkeypatch, text: str | bytes):
    monkeypatch.chdir(tmp_path)
    raw = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "site.toml").write_bytes(raw)
    return check_site(Path("site.toml"), variables={"EMPTY": "", "PW": "s3cret/p@ss"})


@pytest.mark.parametrize(("text", "line"), ONE_MISTAKE)
def test_a_mistake_is_one_exact_line(tmp_path, monkeypatch, text, line) -> None:
    found = check(tmp_path, monkeypatch, text)
    assert found.problems == (f"site.toml:{line}",)
    assert found.site is None


def test_every_mistake_is_found_in_the_order_of_the_file(tmp_path, monkeypatch) -> None:
    text = """\
[site]
division = "421002"
communities = "none.geojson"

[[cameras]]
id = "gate"
lon = 200
community = "421003001001"

[[cameras.zones]]
id = "a"
kind = "lanes"
polygon = [[0, 0], [1, 1]]

[[cameras]]
id = "gate"

[[rules]]
zone = "frontage"
labels = ["car"]
dwell = "5 minutes"
"""
    assert check(tmp_path, monkeypatch, text).problems == (
        "site.toml:3: site.communities: none.geojson: No such file or directory",
        "site.toml:7: cameras[0].lon: 200 is out of range; allowed are -180 to 180",
        "site.toml:7: cameras[0].lon: needs lat as well",
        "site.toml:8: cameras[0].community: '421003001001' does not begin with "
        "the site's division '421002'",
        f"site.toml:12: cameras[0].zones[0].kind: 'lanes' is not allowed; choose {KINDS} "
        "(did you mean 'lane'?)",
        "site.toml:13: cameras[0].zones[0].polygon: has 2 points; a polygon needs 3 or more",
        "site.toml:16: cameras[1].id: 'gate' is the id of cameras[0] too",
        "site.toml:20: rules[0].labels[0]: 'car' makes no matter in a frontage zone; choose "
        "storefront_goods, street_stall, construction_waste, garbage_heap",
        "site.toml:21: rules[0].dwell: '5 minutes' is no duration; "
        "write 90s, 5m, 2h, 30d or seconds",
    )


def test_text_that_is_not_utf8_has_its_line(tmp_path, monkeypatch) -> None:
    found = check(tmp_path, monkeypatch, '[site]\n\nname = "沙市"\n'.encode("gb18030"))
    assert found.problems == ("site.toml:3: not UTF-8 text; save the file as UTF-8",)


def test_notepads_byte_order_mark_is_no_mistake(tmp_path, monkeypatch) -> None:
    found = check(tmp_path, monkeypatch, b"\xef\xbb\xbf" + '[site]\r\nname = "沙市"\r\n'.encode())
    assert found.site is not None
    assert found.site.name == "沙市"


@pytest.mark.parametrize(
    "text",
    [
        'url = "rtsp://admin:hunter2@10.0.0.8:port/stream"',
        'url = "admin:hunter2@10.0.0.8/stream"',
        'url = "rtsp://admin:hunter2/x@10.0.0.8/stream"',
        'url = "rtsp://${PW}:0/x"',
        'url = "rtsp://ho st/${PW}"',
        'gb_id = "rtsp://admin:hunter2@10.0.0.8/stream"',
        'every = ["rtsp://admin:hunter2@10.0.0.8/stream"]',
        'zones = ["rtsp://admin:hunter2@10.0.0.8/stream"]',
        'id = "rtsp://admin:hunter2@10.0.0.8/stream"',
        'coord_sys = "admin:hunter2@10.0.0.8"',
    ],
)
def test_no_message_shows_a_password(tmp_path, monkeypatch, text) -> None:
    own_id = "" if text.startswith("id") else 'id = "gate"\n'
    found = check(tmp_path, monkeypatch, f"[[cameras]]\n{own_id}{text}\n")
    assert found.problems
    for secret in ("hunter2", "s3cret", "p@ss"):
        assert secret not in " ".join(found.problems)


def test_loading_tells_the_first_mistake_and_how_many_follow(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "site.toml"
    path.write_text("[site]\nname = 3\ncodes = 4\ntimezone = 5\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert str(caught.value) == (
        f"{path}:2: site.name: must be text in quotes, not a number "
        f"(and 2 more: kerbwatch site check {path})"
    )


def test_a_missing_file_says_how_to_begin(tmp_path) -> None:
    path = tmp_path / "site.toml"
    with pytest.raises(SiteError, match="no such file; write one with: kerbwatch site init"):
        load_site(path)
    with pytest.raises(SiteError, match="Is a directory"):
        load_site(tmp_path)
