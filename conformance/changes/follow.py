"""Follows the changes of a running Wardnet as a client would, and checks what it is told."""

import json
import os
import subprocess
import threading
import time

import httpx
from httpx_sse import connect_sse

URL = os.environ["URL"] + "/v1/changes"
READER = {"Authorization": "Bearer " + os.environ["READER"]}
WARDNET = [os.environ["WARDNET_BIN"], "--data-dir", os.environ["WORK"] + "/data"]
CLIENT = httpx.Client(headers=READER, timeout=40)


def wardnet(*words):
    subprocess.run([*WARDNET, *words], check=True, stdout=subprocess.DEVNULL)


def check(what, holds):
    if not holds:
        raise SystemExit(f"conformance: {what}")


def poll(**parameters):
    reply = CLIENT.get(URL, params=parameters)
    check(f"a poll answered {reply.status_code}: {reply.text}", reply.status_code == 200)
    return reply.json()


class Stream(threading.Thread):
    """Reads events until there are as many as wanted, or the stream ends."""

    def __init__(self, wanted, last=None, **parameters):
        super().__init__(daemon=True)
        self.wanted, self.parameters, self.events = wanted, parameters, []
        self.headers = {"Last-Event-ID": last} if last else {}
        self.begun = threading.Event()
        self.start()
        check("a stream did not begin", self.begun.wait(10))

    def run(self):
        with httpx.Client(headers=READER, timeout=40) as client:
            with connect_sse(
                client, "GET", URL, params=self.parameters, headers=self.headers
            ) as source:
                source.response.raise_for_status()
                self.begun.set()
                for event in source.iter_sse():
                    # The greeting and signs of life have no data.
                    if event.data:
                        self.events.append(event)
                    if len(self.events) >= self.wanted:
                        return

    def result(self):
        self.join(20)
        check(f"a stream had {len(self.events)} of {self.wanted} events", not self.is_alive())
        return self.events


print("a decision reaches a stream and a poll at once")
cursor = poll()["cursor"]
stream = Stream(1)
begun = time.monotonic()
wardnet("block", "bad-shop.top")
(event,) = stream.result()
check("it took more than two seconds", time.monotonic() - begun < 2)
change = json.loads(event.data)
check(f"not the change: {change}", event.event == "change")
check(f"not the change: {change}", change["indicator"] == "bad-shop.top" and change["old"] is None)
check(f"not the change: {change}", change["new"]["band"] == "malicious")
polled = poll(cursor=cursor, wait=5)
check("the poll tells another", polled["changes"] == [change] and polled["cursor"] == event.id)
check("the same again", poll(cursor=polled["cursor"])["changes"] == [])

print("a poll waits")
with httpx.Client(headers=READER, timeout=40) as waiting:
    answers = []
    ask = lambda: answers.append(waiting.get(URL, params={"cursor": event.id, "wait": 20}).json())
    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.5)
    check("the poll did not wait", thread.is_alive())
    wardnet("block", "worse-shop.top")
    thread.join(10)
    check("the poll heard nothing", answers and answers[0]["changes"][0]["indicator"] == "worse-shop.top")

print("a stream that broke off goes on: nothing is missed or repeated")
names = [f"name{number}.top" for number in range(500)]
feed = os.environ["WORK"] + "/names"
with open(feed, "w") as file:
    file.write("\n".join(names))
first = Stream(100)
wardnet("ingest", "--source", "names", "--category", "phishing", feed)
head = first.result()
tail = Stream(400, last=head[-1].id).result()
told = [json.loads(event.data) for event in head + tail]
numbers = [change["seq"] for change in told]
check("numbers with gaps", numbers == list(range(numbers[0], numbers[0] + 500)))
check("other names", sorted(change["indicator"] for change in told) == sorted(names))

print("filters")
filtered = Stream(1, last=head[0].id, kind="ipv4", risk_min="100")
wardnet("block", "one-more.top")
wardnet("block", "101.2.3.4")
(event,) = filtered.result()
check("another kind passed", json.loads(event.data)["indicator"] == "101.2.3.4")
for wrong in ({"kinds": "ipv4"}, {"kind": "ip"}, {"risk_min": "101"}, {"cursor": "7"}):
    reply = CLIENT.get(URL, params=wrong)
    check(f"{wrong} gives {reply.status_code}", reply.status_code == 400)

print("a snapshot is the sum of the changes")
lines = CLIENT.get(URL + "/snapshot", params={"kind": "domain"}).text.splitlines()
begin, *entries, end = map(json.loads, lines)
listed = {entry["indicator"] for entry in entries}
check("a snapshot without its names", listed >= set(names) | {"bad-shop.top", "one-more.top"})
check(f"its last line: {end}", str(len(entries)) in lines[-1])
check("it is not up to date", poll(cursor=begin["cursor"])["changes"] == [])

print("resynchronisation: another run, and too much at once")
reply = CLIENT.get(URL, params={"cursor": "0123456789abcdef-1"})
check("a cursor of another run", reply.status_code == 410)
check("its problem", reply.json()["type"] == "/problems/resynchronise")
stream = Stream(100_000, last=begin["cursor"])
with open(feed, "w") as file:
    file.write("\n".join(f"many{number}.top" for number in range(120_000)))
wardnet("ingest", "--source", "many", "--category", "malware", feed)
last = stream.result()[-1]
check("no word of it", last.event == "resync")
check("no word of why", json.loads(last.data)["reason"] in ("rebuilt", "late"))
check("no way on", poll(cursor=last.id)["changes"] == [])

print("a token that is revoked loses its stream")
stream = Stream(1)
wardnet("tokens", "revoke", os.environ["READER"][3:19])
stream.join(20)
check("the stream goes on", not stream.is_alive() and not stream.events)
