# SPDX-License-Identifier: BSL-1.0
"""The messages in adapters/temporal/proto are the official ones, as far as they go.

    proto_temporalio.py PATH/TO/protoc FOLDER [--rounds 4] [--seed 1]

The package temporalio has the official descriptors. Every message, field, enumeration and method of ours is compared
with them, and random messages go through both, in each direction.
"""

import argparse
import importlib.metadata
import os
import pkgutil
import random
import subprocess
import sys
import tempfile

import temporalio.api
from google.protobuf import any_pb2, duration_pb2, field_mask_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor

WIRE = "mayfly.temporal.wire."
WELL_KNOWN = [module.DESCRIPTOR for module in (any_pb2, duration_pb2, field_mask_pb2, timestamp_pb2, wrappers_pb2)]
OUR_OWN = ("stored.proto",)
NOT_TEMPORALS = {WIRE + "HealthCheckRequest", WIRE + "HealthCheckResponse", WIRE + "HealthCheckResponse.ServingStatus"}


def official_name(name):
    """What the official definitions call one of ours."""
    if name.startswith(WIRE):
        return "google.protobuf." + name[len(WIRE):]
    return name.replace("temporal.api.namespace_.", "temporal.api.namespace.")


def official_files():
    files = list(WELL_KNOWN)
    for module in pkgutil.walk_packages(temporalio.api.__path__, "temporalio.api."):
        if module.name.endswith("_pb2") and not any(f".{part}." in module.name for part in
                                                    ("cloud", "dependencies", "testservice")):
            files.append(importlib.import_module(module.name).DESCRIPTOR)
    return files


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


class Index:
    """All that some files define, by full name."""

    def __init__(self, files):
        self.messages, self.enums, self.services = {}, {}, {}
        for file in files:
            self.services.update({s.full_name: s for s in file.services_by_name.values()})
            self.enums.update({e.full_name: e for e in file.enum_types_by_name.values()})
            for message in file.message_types_by_name.values():
                self.add(message)

    def add(self, message):
        self.messages[message.full_name] = message
        self.enums.update({e.full_name: e for e in message.enum_types})
        for nested in message.nested_types:
            self.add(nested)


