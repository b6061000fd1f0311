"""Reads what sub-agents and the centre say to each other and holds it to the published document.

subagents.py BOOTSTRAP DOCUMENT SECONDS: follows agent.coordination and every agent.gl-NNN from now on with confluent-kafka, and
checks each record with jsonschema-rs against the schema that the document gives to its message. Prints, as JSON, how many
of each kind came and what did not fit; ends with 1 where something did not.
"""

import json
import sys
import time

import jsonschema_rs
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

bootstrap, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
with open(path, encoding="utf-8") as file:
    document = json.load(file)
checks = {}
for message in document["components"]["messages"].values():
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], **message["payload"]}
    checks[message["name"]] = jsonschema_rs.validator_for(schema, validate_formats=True)

consumer = Consumer({"bootstrap.servers": bootstrap, "broker.address.family": "v4", "group.id": "judge"})
topics = consumer.list_topics(timeout=10).topics
followed = [t for t in topics if t == "agent.coordination" or t.startswith("agent.gl-")]
consumer.assign([TopicPartition(t, p, OFFSET_END) for t in followed for p in topics[t].partitions])

counts, faults = {}, []
until = time.monotonic() + seconds
while time.monotonic() < until:
    record = consumer.poll(0.2)
    if record is None or record.error():
        continue
    body = json.loads(record.value())
    check = checks.get(body.get("schema"))
    counts[body.get("schema")] = counts.get(body.get("schema"), 0) + 1
    if check is None:
        faults.append(f"{record.topic()}: the document knows no message {body.get('schema')}")
        continue
    faults.extend(f"{record.topic()}: {body['schema']} {error.instance_path}: {error.message}" for error in check.iter_errors(body))
    if body["schema"] == "task/1" and record.topic() != f"agent.{body['agent'].lower()}":
        faults.append(f"a task for {body['agent']} lies on {record.topic()}")
print(json.dumps({"topics": len(followed), "counts": counts, "faults": faults}))
sys.exit(1 if faults else 0)
