"""Reads Modbus registers with pymodbus, for a test that compares them with what Hypocaust shows.

Standard input: JSON list of {"id","host","port","unit","table","offset","type","order"}.
Standard output: JSON object id -> number, before scale.
"""

import inspect
import json
import struct
import sys

from pymodbus.client import ModbusTcpClient

WORDS = {"bool": 1, "u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4}
FORMATS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "f32": ">f", "u64": ">Q", "i64": ">q", "f64": ">d"}


def number(registers, kind, order):
    words = [struct.pack(">H", r) for r in registers]
    if order in ("cdab", "dcba"):
        words.reverse()
    if order in ("badc", "dcba"):
        words = [w[::-1] for w in words]
    return struct.unpack(FORMATS[kind], b"".join(words))[0]


def read(client, item):
    calls = {
        "coil": client.read_coils,
        "discrete": client.read_discrete_inputs,
        "holding": client.read_holding_registers,
        "input": client.read_input_registers,
    }
    call = calls[item["table"]]
    # The name of the unit's argument changed between versions.
    names = inspect.signature(call).parameters
    unit = {("device_id" if "device_id" in names else "slave"): item["unit"]}
    if item["table"] in ("coil", "discrete"):
        answer = call(item["offset"], count=1, **unit)
    else:
        answer = call(item["offset"], count=WORDS[item["type"]], **unit)
    if answer.isError():
        sys.exit(f"{item['id']}: {answer}")
    if item["table"] in ("coil", "discrete"):
        return int(answer.bits[0])
    if item["type"] == "bool":
        return answer.registers[0] >> item["bit"] & 1
    return number(answer.registers, item["type"], item["order"])


clients = {}
values = {}
for item in json.load(sys.stdin):
    key = (item["host"], item["port"])
    if key not in clients:
        clients[key] = ModbusTcpClient(item["host"], port=item["port"], timeout=2)
        if not clients[key].connect():
            sys.exit(f"no connection to {key[0]}:{key[1]}")
    values[item["id"]] = read(clients[key], item)
for client in clients.values():
    client.close()
json.dump(values, sys.stdout)
