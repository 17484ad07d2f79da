"""What a builder says of itself: enrolment, its start, host samples, what it still keeps."""

from typing import Annotated
from uuid import UUID

import msgspec

from serpent_infra.wire.names import Architecture, BuilderName, ByteCount

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]


class SlotInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One nspawn instance: its CPU numbers and its memory limit in bytes (0: none)."""

    index: Annotated[int, msgspec.Meta(ge=0, le=1023)]
    cpus: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=65536)], ...], msgspec.Meta(max_length=4096)]
    memory_limit: ByteCount


class HostInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The machine: names as its kernel gives them, memory and disk in bytes."""

    hostname: ShortText
    cpu_model: ShortText
    cpu_cores: Annotated[int, msgspec.Meta(ge=0, le=65536)]
    cpu_threads: Annotated[int, msgspec.Meta(ge=0, le=65536)]
    memory_total: ByteCount
    disk_total: ByteCount
    kernel: ShortText
    isolation: ShortText  # the sandbox and level that the probe reached


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A builder redeems its one-shot code: public key is Ed25519, raw, in unpadded URL-safe base64."""

    code: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]
    public_key: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]
    address: str  # the base URI where vessel fetches this builder's artefacts
    architecture: Architecture
    isa_levels: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=32)]
    slots: Annotated[tuple[SlotInfo, ...], msgspec.Meta(min_length=1, max_length=256)]
    host: HostInfo


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an enrolled builder keeps: its name, the hub's key, and a broker account of its own."""

    builder: BuilderName
    hub_public_key: str
    broker_uri: str  # with the account's user and password
    broker_prefix: str  # global_keyprefix: every key this builder may touch starts with it


class HostSample(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of a builder's machine, percent per CPU and bytes."""

    cpu_percent: Annotated[tuple[Percent, ...], msgspec.Meta(max_length=4096)]
    load_1m: Annotated[float, msgspec.Meta(ge=0)]
    memory_used: ByteCount
    memory_available: ByteCount
    disk_used: ByteCount
    disk_free: ByteCount


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """A builder's agent or slot worker has started.

    `idle_slots` run nothing, whatever the hub believes: attempts it holds for running there are lost. With `host` and
    `slots` the machine describes itself anew; slots it no longer names are retired.
    """

    idle_slots: tuple[Annotated[int, msgspec.Meta(ge=0, le=1023)], ...] = ()
    host: HostInfo | None = None
    slots: Annotated[tuple[SlotInfo, ...], msgspec.Meta(max_length=256)] = ()


class Droppable(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts whose artefacts the builder may delete."""

    attempts: tuple[UUID, ...]


class LogSize(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an attempt's log the hub has, in bytes: where to go on."""

    size: ByteCount
