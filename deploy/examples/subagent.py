#!/usr/bin/env python3
"""GL-018 in Python: what the flue gas says. Usage: subagent.py BOOTSTRAP; needs confluent-kafka. docs/subagents.md explains."""
import json, math, signal, sys, time
from datetime import datetime, timezone
from confluent_kafka import Consumer, Producer

AGENT, TOPIC, BOOT = "GL-018", "agent.gl-018", int(time.time() * 1000)
producer = Producer({"bootstrap.servers": sys.argv[1], "broker.address.family": "v4"})
consumer = Consumer({"bootstrap.servers": sys.argv[1], "broker.address.family": "v4", "group.id": f"{AGENT}-{BOOT}",
                     "auto.offset.reset": "latest", "allow.auto.create.topics": True})
consumer.subscribe([TOPIC])


def say(schema, **fields):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    producer.produce("agent.coordination", json.dumps({"schema": schema, "time": now, "agent": AGENT, **fields}), key=AGENT)
    producer.poll(0)


def good(task, name):
    number = task["inputs"].get(name)
    if number is None or number["quality"] != "good":
        raise ValueError(f"the input '{name}' is {number and number['quality'] or 'missing'}: {(number or {}).get('reason')}")
    return number["value"]


def analyse(task):
    o2, co, stack, air = (good(task, name) for name in ("o2", "co", "stack", "air"))
    if not 0 <= o2 <= 17 or stack <= air:
        raise ValueError(f"O2 of {o2} % and a stack of {stack} degC: there is no fire")
    co2, share = 11.70 * (1 - o2 / 20.95), 8.547 / 9.547  # dry gas over air of methane, no excess air
    ratio = 1 + share * o2 / (20.95 - o2)
    better = ratio + 0.02 * math.log(co / 50) if co > 100 else min(ratio, 1.15)
    return {"stack-loss": ((stack - air) * (0.66 / (21 - o2) + 0.009), "%"),  # Siegert, natural gas
            "co-loss": (100 * 283.0 / 802.3 * co / (co + co2 * 1e4), "%"), "excess-air": (100 * (ratio - 1), "%"),
            "air-ratio": (ratio, "1"), "recommended-air-ratio": (better, "1"),
            "recommended-o2": (20.95 * (better - 1) / (better - 1 + share), "%")}


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
beat = registered = 0.0
while True:
    message = consumer.poll(0.2)
    if consumer.assignment() and time.monotonic() - beat >= 10:
        if time.monotonic() - registered >= 30:
            say("register/1", version="python-1", capabilities=["flue-gas"])
            registered = time.monotonic()
        say("heartbeat/1", boot=BOOT, success_ratio=1.0)
        beat = time.monotonic()
    if message is None or message.error():
        continue
    task = json.loads(message.value())
    try:
        values = {name: {"value": v, "unit": unit, "quality": "good"} for name, (v, unit) in analyse(task).items()}
        say("result/1", task=task["id"], outcome="done", values=values, reason=None)
    except ValueError as why:
        say("result/1", task=task["id"], outcome="cannot-tell", values={}, reason=str(why))