def our_files(protos):
    """From a FileDescriptorSet, in a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    for file in protos.file:
        pool.Add(file)
    return [pool.FindFileByName(file.name) for file in protos.file]


def kind(field):
    """All of a field that its bytes depend on, and how it is reached."""
    if field.message_type is not None:
        of = field.message_type.full_name
    elif field.enum_type is not None:
        of = field.enum_type.full_name
    else:
        of = ""
    oneof = field.containing_oneof
    return {
        "number": field.number,
        "type": field.type,
        "repeated": field.is_repeated,
        "packed": field.is_packed,
        "map": is_map(field),
        "oneof": oneof.name if oneof is not None and not oneof.name.startswith("_") else "",
        "of": official_name(of),
    }


def differences(ours, official):
    """Everything of ours that is not the same there."""
    found = []
    for name, message in ours.messages.items():
        if name in NOT_TEMPORALS:
            continue
        theirs = official.messages.get(official_name(name))
        if theirs is None:
            found.append(f"{name}: there is no such message")
            continue
        for field in message.fields:
            other = theirs.fields_by_name.get(field.name)
            if other is None:
                found.append(f"{name}: it has no field {field.name}")
            elif kind(field) != kind(other):
                found.append(f"{name}.{field.name}: {kind(field)}, and there {kind(other)}")
        if any(field.is_required for field in message.fields):
            found.append(f"{name}: nothing is required there")
    for name, enum in ours.enums.items():
        if name in NOT_TEMPORALS:
            continue
        theirs = official.enums.get(official_name(name))
        values = {value.name: value.number for value in enum.values}
        if theirs is None:
            found.append(f"{name}: there is no such enumeration")
        elif values != {value.name: value.number for value in theirs.values}:
            found.append(f"{name}: other values: "
                         f"{sorted(set(values.items()) ^ {(v.name, v.number) for v in theirs.values})}")
    for name, service in ours.services.items():
        theirs = official.services.get(official_name(name))
        if theirs is None:
            found.append(f"{name}: there is no such service")
            continue
        for method in service.methods:
            other = theirs.methods_by_name.get(method.name)
            if other is None:
                found.append(f"{name}: it has no method {method.name}")
            elif (method.input_type.full_name, method.output_type.full_name) != (
                    other.input_type.full_name, other.output_type.full_name):
                found.append(f"{name}.{method.name}: takes or gives another message there")
    return found


def tell_left_out(ours, official):
    """For information: what messages that we have are given there beside what we read."""
    print("left out, kept as unknown fields:")
    for name, message in sorted(ours.messages.items()):
        theirs = official.messages.get(official_name(name))
        if theirs is not None and not message.GetOptions().map_entry:
            missing = [f"{f.name} #{f.number}{' (deprecated)' if f.GetOptions().deprecated else ''}"
                       for f in theirs.fields if f.name not in message.fields_by_name]
            if missing:
                print(f"  {official_name(name)}: {', '.join(missing)}")


class Draws:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def scalar(self, field):
        draw = self.random
        if field.enum_type is not None:
            return draw.choice(field.enum_type.values).number
        if field.type == FieldDescriptor.TYPE_STRING:
            return draw.choice(["a", "name", "\u00e4\U0001f98b", "x" * 200])
        if field.type == FieldDescriptor.TYPE_BYTES:
            return draw.choice([b"\0", b"\xff\xfe", b"y" * 300])
        if field.type == FieldDescriptor.TYPE_BOOL:
            return True
        if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
            return draw.choice([0.5, -2.0, 1e10])
        bits = 63 if field.type in (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64,
                                    FieldDescriptor.TYPE_UINT64) else 31
        value = draw.choice([1, 127, 128, 2**bits - 1, draw.getrandbits(bits)])
        unsigned = (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_UINT32)
        return value if field.type in unsigned or draw.random() < 0.7 else -value

    def fill(self, message, depth, likely):
        for field in message.DESCRIPTOR.fields:
            nested = field.message_type is not None
            if self.random.random() > likely or (nested and not is_map(field) and depth == 0):
                continue
            if is_map(field):
                key, value = (field.message_type.fields_by_name[part] for part in ("key", "value"))
                for _ in range(self.random.randint(1, 3)):
                    if value.message_type is None:
                        getattr(message, field.name)[self.scalar(key)] = self.scalar(value)
                    else:
                        entry = getattr(message, field.name)[self.scalar(key)]
                        if depth > 0:
                            self.fill(entry, depth - 1, likely)
            elif field.is_repeated:
                for _ in range(self.random.randint(1, 3)):
                    if nested:
                        self.fill(getattr(message, field.name).add(), depth - 1, likely)
                    else:
                        getattr(message, field.name).append(self.scalar(field))
            elif nested:
                getattr(message, field.name).SetInParent()
                self.fill(getattr(message, field.name), depth - 1, likely)
            else:
                setattr(message, field.name, self.scalar(field))


def content(message):
    """What a message says, whichever of the two it is: a scalar at its default says nothing, but in a oneof."""
    says = {}
    for field, value in message.ListFields():
        if is_map(field):
            nested = field.message_type.fields_by_name["value"].message_type is not None
            says[field.name] = {key: content(entry) if nested else entry for key, entry in value.items()}
        elif field.is_repeated:
            says[field.name] = [content(entry) if field.message_type is not None else entry for entry in value]
        elif field.message_type is not None:
            says[field.name] = content(value)
        elif value != field.default_value or field.containing_oneof is not None:
            says[field.name] = value
    return says


def round_trips(ours, official, rounds, seed):
    draws = Draws(seed)
    count = 0
    for name, descriptor in ours.messages.items():
        if name in NOT_TEMPORALS or descriptor.GetOptions().map_entry:
            continue
        our_class = message_factory.GetMessageClass(descriptor)
        their_class = message_factory.GetMessageClass(official.messages[official_name(name)])
        for turn in range(rounds):
            likely = (1.0, 0.6, 0.3)[turn % 3]
            mine = our_class()
            draws.fill(mine, 3, likely if len(descriptor.fields) < 20 else likely / 2)
            theirs = their_class.FromString(mine.SerializeToString())
            if content(theirs) != content(mine):
                raise SystemExit(f"{name}: the official parser reads something else\n{mine}\n{theirs}")
            if content(our_class.FromString(theirs.SerializeToString())) != content(mine):
                raise SystemExit(f"{name}: what comes back is something else\n{mine}")

            # All that is theirs, what we do not know included, survives a way through ours.
            theirs = their_class()
            draws.fill(theirs, 3, likely if len(theirs.DESCRIPTOR.fields) < 20 else likely / 2)
            back = their_class.FromString(our_class.FromString(theirs.SerializeToString()).SerializeToString())
            if back != theirs:
                raise SystemExit(f"{name}: something is lost on the way through ours\n{theirs}\n{back}")
            count += 2
    return count


def planted(protos, official):
    """Each of these mistakes is found."""

    def message(files, name):
        package, _, last = name.rpartition(".")
        return next(m for f in files.file if f.package == package for m in f.message_type if m.name == last)

    def field(files, name, of):
        return next(f for f in message(files, name).field if f.name == of)

    common, failure, update = "temporal.api.common.v1", "temporal.api.failure.v1", "temporal.api.update.v1"
    types = descriptor_pb2.FieldDescriptorProto

    def wrong_number(files):
        field(files, f"{common}.Priority", "fairness_weight").number = 4

    def wrong_type(files):
        field(files, f"{common}.RetryPolicy", "maximum_attempts").type = types.TYPE_SINT32

    def wrong_message(files):
        field(files, f"{common}.RetryPolicy", "initial_interval").type_name = f".{WIRE}Timestamp"

    def wrong_name(files):
        field(files, f"{common}.Payload", "data").name = "bytes"

    def not_repeated(files):
        field(files, f"{common}.Payloads", "payloads").label = types.LABEL_OPTIONAL

    def not_packed(files):
        field(files, "temporal.api.sdk.v1.WorkflowTaskCompletedMetadata", "core_used_flags").options.packed = False

    def out_of_oneof(files):
        field(files, f"{failure}.Failure", "application_failure_info").ClearField("oneof_index")

    def renamed_oneof(files):
        message(files, f"{update}.Outcome").oneof_decl[0].name = "outcome"

    def wrong_enumerator(files):
        enums = next(f for f in files.file if f.package == "temporal.api.enums.v1")
        next(e for e in enums.enum_type if e.name == "RetryState").value[3].number = 33

    def wrong_answer(files):
        service = next(s for f in files.file for s in f.service if s.name == "WorkflowService")
        service.method[0].output_type = service.method[1].output_type

    mistakes = [wrong_number, wrong_type, wrong_message, wrong_name, not_repeated, not_packed, out_of_oneof,
                renamed_oneof, wrong_enumerator, wrong_answer]
    for mistake in mistakes:
        files = descriptor_pb2.FileDescriptorSet()
        files.CopyFrom(protos)
        mistake(files)
        if not differences(Index(our_files(files)), official):
            raise SystemExit(f"{mistake.__name__} was not found")
    return len(mistakes)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("protoc")
    options.add_argument("folder")
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()

    names = sorted(name for name in os.listdir(options.folder) if name.endswith(".proto") and name not in OUR_OWN)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "descriptors")
        subprocess.run([options.protoc, f"-Imayfly/temporal/proto={options.folder}", f"--descriptor_set_out={path}",
                        "--include_imports", *(f"mayfly/temporal/proto/{name}" for name in names)], check=True)
        protos = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as file:
            protos.ParseFromString(file.read())

    ours, official = Index(our_files(protos)), Index(official_files())
    found = differences(ours, official)
    if found:
        raise SystemExit("\n".join(found))
    mistakes = planted(protos, official)
    tell_left_out(ours, official)
    count = round_trips(ours, official, options.rounds, options.seed)
    fields = sum(len(message.fields) for message in ours.messages.values())
    methods = sum(len(service.methods) for service in ours.services.values())
    print(f"{len(ours.messages)} messages with {fields} fields, {len(ours.enums)} enumerations and {methods} methods "
          f"are as in temporalio {importlib.metadata.version('temporalio')}; {mistakes} planted mistakes found; "
          f"{count} messages there and back (seed {options.seed})")


if __name__ == "__main__":
    sys.exit(main())
