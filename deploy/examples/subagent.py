#!/usr/bin/env python3
"""GL-018 in Python: what the flue gas says. Usage: subagent.py BOOTSTRAP; needs confluent-kafka. docs/subagents.md explains."""
import atexit, collections, json, math, signal, sys, time
from datetime import datetime, timezone
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

AGENT, TOPIC, BOOT = "GL-018", "agent.gl-018", int(time.time() * 1000)
BUS = {"bootstrap.servers": sys.argv[1], "broker.address.family": "v4"}
producer, consumer = Producer(BUS), Consumer({**BUS, "group.id": AGENT, "enable.auto.commit": False})
well = collections.deque(maxlen=20)  # of the latest tasks: done without an error of its own?

def say(schema, **fields):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    producer.produce("agent.coordination", json.dumps({"schema": schema, "time": now, "agent": AGENT, **fields}), key=AGENT)

def good(task, name):
    number = task["inputs"].get(name, {"quality": "missing"})
    if number["quality"] != "good":
        raise ValueError(f"the input '{name}' is {number['quality']}: {number.get('reason')}")
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
atexit.register(producer.flush, 5)
ends = []  # of its topic's partitions; it reads from there, in no group. The centre makes the topic, and may not have yet.
while not ends:
    try:
        found = [TopicPartition(TOPIC, part) for part in consumer.list_topics(TOPIC, timeout=5).topics[TOPIC].partitions]
        ends = [TopicPartition(TOPIC, at.partition, consumer.get_watermark_offsets(at, timeout=5)[1]) for at in found]
    except KafkaException as why:
        print(f"cannot listen yet: {why}", file=sys.stderr)
    time.sleep(0 if ends else 1)
consumer.assign(ends)
beat = -math.inf
while True:
    if time.monotonic() - beat >= 10:
        say("register/1", version="python-1", capabilities=["flue-gas"])
        say("heartbeat/1", boot=BOOT, success_ratio=sum(well) / len(well) if well else 1.0)
        beat = time.monotonic()
    producer.poll(0)
    if (message := consumer.poll(0.2)) and not message.error():
        task, values, reason = json.loads(message.value()), {}, None
        try:
            values, outcome = {n: {"value": v, "unit": u, "quality": "good"} for n, (v, u) in analyse(task).items()}, "done"
        except Exception as why:
            outcome, reason = "cannot-tell" if isinstance(why, ValueError) else "failed", str(why) or repr(why)
        say("result/1", task=task["id"], outcome=outcome, values=values, reason=reason)
        well.append(outcome != "failed")
