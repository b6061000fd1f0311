"""Holds an AsyncAPI document to the specification's own JSON Schema, as `@asyncapi/specs` publishes it.

asyncapi.py DOCUMENT: of the version that the document names. Prints what does not fit, a line each with its place, and ends
with 1 where something does not. Nothing is fetched: a schema that refers to another place than itself is an error.
"""

import json
import pathlib
import sys

import jsonschema_rs


def nothing(uri):
    raise ValueError(f"{uri} is not part of the schema")


document = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
schemas = pathlib.Path(__file__).parent / "node_modules/@asyncapi/specs/schemas"
schema = json.loads((schemas / f"{document['asyncapi']}.json").read_text(encoding="utf-8"))
faults = list(jsonschema_rs.validator_for(schema, validate_formats=True, retriever=nothing).iter_errors(document))
for fault in faults:
    print(f"/{'/'.join(map(str, fault.instance_path))}: {fault.message}")
sys.exit(1 if faults else 0)
