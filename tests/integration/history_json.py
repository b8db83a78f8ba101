# SPDX-License-Identifier: BSL-1.0
"""Histories in JSON: random ones, with everything that there is, through our code and through the official protobuf, both
ways; and each value of each enumeration in both spellings.

usage: history_json.py PROBE PROTOC PROTO_DIR [COUNT]
"""

import base64
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from temporalio.api.history.v1 import History

WELL_KNOWN = ("google.protobuf.Timestamp", "google.protobuf.Duration")
WHOLE = {FieldDescriptor.CPPTYPE_INT32: 31, FieldDescriptor.CPPTYPE_INT64: 63, FieldDescriptor.CPPTYPE_UINT32: 32,
         FieldDescriptor.CPPTYPE_UINT64: 64}
TEXTS = ["", "a", "Zoë", "\"\\/\b\n\t", "\u2028 \U0001f600", "x" * 300, "\x00"]


def known(protoc, protos):
    """The fields that our messages have, by full names; theirs may have more."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "set"
        subprocess.run([protoc, f"-Imayfly/temporal/proto={protos}", "--include_imports", f"--descriptor_set_out={out}",
                        "mayfly/temporal/proto/history.proto"], check=True)
        files = FileDescriptorSet.FromString(out.read_bytes())
    fields, values = {}, {}

    def add(message, scope):
        name = f"{scope}.{message.name}"
        fields[name] = {f.name for f in message.field}
        for inner in message.nested_type:
            add(inner, name)
        for e in message.enum_type:
            values[f"{name}.{e.name}"] = {v.number for v in e.value}

    for file in files.file:
        for message in file.message_type:
            add(message, file.package)
        for e in file.enum_type:
            values[f"{file.package}.{e.name}"] = {v.number for v in e.value}
    return fields, values


class Maker:
    def __init__(self, seed, fields, values):
        self.random = random.Random(seed)
        self.fields = fields
        self.values = values

    def text(self):
        return self.random.choice(TEXTS)

    def scalar(self, f):
        r = self.random
        if f.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return self.text() if f.type == FieldDescriptor.TYPE_STRING else r.randbytes(r.randrange(6))
        if f.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return r.random() < 0.5
        if f.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return r.choice(sorted(self.values[f.enum_type.full_name] & set(f.enum_type.values_by_number)))
        if f.cpp_type in WHOLE:
            bits = WHOLE[f.cpp_type]
            low = 0 if bits % 2 == 0 else -(1 << bits)
            return r.choice([0, 1, low, (1 << bits) - 1, r.randrange(low, 1 << bits)])
        # What a float holds is a double too, and has one shortest text.
        return r.choice([0.0, 1.5, -2.25, 1e30, math.inf, -math.inf, float(r.randrange(1 << 20)) / 8])

    def fill(self, message, depth=0):
        r = self.random
        name = message.DESCRIPTOR.full_name
        if name == "google.protobuf.Timestamp":
            message.seconds = r.choice([0, 1, -62135596800, 253402300799, r.randrange(1 << 31)])
            message.nanos = r.choice([0, 5, 250_000_000, 999_999_999, 1_000])
            return
        if name == "google.protobuf.Duration":
            sign = r.choice([1, -1])
            message.seconds = sign * r.choice([0, 1, 315576000000, r.randrange(1 << 20)])
            message.nanos = 0 if abs(message.seconds) == 315576000000 else sign * r.choice([0, 1, 500_000_000])
            return
        chosen = {o.name: r.choice(o.fields).name for o in message.DESCRIPTOR.oneofs}
        for f in message.DESCRIPTOR.fields:
            if f.name not in self.fields.get(name, ()):
                continue
            if f.containing_oneof and chosen[f.containing_oneof.name] != f.name:
                continue
            if r.random() > (0.9 if depth < 3 else 0.4 if depth < 6 else 0.1):
                continue
            self.field(message, f, depth)

    def field(self, message, f, depth):
        r = self.random
        if f.message_type and f.message_type.GetOptions().map_entry:
            to = getattr(message, f.name)
            for _ in range(r.randrange(3)):
                key = self.scalar(f.message_type.fields_by_name["key"])
                value = f.message_type.fields_by_name["value"]
                if value.message_type:
                    self.fill(to[key], depth + 1)
                else:
                    to[key] = self.scalar(value)
        elif f.is_repeated:
            to = getattr(message, f.name)
            for _ in range(r.randrange(4)):
                if f.message_type:
                    self.fill(to.add(), depth + 1)
                else:
                    to.append(self.scalar(f))
        elif f.message_type:
            inner = getattr(message, f.name)
            inner.SetInParent()
            self.fill(inner, depth + 1)
        else:
            setattr(message, f.name, self.scalar(f))


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, verb, kind, text):
        self.process.stdin.write(f"{verb} {kind} {text}\n".encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode().rstrip("\n")
        if not line or line.startswith("! "):
            raise AssertionError(f"{verb} {kind} {text[:500]}: {line}")
        return line

    def to_wire(self, kind, text):
        return base64.b64decode(self.ask("wire", kind, text))

    def to_json(self, message):
        bytes_ = base64.b64encode(message.SerializeToString()).decode()
        return self.ask("json", message.DESCRIPTOR.full_name, bytes_)


def compare(probe, message):
    kind = message.DESCRIPTOR.full_name
    theirs = json_format.MessageToDict(message)
    ours = json.loads(probe.to_json(message))
    back = json_format.ParseDict(ours, type(message)())
    if back != message:
        raise AssertionError(f"of our JSON became\n{back}\ninstead of\n{message}\nby way of\n{ours}")
    for how in ({}, {"preserving_proto_field_name": True}, {"use_integers_for_enums": True}):
        text = json.dumps(json_format.MessageToDict(message, **how))
        read = type(message).FromString(probe.to_wire(kind, text))
        if read != message:
            raise AssertionError(f"of their JSON became\n{read}\ninstead of\n{message}\nby way of\n{text}")
    return theirs == ours


def enumerations(probe, fields, values):
    """Each value by each name that it has, in a field of a message that histories are made of."""
    seen, todo, tried = set(), [History.DESCRIPTOR], set()
    while todo:
        message = todo.pop()
        if message.full_name in seen or message.full_name in WELL_KNOWN:
            continue
        seen.add(message.full_name)
        for f in message.fields:
            if message.GetOptions().map_entry or f.name in fields.get(message.full_name, ()):
                if f.message_type:
                    todo.append(f.message_type)
                if f.enum_type and f.name in fields.get(message.full_name, ()):
                    tried |= one_enumeration(probe, message, f, values)
    missing = {name for name in values if not name.startswith("mayfly.")} - {name for name, _, _ in tried}
    return tried, missing


def one_enumeration(probe, message, f, values):
    tried = set()
    prefix = re.sub("UNSPECIFIED$", "", f.enum_type.values_by_number[0].name)
    for value in f.enum_type.values:
        if value.number not in values[f.enum_type.full_name]:
            continue
        short = "".join(part.capitalize() for part in value.name.removeprefix(prefix).split("_"))
        for name in (value.name, short):
            given = [name] if f.is_repeated else name
            read = message._concrete_class.FromString(
                probe.to_wire(message.full_name, json.dumps({f.json_name: given})))
            got = getattr(read, f.name)
            if (got[0] if f.is_repeated else got) != value.number:
                raise AssertionError(f"{message.full_name}.{f.name}: {name} was read as {got}")
            tried.add((f.enum_type.full_name, value.number, name))
    return tried


def main(program, protoc, protos, count="300"):
    fields, values = known(protoc, protos)
    probe = Probe(program)
    tried, missing = enumerations(probe, fields, values)
    same = 0
    for seed in range(int(count)):
        history = History()
        maker = Maker(seed, fields, values)
        for _ in range(maker.random.randrange(1, 4)):
            maker.fill(history.events.add(), 1)
        same += compare(probe, history)
    probe.process.stdin.close()
    if probe.process.wait(10) != 0:
        raise AssertionError("the probe did not end well")
    if not tried:
        raise AssertionError("no enumeration was tried")
    print(f"{count} histories both ways, {same} of them the same JSON; {len(tried)} names of enumerations; "
          f"not in histories: {len(missing)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
