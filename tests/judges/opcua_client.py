"""Reads and writes nodes of an OPC UA server with asyncua, for a test that compares them with what Hypocaust shows.

Standard input: JSON {"url","namespace","uri","certificate","key","server_certificate","secure","reads":[node],
"writes":[{"node","type","value"}]}. Standard output: JSON {"values":{node:number},"times":{node:source time},
"written":{node:number},"refused":{node:text}}. Exit 1 with the reason: no session.
"""

import asyncio
import datetime
import json
import sys

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

TYPES = {"bool": "Boolean", "u16": "UInt16", "i16": "Int16", "u32": "UInt32", "i32": "Int32", "f32": "Float", "u64": "UInt64", "i64": "Int64", "f64": "Double"}


async def main():
    asked = json.load(sys.stdin)
    client = Client(asked["url"], timeout=5)
    client.application_uri = asked["uri"]
    if asked["secure"]:
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            certificate=asked["certificate"],
            private_key=asked["key"],
            server_certificate=asked["server_certificate"],
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
    out = {"values": {}, "times": {}, "written": {}, "refused": {}}
    async with client:
        index = await client.get_namespace_index(asked["namespace"])
        for name in asked["reads"]:
            data = await client.get_node(ua.NodeId(name, index)).read_data_value()
            out["values"][name] = float(data.Value.Value)
            source = data.SourceTimestamp
            # OPC UA knows UTC only; whether the library says so depends on its version.
            out["times"][name] = source.replace(tzinfo=datetime.timezone.utc).isoformat() if source else None
        for write in asked["writes"]:
            node = client.get_node(ua.NodeId(write["node"], index))
            kind = ua.VariantType[TYPES[write["type"]]]
            value = write["value"] if write["type"] in ("f32", "f64") else int(write["value"])
            try:
                await node.write_value(ua.DataValue(ua.Variant(value, kind)))
                out["written"][write["node"]] = float(await node.read_value())
            except ua.UaStatusCodeError as error:
                out["refused"][write["node"]] = str(error)
    json.dump(out, sys.stdout)


try:
    asyncio.run(main())
except Exception as error:  # whatever it is, the caller wants the reason
    sys.exit(f"{type(error).__name__}: {error}")
