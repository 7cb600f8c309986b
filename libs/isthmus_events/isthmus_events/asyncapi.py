"""All topics as an AsyncAPI 3.0 document: `python -m isthmus_events.asyncapi` prints it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from isthmus_events.event import CONTENT_TYPE
from isthmus_events.topics import ALL_TOPICS, Topic

_SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}
_HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "unique for ever, a UUID",
    "ce_source": "the service that said it",
    "ce_type": "the full name of the protobuf message",
    "ce_time": "when it was said, RFC 3339",
    "ce_sequence": "rises with each event of the same source and key; absent from programs without a database",
    "content-type": CONTENT_TYPE,
}


def document(topics: Iterable[Topic[Any]] = ALL_TOPICS) -> dict[str, Any]:
    """The AsyncAPI document, as JSON values."""
    topics = list(topics)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Isthmus events",
            "version": version("isthmus-events"),
            "description": "What the services of Isthmus say, as CloudEvents 1.0 in binary mode. Anybody may listen.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {
            f"hear.{topic.name}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic.name}"}}
            for topic in topics
        },
        "components": {"messages": {_name(topic): _message(topic) for topic in topics}},
    }


def _name(topic: Topic[Any]) -> str:
    return str(topic.message.DESCRIPTOR.full_name)


def _channel(topic: Topic[Any]) -> dict[str, Any]:
    name = topic.message.DESCRIPTOR.name
    return {
        "address": topic.name,
        "description": topic.about,
        "messages": {name: {"$ref": f"#/components/messages/{_name(topic)}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["compact" if topic.compacted else "delete"]},
            }
        },
    }


def _message(topic: Topic[Any]) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} for name, text in _HEADERS.items()}
    required = [name for name in _HEADERS if name != "ce_sequence"]
    return {
        "name": _name(topic),
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "properties": properties, "required": required},
        "bindings": {"kafka": {"key": {"type": "string", "format": "binary", "description": topic.key}}},
        "payload": {
            "schemaFormat": "application/vnd.google.protobuf;version=3",
            "schema": _protobuf(topic.message.DESCRIPTOR),
        },
    }


def _protobuf(message: Descriptor) -> str:
    """The definition of `message` and of all that it uses, in protobuf's own language."""
    found: dict[str, str] = {}
    _define(message, found)
    return f'syntax = "proto3";\npackage {message.file.package};\n\n' + "\n".join(reversed(found.values()))


def _define(kind: Descriptor | EnumDescriptor, found: dict[str, str]) -> None:
    if kind.full_name in found:
        return
    found[kind.full_name] = ""  # its place, before those that it uses
    if isinstance(kind, EnumDescriptor):
        lines = [f"  {value.name} = {value.number};" for value in kind.values]
        found[kind.full_name] = "\n".join([f"enum {kind.name} {{", *lines, "}"]) + "\n"
        return
    lines = []
    for field in kind.fields:
        used = field.message_type or field.enum_type
        if used:
            _define(used, found)
        repeated = "repeated " if field.is_repeated else ""
        lines.append(f"  {repeated}{used.name if used else _SCALARS[field.type]} {field.name} = {field.number};")
    found[kind.full_name] = "\n".join([f"message {kind.name} {{", *lines, "}"]) + "\n"


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
