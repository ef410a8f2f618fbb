"""The event log against a real HTTP server: batches, outages, stop requests, fencing, and the spool."""

import json
import socket
import threading

import pytest
from conftest import of_type, run, spooled
from gateway import Gateway

from triad_trainer import events as events_module
from triad_trainer.errors import ExitCode
from triad_trainer.events import EventLog


def open_log(tmp_path, url, fenced=None):
    return EventLog(tmp_path, url, 1, "secret", on_fenced=(fenced if fenced is not None else []).append)


def test_events_arrive_numbered_with_the_token(tmp_path, gateway):
    log = open_log(tmp_path, gateway.url)
    for index in range(1200):
        log.log("info", f"message {index}")
    assert log.close(30)
    assert [gateway.stored[seq]["message"] for seq in range(1, 1201)] == [f"message {index}" for index in range(1200)]
    assert gateway.authorization == {"Bearer secret"}
    assert spooled({"outputDir": str(tmp_path)}) == [gateway.stored[seq] for seq in range(1, 1201)]


def test_events_of_an_outage_arrive_later(tmp_path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    log = open_log(tmp_path, f"http://127.0.0.1:{port}/events")
    log.log("info", "while the gateway is down")
    gateway = Gateway(port)
    try:
        gateway.wait_for(lambda gateway: 1 in gateway.stored)
        gateway.status = 503
        log.log("info", "while the gateway is ill")
        gateway.wait_for(lambda gateway: gateway.requests > 2)
        gateway.status = 200
        assert log.close(30)
        assert sorted(gateway.stored) == [1, 2]
    finally:
        gateway.close()


def test_what_the_gateway_does_not_take_stays_in_the_spool(tmp_path, gateway):
    gateway.status = 500
    log = open_log(tmp_path, gateway.url)
    log.log("info", "not taken")
    assert not log.close(0.5)
    assert [event["message"] for event in spooled({"outputDir": str(tmp_path)})] == ["not taken"]


def test_a_restarted_attempt_goes_on_counting_and_sends_its_spool(tmp_path, gateway):
    spool = tmp_path / "spool" / "events.jsonl"
    spool.parent.mkdir()
    first = {"seq": 1, "at": "2026-11-23T10:00:00Z", "type": "log", "level": "info", "message": "before"}
    spool.write_text(json.dumps(first) + '\n{"seq": 2, "at": "2026-')
    log = open_log(tmp_path, gateway.url)
    log.log("info", "after")
    assert log.close(30)
    assert [gateway.stored[seq]["message"] for seq in (1, 2)] == ["before", "after"]
    assert [event["seq"] for event in spooled({"outputDir": str(tmp_path)})] == [1, 2]


def test_a_quiet_run_shows_life_and_hears_the_stop_request(tmp_path, gateway, monkeypatch):
    monkeypatch.setattr(events_module, "HEARTBEAT_SECONDS", 0.05)
    log = open_log(tmp_path, gateway.url)
    log.log("info", "the only event")
    gateway.wait_for(lambda gateway: gateway.requests > 2)
    gateway.stop = True
    assert log.stop_requested.wait(30)
    assert log.close(30)
    assert list(gateway.stored) == [1]


@pytest.mark.parametrize("status", [401, 409])
def test_a_fenced_attempt_is_told_once_and_sends_nothing_more(tmp_path, gateway, status):
    told = threading.Event()
    reasons = []

    def on_fenced(reason):
        reasons.append(reason)
        told.set()

    gateway.status = status
    log = EventLog(tmp_path, gateway.url, 1, "secret", on_fenced=on_fenced)
    log.log("info", "too late")
    assert told.wait(30)
    log.log("info", "later still")
    assert not log.close(1)
    assert gateway.requests == 1
    assert len(reasons) == 1
    assert str(status) in reasons[0]


def test_a_stop_request_makes_a_checkpoint_and_stops(make_spec, gateway):
    gateway.stop = True
    spec = make_spec("sft", maxSteps=500, checkpointEverySteps=500, eventsUrl=gateway.url)
    code, events = run(spec)
    assert code == ExitCode.STOPPED
    (finished,) = of_type(events, "finished")
    assert finished["outcome"] == "stopped"
    assert finished["step"] < 500
    stopped_at = [finished["step"]] if finished["step"] else []
    assert [event["step"] for event in of_type(events, "checkpoint")] == stopped_at
    assert not of_type(events, "artefact")
    assert events == [gateway.stored[seq] for seq in sorted(gateway.stored)]


def test_what_is_posted_belongs_to_the_trace_that_started_the_run(tmp_path, gateway):
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    log = EventLog(tmp_path, gateway.url, 1, "secret", on_fenced=print, traceparent=traceparent)
    log.log("info", "traced")
    assert log.close(30)
    assert gateway.traceparents == {traceparent}
