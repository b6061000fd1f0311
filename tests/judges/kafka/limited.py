"""Makes a topic that takes only small batches.

  limited.py BOOTSTRAP TOPIC BYTES
"""

import sys

from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, topic, limit = sys.argv[1:4]
admin = AdminClient({"bootstrap.servers": bootstrap})
made = admin.create_topics([NewTopic(topic, 1, 1, config={"max.message.bytes": limit})])
made[topic].result(timeout=20)
print("made")
