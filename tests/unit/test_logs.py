"""Log lines: what is masked and what is left whole, their form, and how floods are held back."""

import io
import json
import logging
import os
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.logs import RepeatBound, configure, mask, mask_text


@pytest.fixture
def lines() -> "Lines":
    """The root logger as the service sets it up, writing into memory."""
    written = Lines()
    configure("DEBUG", stream=written.stream, clock=lambda: written.now)
    return written


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.now = 0.0

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def only(self) -> dict[str, Any]:
        (line,) = self.all()
        return line


log = logging.getLogger("service.test")

# Masking


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("13812348888", "138****8888"),
        ("138 1234-8888", "138****8888"),
        ("+8613812348888", "+86138****8888"),
        ("008613812348888", "008****8888"),
        ("01089898989", "010****8989"),
        ("075512345678", "0755****5678"),
        ("12345678", "****5678"),
        ("1234567", "****567"),
        ("１３８１２３４８８８８", "１３８****８８８８"),
        ("95588", "95588"),
        ("", ""),
    ],
)
def test_a_number_loses_the_four_digits_before_its_last_four(number: str, expected: str) -> None:
    assert mask(number) == expected


@given(st.from_regex(r"\+?[0-9]{7,40}", fullmatch=True))
def test_four_digits_of_every_number_are_hidden_and_stay_so(number: str) -> None:
    hidden = mask(number)
    assert len(hidden.replace("*", "").lstrip("+")) <= len(number.lstrip("+")) - 4
    assert mask_text(hidden) == hidden


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(), st.text())
def test_no_mobile_number_is_left_in_any_text(number: str, before: str, after: str) -> None:
    assume(not before[-1:].isalnum())
    assume(not after[:1].isalnum())
    assert number not in mask_text(f"{before}{number}{after}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to 13812348888, 01089898989", "to 138****8888, 010****8989"),
        ("138 1234 8888", "138****8888"),
        ("138-1234-8888", "138****8888"),
        ("138\u200b1234\u200b8888", "138****8888"),
        ("010-8989 8989", "010****8989"),
        ("tel:+86-138-1234-8888", "tel:+86138****8888"),
        ("+1 732 148 0000", "+173****0000"),
        ("+44 20 7946 0958", "+4420****0958"),
        ("400-123-4567", "40****4567"),
        ("PhoneNumber.1=13812348888", "PhoneNumber.1=138****8888"),
        ("1.13812348888", "1.138****8888"),
        ("1732148000.13812348888", "1732148000.138****8888"),
        ("0x13812348888", "0x138****8888"),
        ("call-13812348888-1", "call-138****8888-1"),
        ("n13812348888", "n138****8888"),
        ("%2B008613812348888", "%2B008****8888"),
        (r"b'GET /\xff13812348888'", r"b'GET /\xff138****8888'"),
        ("1381234888813912345678", "138****5678"),
        ("2026-11-20 13812348888", "2026-11-20 138****8888"),
    ],
)
def test_a_number_is_masked_wherever_it_stands(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 23:50:10,123",
        "2026-11-20T23:50:10.123456Z",
        "at 1732148000",
        "at 1732148000123 and 1732148000123456",
        "at 1732148000.1234567",
        "took 0.0123456789 s",
        "123e4567-e89b-12d3-a456-426614174000",
        "4BC0F123-1234-5678-9012-123456789012",
        "25eeb80e0cf5e84ac834a51dfccfb53e",
        "deadbeef12345678",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "<Task at 0x7f1234567890>",
        "192.168.100.200:43210 -> 10.0.0.1:6379",
        "GET /healthz 200 1024 35",
        "138****8888",
    ],
)
def test_ids_instants_and_addresses_are_left_whole(text: str) -> None:
    assert mask_text(text) == text


# The lines


def test_a_line_is_one_json_object(lines: Lines) -> None:
    log.info("swept %d numbers", 3, extra={"instance": "ccc-test", "seconds": 0.5})
    line = lines.only()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "service.test",
        "pid": os.getpid(),
        "message": "swept 3 numbers",
        "instance": "ccc-test",
        "seconds": 0.5,
    }


def test_the_time_is_utc_in_milliseconds(lines: Lines) -> None:
    record = log.makeRecord("service.test", logging.INFO, "", 0, "x", (), None)
    record.created = 1_732_148_000.1239
    log.handle(record)
    assert lines.only()["time"] == "2024-11-21T00:13:20.123Z"


def test_a_number_is_masked_in_the_message_its_arguments_and_the_extra_fields(
    lines: Lines,
) -> None:
    log.info(
        "13812348888 to %s and %d",
        "13812348888",
        13812348888,
        extra={"callee": "13812348888", "all": [{"13812348888": 13812348888}, {8613812348888}]},
    )
    text = lines.stream.getvalue()
    assert "1234" not in text
    assert text.count("138****8888") == 7


def test_integers_that_are_instants_or_counts_stay_integers(lines: Lines) -> None:
    extra = {"at": 1_732_148_000_123, "bytes": 10_485_760, "big": 2**80}
    log.info("x", extra=extra)
    line = lines.only()
    assert (line["at"], line["bytes"]) == (1_732_148_000_123, 10_485_760)


