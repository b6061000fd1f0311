"""What access rules of Apache Kafka let a sub-agent do, seen by confluent-kafka.

  rights.py allow BOOTSTRAP     gives the centre (CN=hypocaust-central) and GL-002 (CN=gl-002) their rights
  rights.py write BOOTSTRAP TOPIC   writes one message; prints "written" or the broker's error by name

The certificate is the one in HYPOCAUST_KAFKA_CERTIFICATE; without one none is shown.
"""

import os
import sys

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

verb, bootstrap = sys.argv[1:3]
config = {
    "bootstrap.servers": bootstrap,
    "security.protocol": "ssl",
    "ssl.ca.location": os.environ["HYPOCAUST_KAFKA_CA"],
}
if "HYPOCAUST_KAFKA_CERTIFICATE" in os.environ:
    config |= {
        "ssl.certificate.location": os.environ["HYPOCAUST_KAFKA_CERTIFICATE"],
        "ssl.key.location": os.environ["HYPOCAUST_KAFKA_KEY"],
    }


def may(who, operation, kind, name, pattern=ResourcePatternType.LITERAL):
    return AclBinding(kind, name, pattern, f"User:{who}", "*", operation, AclPermissionType.ALLOW)


if verb == "allow":
    admin = AdminClient(config)
    topic, group, cluster = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.BROKER
    read, write, create, describe = (AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE, AclOperation.DESCRIBE)
    everything_of = ResourcePatternType.PREFIXED
    rules = [
        may("hypocaust-central", operation, topic, prefix, everything_of)
        for operation in (read, write, create, describe)
        for prefix in ("heat.", "agent.")
    ]
    rules += [may("hypocaust-central", read, group, "hypocaust-", everything_of)]
    rules += [
        may("gl-002", write, topic, "agent.coordination"),
        may("gl-002", read, topic, "agent.gl-002"),
        may("gl-002", read, topic, "heat.telemetry"),
        may("gl-002", read, group, "gl-002"),
    ]
    topics = [NewTopic(name, 1, 1) for name in ("agent.coordination", "agent.gl-002", "agent.gl-003")]
    for made in list(admin.create_topics(topics).values()) + list(admin.create_acls(rules).values()):
        made.result(timeout=20)
    print("allowed")
elif verb == "write":
    outcome = []
    producer = Producer(config | {"message.timeout.ms": 8000})
    producer.produce(sys.argv[3], b"{}", on_delivery=lambda error, _: outcome.append(error))
    try:
        producer.flush(12)
    except KafkaException as error:
        outcome.append(error.args[0])
    error = outcome[0] if outcome else None
    print("written" if outcome and error is None else f"{error.name() if error else 'nothing happened'}")
else:
    sys.exit(__doc__)
