"""Reads a topic from its beginning with confluent-kafka and prints what lies in it, a JSON line each.

  read.py BOOTSTRAP TOPIC [SECONDS]

Ends at the end that each partition has when it starts, or after SECONDS (30). With the files of mutual TLS in
HYPOCAUST_KAFKA_CA, HYPOCAUST_KAFKA_CERTIFICATE and HYPOCAUST_KAFKA_KEY it uses them.
"""

import json
import os
import sys
import time

from confluent_kafka import Consumer, KafkaError, TopicPartition

bootstrap, topic = sys.argv[1:3]
limit = time.monotonic() + float(sys.argv[3] if len(sys.argv) > 3 else 30)
config = {"bootstrap.servers": bootstrap, "group.id": "hypocaust-judge", "enable.auto.commit": False}
if "HYPOCAUST_KAFKA_CA" in os.environ:
    config |= {
        "security.protocol": "ssl",
        "ssl.ca.location": os.environ["HYPOCAUST_KAFKA_CA"],
        "ssl.certificate.location": os.environ["HYPOCAUST_KAFKA_CERTIFICATE"],
        "ssl.key.location": os.environ["HYPOCAUST_KAFKA_KEY"],
    }
consumer = Consumer(config)
known = consumer.list_topics(topic, timeout=10).topics[topic]
if known.error is not None:
    sys.exit(f"{topic}: {known.error}")
left, starts = {}, []
for partition in known.partitions:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    if first < end:
        left[partition] = end
        starts.append(TopicPartition(topic, partition, first))
consumer.assign(starts)
while left:
    if time.monotonic() > limit:
        sys.exit(f"not at the end of {left} in time")
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error() is not None:
        if message.error().code() == KafkaError._PARTITION_EOF:
            continue
        sys.exit(str(message.error()))
    partition, offset = message.partition(), message.offset()
    key = message.key().decode() if message.key() else None
    value = json.loads(message.value())
    print(json.dumps({"partition": partition, "offset": offset, "key": key, "value": value}))
    if partition in left and offset + 1 >= left[partition]:
        del left[partition]
consumer.close()