def test_a_number_is_masked_in_a_traceback(lines: Lines) -> None:
    try:
        int("x13812348888")
    except ValueError:
        log.exception("failed")
    exception = lines.only()["exception"]
    assert exception.startswith("Traceback")
    assert exception.endswith("with base 10: 'x138****8888'")


def test_a_stack_that_was_asked_for_is_written(lines: Lines) -> None:
    log.info("x", stack_info=True)
    assert lines.only()["stack"].startswith("Stack (most recent call last):")


def test_a_message_that_does_not_fit_its_arguments_is_written_and_masked(lines: Lines) -> None:
    log.info("%d and %d", "13812348888")  # noqa: PLE1206 (the mistake is the test)
    assert lines.only()["message"] == "%d and %d ('138****8888',)"


def test_text_that_is_no_unicode_is_written(lines: Lines) -> None:
    log.info("\ud800", extra={"object": object, "nan": float("nan")})
    assert lines.only()["message"] == "\\ud800"


def test_a_long_text_is_cut(lines: Lines) -> None:
    log.info("x" * 100_000)
    message = lines.only()["message"]
    assert message.endswith("… (100000 characters)")
    assert len(message) < 10_000


def test_an_extra_field_cannot_hide_the_lines_own(lines: Lines) -> None:
    log.info("x", extra={"level": "none", "time": "never"})
    line = lines.only()
    assert line["level"] == "info"
    assert line["time"] != "never"


def test_libraries_write_the_same_lines(lines: Lines) -> None:
    logging.getLogger("aiohttp.server").error("bad request b'\\x0013812348888'")
    line = lines.only()
    assert line["logger"] == "aiohttp.server"
    assert line["message"] == "bad request b'\\x00138****8888'"


def test_configuring_twice_writes_each_line_once(lines: Lines) -> None:
    configure("INFO", stream=lines.stream)
    log.info("x")
    log.debug("y")
    assert lines.only()["message"] == "x"


def test_a_login_in_an_address_is_not_written(lines: Lines) -> None:
    log.error(
        "%s", "no way to redis://user:hunter/2#@a@host:6379/0", extra={"proxy": "http://hunter2@h"}
    )
    line = lines.only()
    assert line["message"] == "no way to redis://…@host:6379/0"
    assert line["proxy"] == "http://…@h"


# Other libraries


@pytest.mark.parametrize("imported", ["before", "after"])
def test_a_library_has_no_handler_of_its_own_and_its_small_talk_is_not_written(
    imported: str, request: pytest.FixtureRequest
) -> None:
    own = io.StringIO()
    name = f"a_library.{imported}"
    if imported == "before":
        logging.getLogger(name).addHandler(logging.StreamHandler(own))
        logging.getLogger(name).propagate = False
    lines: Lines = request.getfixturevalue("lines")
    library = logging.getLogger(name)
    if imported == "after":
        library.addHandler(logging.StreamHandler(own))
    library.setLevel(logging.DEBUG)
    library.info("Running job for 13812348888")
    library.warning("no key for 13812348888")
    line = lines.only()
    assert (line["level"], line["message"]) == ("warning", "no key for 138****8888")
    assert own.getvalue() == ""


# Floods


def test_repetitions_beyond_ten_a_second_are_counted_and_not_written(lines: Lines) -> None:
    for at in range(13_280):
        log.error("accept failed: fd %s", at)
    assert len(lines.all()) == 10
    lines.now = 1.0
    log.error("accept failed: fd %s", 0)
    assert lines.all()[-1]["suppressed"] == 13_270
    lines.now = 2.0
    log.error("accept failed: fd %s", 0)
    assert "suppressed" not in lines.all()[-1]


def test_a_flood_of_one_template_leaves_the_others_alone(lines: Lines) -> None:
    for _ in range(100):
        log.error("accept failed")
    log.error("another")
    logging.getLogger("elsewhere").error("accept failed")
    assert [line["message"] for line in lines.all()[-2:]] == ["another", "accept failed"]


def test_texts_that_differ_by_their_digits_alone_are_one_template(lines: Lines) -> None:
    for at in range(100):
        log.error(f"accept failed on fd={at}")  # noqa: G004 (what asyncio does)
    assert len(lines.all()) == 10


def test_every_line_of_the_audit_is_written(lines: Lines) -> None:
    for _ in range(100):
        log.info("ops parked a number", extra={"audit": {"who": "ops"}})
    assert [line["audit"] for line in lines.all()] == [{"who": "ops"}] * 100


def test_texts_without_end_do_not_fill_the_memory() -> None:
    bound = RepeatBound(lambda: 0.0)
    for at in range(5_000):
        text = "".join(chr(ord("a") + int(digit)) for digit in str(at))
        record = log.makeRecord("x", logging.INFO, "", 0, text, (), None)
        assert bound.filter(record)
    assert len(bound._seen) <= 1_000
