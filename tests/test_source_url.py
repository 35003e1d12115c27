from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import pytest

from cv.detect.frames import SourceUrl, redact
from cv.errors import SourceError

SECRET = "Hush4711"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"rtsp://admin:{SECRET}@10.0.0.8:554/ch1", "rtsp://***@10.0.0.8:554/ch1"),
        (f"rtsp://{SECRET}@10.0.0.8/ch1", "rtsp://***@10.0.0.8/ch1"),
        (f"rtsps://admin:a@b@{SECRET}@host/ch1?channel=2", "rtsps://***@host/ch1?channel=2"),
        (f"rtsp://admin:'{SECRET}\"@host/ch1", "rtsp://***@host/ch1"),
        (f"RTSP://admin:{SECRET}@[fe80::1]:554/ch1", "RTSP://***@[fe80::1]:554/ch1"),
        (f"http://host/v?user=root&pwd={SECRET}&c=1", "http://host/v?user=***&pwd=***&c=1"),
        (f"https://host/v.m3u8?auth_key={SECRET}/+=&x=1", "https://host/v.m3u8?auth_key=***&x=1"),
        (f"https://host/v?txSecret={SECRET}&txTime=5", "https://host/v?txSecret=***&txTime=5"),
        (f"https://host/v?X-Amz-Signature={SECRET}", "https://host/v?X-Amz-Signature=***"),
        (f"https://host/v?zz={SECRET}aaaabbbbccccdddd", "https://host/v?zz=***"),
        (f"rtsp://host/user=admin_password={SECRET}_channel=1.sdp", "rtsp://host/user=***"),
        ("rtsp://host/ch1?channel=1&subtype=0", "rtsp://host/ch1?channel=1&subtype=0"),
    ],
)
def test_an_address_shows_neither_user_nor_password_nor_token(address, shown):
    url = SourceUrl(address)
    views = [str(url), repr(url), f"{url}", f"{url:>5}", f"{url!r}", str([url])]
    assert str(url) == shown
    assert not any(SECRET in view for view in views)
    assert url.reveal() == address


def test_an_address_is_neither_pickled_nor_serialised_by_accident():
    @dataclass
    class Holder:
        url: SourceUrl

    url = SourceUrl(f"rtsp://admin:{SECRET}@host/ch1")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps([url], protocol)
    with pytest.raises(TypeError):
        json.dumps(url)
    assert asdict(Holder(url))["url"] is url
    assert copy.deepcopy(url) is url


def test_addresses_are_equal_only_with_their_secrets():
    one, same, other = (SourceUrl(f"rtsp://u:{p}@host/ch1") for p in ("a1", "a1", "b2"))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other


@pytest.mark.parametrize(
    "address",
    [
        f"rtsp://admin:{SECRET}/x@host/ch1",
        f"rtsp://admin:12/{SECRET}@host/ch1",
        f"rtsp://admin:12?{SECRET}@host/ch1",
        f"rtsp://admin:#{SECRET}@host/ch1",
        f"rtsp://admin:{SECRET} x@host/ch1",
        f"rtsp://admin:{SECRET}\n@host/ch1",
        f"ftp://admin:{SECRET}@host/ch1",
        f"rtmp://admin:{SECRET}@host/ch1?token={SECRET}",
        f"rtsp://admin:{SECRET}@",
    ],
)
def test_a_malformed_address_is_refused_in_one_line_without_its_password(address):
    with pytest.raises(SourceError) as caught:
        SourceUrl(address)
    message = str(caught.value)
    assert SECRET not in message
    assert "\n" not in message


def test_a_refused_scheme_names_the_allowed_ones():
    with pytest.raises(SourceError, match="rtsp://, rtsps://, http://, https://"):
        SourceUrl("rtmp://host/live")


def test_a_message_about_a_source_loses_its_secrets_however_they_are_written():
    url = SourceUrl("rtsp://admin:p%40ssw0rd@host/ch1?token=t0k")
    message = f"open '{url.reveal()}' as admin:p@ssw0rd failed: p@ssw0rd, p%40ssw0rd"
    cleaned = url.redact(message)
    assert "ssw0rd" not in cleaned
    assert "t0k" not in cleaned


def test_addresses_inside_any_text_are_redacted():
    text = f"got http://a:{SECRET}@h/x?sig={SECRET} and rtsp://b:{SECRET}@i"
    assert redact(text) == "got http://***@h/x?sig=*** and rtsp://***@i"
    assert redact("mail x@y.org about C:/a") == "mail x@y.org about C:/a"


def test_logging_an_address_shows_no_secret(caplog):
    url = SourceUrl(f"rtsp://admin:{SECRET}@host/ch1")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r", url, {"url": url})
    assert SECRET not in caplog.text
