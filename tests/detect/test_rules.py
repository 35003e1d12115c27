"""From still objects to incidents, with hand-made boxes and times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cv.detect.detector import Detection
from cv.detect.incident import Change, Incident
from cv.detect.rules import IncidentRules
from cv.detect.state import FORMAT, WatchState, dump_state, parse_state
from cv.detect.still import StillObjects
from cv.geometry import Box
from cv.labels import LABELS, ZoneKind
from cv.site import Rule, Schedule, Zone

SIZE = (1000, 1000)
SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 14, 8, tzinfo=UTC)
ALWAYS = Schedule.parse([])
LOWER_HALF = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
LEFT = ((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0))
KERB = Zone(id="kerb", name="Kerb", kind=ZoneKind.LANE, polygon=LOWER_HALF)
FRONT = Zone(id="front", name="Front", kind=ZoneKind.FRONTAGE, polygon=LOWER_HALF)
CAR = Box(200, 600, 400, 720)
RULE = Rule(id="test", dwell_s=60, overlap=0.5, presence=0.6, clear_s=120, active=ALWAYS)


def see(label: str, box: Box = CAR, score: float = 0.8) -> Detection:
    return Detection(label, score, box)


class Scene:
    """One camera with zones and a rule; feeds looks and keeps what changed."""

    def __init__(
        self,
        zones: Sequence[Zone] = (KERB,),
        rule: Rule = RULE,
        *,
        update_every_s: float = 0,
        known: str | None = None,
        gap_s: float = 30,
    ) -> None:
        self.still = StillObjects(dict.fromkeys(LABELS, 0.5))
        self.rules = IncidentRules(
            "gate",
            zones,
            lambda *_: rule,
            zone_time=SHANGHAI,
            longest_gap_s=gap_s,
            update_every_s=update_every_s,
            known=lambda _: known,
        )
        self.now = START
        self.changes: list[Change] = []

    def look(self, *detections: Detection, seconds: float = 1.0, times: int = 1) -> Scene:
        for _ in range(times):
            self.still.look(detections, self.now, SIZE, self.rules.is_open)
            self.changes += self.rules.look(self.still.objects, self.now, SIZE)
            self.now += timedelta(seconds=seconds)
        return self

    @property
    def events(self) -> list[str]:
        return [change.event for change in self.changes]

    @property
    def incidents(self) -> list[Incident]:
        return [change.incident for change in self.changes if change.event == "new"]

    def state(self) -> str:
        """What a watch would save now."""
        return dump_state(
            WatchState(
                format=FORMAT,
                last_look=self.now - timedelta(seconds=1),
                size=SIZE,
                next_key=self.still.next_key,
                objects=self.still.objects,
                candidates=list(self.rules.candidates.values()),
                issued=self.rules.issued,
                first_frames={},
            )
        )

    def restarted(self, text: str | None = None) -> Scene:
        """The same camera in a new process, through the saved JSON."""
        state = parse_state(text or self.state())
        assert state is not None
        fresh = Scene()
        fresh.still.restore(state.objects, state.next_key)
        fresh.rules.restore(state.candidates, state.issued, state.last_look)
        fresh.now = self.now
        return fresh


def test_a_parked_car_is_one_incident_after_its_dwell_and_for_two_hours() -> None:
    scene = Scene().look(see("car"), times=7200)
    (incident,) = scene.incidents
    assert scene.events == ["new"]
    assert (incident.matter, incident.label, incident.zone) == ("blocked_lane", "car", "kerb")
    assert incident.first_seen == START
    assert incident.confirmed_at == START + timedelta(seconds=60)


def test_a_change_is_foreseen_when_little_is_left_of_dwell_update_or_clear_time() -> None:
    scene = Scene(update_every_s=300)

    def soon() -> bool:
        return scene.rules.foreseen(scene.now, within_s=20) is not None

    def first(times: int, *seen: Detection) -> int | None:
        """In how many looks a change is foreseen."""
        return next((n for n in range(times) if scene.look(*seen) and soon()), None)

    assert not soon()
    assert first(60, see("car")) in range(38, 43)
    assert scene.rules.foreseen(scene.now, within_s=20) == START, "when the car came"
    scene.look(see("car"), times=40)
    assert (scene.events, soon()) == (["new"], False)
    assert first(300, see("car")) in range(250, 265)
    scene.look(see("car"), times=25)
    assert (scene.events, soon()) == (["new", "updated"], False)
    assert first(120) in range(97, 104)
    (open_one,) = (c.incident for c in scene.rules.candidates.values() if c.incident)
    assert scene.rules.foreseen(scene.now, within_s=20) == open_one.last_seen
    scene.look(times=25)
    assert (scene.events, soon()) == (["new", "updated", "cleared"], False)


def test_a_car_that_leaves_before_the_dwell_is_none() -> None:
    assert Scene().look(see("car"), times=59).look(times=600).changes == []


@pytest.mark.parametrize("speed", [2, 5, 30])
def test_moving_cars_never_become_incidents(speed: float) -> None:
    scene = Scene(rule=replace(RULE, dwell_s=120))
    for i in range(1200):
        scene.look(see("car", CAR.shifted((i * speed) % 600 - 200, 0)))
    assert scene.changes == []


def test_gone_for_the_clear_time_is_cleared_once() -> None:
    scene = Scene().look(see("car"), times=100).look(times=300)
    assert scene.events == ["new", "cleared"]
    cleared = scene.changes[1].incident
    assert cleared.state == "cleared"
    assert cleared.last_seen == START + timedelta(seconds=99)
    assert cleared.cleared_at == START + timedelta(seconds=100 + 120)


def test_back_within_the_clear_time_is_the_same_incident() -> None:
    scene = Scene().look(see("car"), times=100).look(times=100).look(see("car"), times=300)
    assert scene.events == ["new"]


def test_back_after_the_clear_time_is_another_incident() -> None:
    scene = Scene().look(see("car"), times=100).look(times=200).look(see("car"), times=100)
    assert scene.events == ["new", "cleared", "new"]
    first, second = scene.incidents
    assert first.id != second.id


def test_a_shoved_stall_is_the_same_incident() -> None:
    scene = Scene(zones=[FRONT])
    scene.look(see("street_stall"), times=100)
    scene.look(see("street_stall", CAR.shifted(90, 0)), times=300)
    assert scene.events == ["new"]


def test_a_crowd_before_a_stall_for_five_minutes_changes_nothing() -> None:
    scene = Scene(zones=[FRONT]).look(see("street_stall"), times=100)
    for i in range(300):
        scene.look(see("person", Box(220 + i % 5 * 9, 520, 380 + i % 5 * 9, 760)))
    assert scene.look(see("street_stall"), times=100).events == ["new"]


def test_hidden_for_three_clear_times_is_cleared() -> None:
    scene = Scene(zones=[FRONT]).look(see("street_stall"), times=100)
    scene.look(see("truck", Box(150, 450, 450, 760)), times=361)
    assert scene.events == ["new", "cleared"]


def test_seen_in_too_few_looks_is_none() -> None:
    scene = Scene(rule=replace(RULE, presence=0.8))
    for i in range(600):
        scene.look(*([see("car")] if i % 2 == 0 else []))
    assert scene.changes == []


def test_seen_in_enough_looks_is_one() -> None:
    scene = Scene(rule=replace(RULE, presence=0.6))
    for i in range(300):
        scene.look(*([see("car")] if i % 4 else []))
    assert scene.events == ["new"]


def test_two_sightings_half_an_hour_apart_make_waste_an_incident() -> None:
    rule = replace(RULE, dwell_s=1800, presence=0.5)
    scene = Scene(zones=[FRONT], rule=rule, gap_s=3600)
    scene.look(see("construction_waste"), seconds=1800).look(see("construction_waste"))
    assert [incident.matter for incident in scene.incidents] == ["construction_waste"]


def test_a_gap_without_looks_does_not_count_as_dwell() -> None:
    scene = Scene(gap_s=30).look(see("car"), times=10).look(see("car"), seconds=3600)
    assert scene.look(see("car"), times=5).changes == []


def test_what_stands_on_after_days_without_looks_is_not_known_to_have_stood_for_days() -> None:
    scene = Scene(gap_s=30, update_every_s=60).look(see("car"), times=80)
    scene.now += timedelta(days=3)
    scene.look(see("car"), times=10)
    assert scene.events == ["new", "updated"]
    assert scene.changes[0].incident.dwell_s == pytest.approx(60, abs=1)
    assert scene.changes[1].incident.dwell_s == pytest.approx(80 + 30, abs=1)


def test_a_gap_without_looks_neither_clears_nor_repeats() -> None:
    scene = Scene().look(see("car"), times=100)
    scene.now += timedelta(minutes=10)
    scene.look(times=2).look(see("car"), times=300)
    assert scene.events == ["new"]


def test_a_gap_after_a_missed_look_clears_no_more_than_a_gap_may_count() -> None:
    scene = Scene(gap_s=30).look(see("car"), times=100).look(times=1)
    scene.now += timedelta(minutes=10)
    scene.look(times=1).look(see("car"), times=100)
    assert scene.events == ["new"], "one missed look, a gap and one missed look are no absence"
    scene.look(times=1)
    scene.now += timedelta(minutes=10)
    assert scene.look(times=90).events == ["new"]
    assert scene.look(times=1).events == ["new", "cleared"], "after 30 s and 90 looks of one"


def test_a_gap_while_it_is_hidden_clears_no_more_than_a_gap_may_count() -> None:
    truck = see("truck", Box(150, 450, 450, 760))
    scene = Scene(zones=[FRONT], gap_s=30).look(see("street_stall"), times=100).look(truck)
    scene.now += timedelta(hours=1)
    scene.look(truck).look(see("street_stall"), times=10).look(truck)
    scene.now += timedelta(hours=1)
    assert scene.look(truck, times=330).events == ["new"]
    assert scene.look(truck).events == ["new", "cleared"], "after 30 s and 330 looks of one"


def test_absence_goes_on_after_a_restart() -> None:
    scene = Scene().look(see("car"), times=100).look(times=100).restarted()
    assert scene.look(times=20).events == []
    assert scene.look(times=1).events == ["cleared"]


def test_absence_in_a_state_of_before_it_was_kept_begins_anew() -> None:
    scene = Scene().look(see("car"), times=100).look(times=100)
    text = scene.state()
    for field in ("absent_s", "hidden_s"):
        text, removed = re.subn(rf'"{field}":[0-9.]+,', "", text)
        assert removed == 1
    again = scene.restarted(text)
    assert again.look(times=119).events == []
    assert again.look(times=1).events == ["cleared"], "later than it would have, never earlier"


def test_a_restart_goes_on_with_the_same_incident_and_candidate() -> None:
    scene = Scene().look(see("car"), see("truck", CAR.shifted(250, 0)), times=61)
    assert scene.events == ["new", "new"]
    again = scene.restarted().look(see("car"), times=400)
    assert again.events == ["cleared"]
    assert again.changes[0].incident.id in {incident.id for incident in scene.incidents}
    waiting = Scene().look(see("car"), times=50).restarted().look(see("car"), times=11)
    assert [incident.first_seen for incident in waiting.incidents] == [START]


def test_the_same_input_gives_the_same_ids_and_side_by_side_gives_two() -> None:
    def run() -> list[str]:
        stalls = [see("street_stall"), see("street_stall", CAR.shifted(190, 0))]
        scene = Scene(zones=[FRONT]).look(*stalls, times=100)
        return [incident.id for incident in scene.incidents]

    assert run() == run()
    assert len(set(run())) == 2


def test_beside_one_that_stays_for_ever_no_more_ids_are_kept_than_may_come_up_again() -> None:
    heap, scene = see("car", CAR.shifted(400, 0)), Scene()
    for _ in range(20):
        scene.look(see("car"), heap, times=70).look(heap, times=130)
    assert scene.events.count("cleared") == 20
    assert len({incident.id for incident in scene.incidents}) == 21
    assert len(scene.rules.issued) <= 3


def test_an_incident_that_the_store_knows_keeps_its_id() -> None:
    scene = Scene(known="kw-known").look(see("car"), times=100)
    assert [incident.id for incident in scene.incidents] == ["kw-known"]


def test_of_two_that_are_ready_in_one_look_one_is_what_the_store_knows() -> None:
    stalls = [see("street_stall"), see("street_stall", CAR.shifted(190, 0))]
    scene = Scene(zones=[FRONT], known="ph-known").look(*stalls, times=100)
    ids = [incident.id for incident in scene.incidents]
    assert ids.count("ph-known") == 1
    assert len(set(ids)) == 2


def test_a_car_outside_the_zone_or_hardly_in_it_is_none() -> None:
    left = (
        replace(KERB, polygon=LEFT)
        if not hasattr(KERB, "model_copy")
        else KERB.model_copy(update={"polygon": LEFT})
    )
    for box, expected in ((CAR, 1), (CAR.shifted(400, 0), 0), (CAR.shifted(220, 0), 0)):
        scene = Scene(zones=[left]).look(see("car", box), times=100)
        assert len(scene.incidents) == expected


def test_persons_and_wrong_labels_make_no_incident() -> None:
    scene = Scene(zones=[FRONT]).look(see("person"), see("car"), see("cone"), times=400)
    assert scene.changes == []


def test_one_object_in_two_zones_is_one_incident_of_the_graver_kind() -> None:
    fire = Zone(id="fire", name="Fire", kind=ZoneKind.FIRE_LANE, polygon=LOWER_HALF)
    scene = Scene(zones=[KERB, fire]).look(see("car"), times=400)
    assert [incident.zone for incident in scene.incidents] == ["fire"]


def test_allowed_hours_do_not_count_towards_the_dwell() -> None:
    night = replace(RULE, active=Schedule.parse(["02:00-18:00"]))
    scene = Scene(zones=[FRONT], rule=night)
    scene.now = datetime(2026, 3, 14, 1, 50, tzinfo=SHANGHAI).astimezone(UTC)
    scene.look(see("street_stall"), times=1200)
    (incident,) = scene.incidents
    assert incident.first_seen.astimezone(SHANGHAI).strftime("%H:%M:%S") == "02:00:00"
    assert incident.confirmed_at.astimezone(SHANGHAI).strftime("%H:%M:%S") == "02:01:00"


def test_an_open_incident_reports_itself_again_at_the_interval() -> None:
    scene = Scene(update_every_s=1800).look(see("car"), times=2 * 3600)
    assert scene.events == ["new", "updated", "updated", "updated"]


def test_a_change_of_picture_size_keeps_the_incident() -> None:
    scene = Scene().look(see("car"), times=100)
    state = WatchState(
        format=FORMAT,
        last_look=scene.now,
        size=SIZE,
        next_key=9,
        objects=scene.still.objects,
        candidates=list(scene.rules.candidates.values()),
        issued={},
        first_frames={},
    ).resized((500, 500))
    assert state.objects[0].box == pytest.approx([edge / 2 for edge in CAR])
    assert state.candidates[0].incident is not None
    assert state.candidates[0].incident.size == (500, 500)
