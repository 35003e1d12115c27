"""Looking points up in a city's GeoJSON, and the shifted coordinates of Chinese maps."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.errors import SiteError
from cv.gcj02 import gcj02_to_wgs84, in_china, wgs84_to_gcj02
from cv.site.places import Places, metres_per_degree

WEST = (112.20, 30.30, 112.25, 30.35)
EAST = (112.25, 30.30, 112.30, 30.35)
GRID = (112.21, 30.31, 112.22, 30.32)


def feature(bounds, **properties):
    x1, y1, x2, y2 = bounds
    ring = [[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]]
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(*features, **more):
    return {"type": "FeatureCollection", "features": list(features), **more}


CITY = collection(
    feature(WEST, community="421002001001", name="西社区", street="中山街道"),
    feature(EAST, community=421002001002, name="东社区"),
    feature(GRID, grid="421002001001007"),
    feature((112.0, 30.0, 113.0, 31.0), name="沙市区, no code"),
)


@pytest.fixture
def load(tmp_path):
    def from_data(data) -> Places:
        path = tmp_path / "communities.geojson"
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        return Places.load(path)

    return from_data


def test_a_point_gets_the_community_that_it_lies_in(load) -> None:
    place = load(CITY).find(112.23, 30.33)
    assert (place.community, place.grid, place.distance_m) == ("421002001001", None, 0)
    assert (place.name, place.street) == ("西社区", "中山街道")


def test_a_grid_within_a_community_adds_its_code_and_the_community_adds_names(load) -> None:
    place = load(CITY).find(112.215, 30.315)
    assert (place.community, place.grid) == ("421002001001", "421002001001007")
    assert (place.name, place.street) == ("西社区", "中山街道")


def test_a_grid_alone_tells_its_community(load) -> None:
    place = load(collection(feature(GRID, grid="421002001001007"))).find(112.215, 30.315)
    assert place.community == "421002001001"


def test_a_number_is_as_good_as_text(load) -> None:
    assert load(CITY).find(112.28, 30.33).community == "421002001002"


def test_names_are_kept_on_one_printable_line(load) -> None:
    odd = collection(feature(WEST, community="421002001001", name="a\n\ud800 b\x00", street=7))
    place = load(odd).find(112.23, 30.33)
    assert (place.name, place.street) == ("a b", None)


def test_a_point_on_the_shared_edge_gets_one_of_the_two_always_the_same(load) -> None:
    assert load(CITY).find(112.25, 30.33).community == "421002001001"


def test_a_point_outside_gets_the_nearest_with_its_distance(load) -> None:
    place = load(CITY).find(112.305, 30.33)
    assert place.community == "421002001002"
    degree_m = 111_320 * math.cos(math.radians(30.33))
    assert place.distance_m == pytest.approx(0.005 * degree_m, rel=0.005)


def test_a_point_far_outside_is_nowhere(load) -> None:
    places = load(CITY)
    assert places.find(113.0, 30.33) is None
    assert places.nearest(113.0, 30.33)[1] > 60_000


@pytest.mark.parametrize(
    ("lat", "east", "north"), [(0, 111_319, 110_574), (45, 78_847, 111_132), (60, 55_800, 111_412)]
)
def test_metres_per_degree_agree_with_published_tables(lat, east, north) -> None:
    assert metres_per_degree(lat) == pytest.approx((east, north), abs=1)


def test_a_bow_tie_is_mended_and_still_found(load) -> None:
    crossed = feature(WEST, community="421002001001")
    crossed["geometry"]["coordinates"] = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
    assert load(collection(crossed)).find(0.9, 0.5).community == "421002001001"


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4490"])
def test_a_file_may_name_a_system_of_degrees(load, crs) -> None:
    assert len(load(CITY | {"crs": {"type": "name", "properties": {"name": crs}}})) == 3


def without_geometry():
    return feature(WEST, community="421002001001") | {"geometry": None}


def with_coordinates(coordinates):
    geometry = {"type": "Polygon", "coordinates": coordinates}
    return feature(WEST, community="421002001001") | {"geometry": geometry}


def test_a_map_in_gb18030_says_how_it_has_to_be_saved(tmp_path) -> None:
    path = tmp_path / "communities.geojson"
    path.write_text(json.dumps(CITY, ensure_ascii=False), encoding="gb18030")
    with pytest.raises(SiteError, match="not UTF-8 text; save the map as UTF-8"):
        Places.load(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is no GeoJSON FeatureCollection"),
        (collection(), "no polygon has a community"),
        (collection(feature(WEST, name="x")), "no polygon has a community"),
        (
            collection(feature(WEST, community="4210")),
            r"features\[0\]\.properties\.community: '4210' is not 12 digits",
        ),
        (
            collection(feature(WEST, grid="42100200100107")),
            r"features\[0\]\.properties\.grid: '42100200100107' is not 15 digits",
        ),
        (collection(without_geometry()), r"features\[0\]\.geometry: must be a Polygon"),
        (collection(with_coordinates([])), "coordinates are no polygon"),
        (collection(with_coordinates({"a": 1})), "coordinates are no polygon"),
        (collection(with_coordinates([[[1, 1]] * 4])), "coordinates are no polygon"),
        (collection(with_coordinates([[[10**400, 1], [1, 2], [2, 1]]])), "are no polygon"),
        (collection(with_coordinates([[[math.nan, 1], [1, 2], [2, 1]]])), "are no polygon"),
        (collection(with_coordinates([[1, 2]])), "coordinates are no polygon"),
        (collection(with_coordinates([[["a", 2]] * 4])), "coordinates are no polygon"),
        (
            collection(feature((500000, 3300000, 501000, 3301000), grid="421002001001007")),
            "must be degrees",
        ),
        (
            CITY | {"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::4527"}}},
            "crs 'urn:ogc:def:crs:EPSG::4527' is not degrees",
        ),
    ],
)
def test_an_unusable_file_is_named_with_what_is_wrong(load, data, message) -> None:
    with pytest.raises(SiteError, match=rf"communities\.geojson: .*{message}|{message}"):
        load(data)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(SiteError, match=r"none\.geojson: No such file"):
        Places.load(tmp_path / "none.geojson")


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        # The test points published with googollee/eviltransform: Shanghai, Shenzhen, Beijing.
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
    ],
)
def test_published_points_are_met_to_a_few_centimetres(wgs84, gcj02) -> None:
    assert wgs84_to_gcj02(*wgs84) == pytest.approx(gcj02, abs=3e-7)
    assert gcj02_to_wgs84(*gcj02) == pytest.approx(wgs84, abs=3e-7)


@given(st.floats(73, 137), st.floats(1, 55))
def test_there_and_back_is_the_same_point(lon, lat) -> None:
    shifted = wgs84_to_gcj02(lon, lat)
    assert gcj02_to_wgs84(*shifted) == pytest.approx((lon, lat), abs=1e-9)
    assert 0 < math.dist(shifted, (lon, lat)) < 0.02


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_outside_china_nothing_is_shifted(lon, lat) -> None:
    if not in_china(lon, lat):
        assert wgs84_to_gcj02(lon, lat) == gcj02_to_wgs84(lon, lat) == (lon, lat)


def test_a_grid_of_another_community_than_the_one_beside_it_is_told(tmp_path) -> None:
    path = tmp_path / "map.geojson"
    wrong = feature(WEST, community="421002001001", grid="421002001002007")
    path.write_text(json.dumps(collection(wrong)), encoding="utf-8")
    with pytest.raises(
        SiteError, match=r"features\[0\]\.properties\.grid: 421002001002007 does not"
    ):
        Places.load(path)


def test_the_levels_have_names_as_far_as_the_map_has_them(load) -> None:
    """A polygon without a grid is a community, so its name is the community's."""
    levels = {"street": "中山街道", "county": "沙市区", "city": "荆州市"}
    places = load(
        collection(
            feature(WEST, community="421002001001", name="西社区", **levels),
            feature(GRID, grid="421002001001007", name="七号网格"),
            feature(EAST, grid="421002001002001", name="一号网格", community_name="东社区"),
        )
    )
    grid = places.find(112.215, 30.315)
    assert (grid.name, grid.community_name) == ("七号网格", "西社区")
    assert (grid.street, grid.county, grid.city) == ("中山街道", "沙市区", "荆州市")
    east = places.find(112.27, 30.33)
    assert (east.name, east.community_name, east.county) == ("一号网格", "东社区", None)
