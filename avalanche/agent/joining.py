"""How this machine joins a hub, and how it describes itself."""

import logging
import os
from pathlib import Path

from django.conf import settings

from avalanche.agent import hub, identity, machine
from avalanche.agent.identity import Identity
from avalanche.agent.sandbox import probe
from serpent_infra.wire import tokens
from serpent_infra.wire.builders import EnrolRequest, HostInfo, SlotInfo

logger = logging.getLogger(__name__)

NO_ISOLATION = "none"


def join(*, hub_uri: str, code: str) -> Identity:
    """Redeems a code and keeps who this builder is from now on; raises `HubRefused` or `HubUnreachable`."""
    directory: Path = settings.SERPENT_BUILDER_DIR
    directory.mkdir(parents=True, exist_ok=True)
    host, slots = describe()
    _, flags = machine.processor(machine.CPUINFO.read_text())
    request = EnrolRequest(
        code=code,
        public_key=tokens.public_text(identity.load_key(directory)),
        address=settings.SERPENT_BUILDER_URL,
        architecture=machine.architecture(),
        isa_levels=machine.isa_levels(machine.architecture(), flags),
        slots=slots,
        host=host,
    )
    joined = Identity.from_answer(hub.enrol(hub_uri=hub_uri, request=request), hub_uri=hub_uri)
    identity.save(joined, directory)
    return joined


def describe() -> tuple[HostInfo, tuple[SlotInfo, ...]]:
    """Describes this machine and its slots, with the isolation that a trial reaches."""
    directory: Path = settings.SERPENT_BUILDER_DIR
    return machine.describe(directory=directory, isolation=_isolation(directory)), machine.slots(settings.SERPENT_SLOTS)


def _isolation(directory: Path) -> str:
    try:
        sandbox = probe.choose(
            wanted=settings.SERPENT_SANDBOX,
            base=settings.SERPENT_BASE_IMAGE,
            directory=directory / "trial",
            group=f"serpent-trial-{os.getpid()}",
        )
    except probe.NoSandbox as error:
        logger.warning("%s", error)
        return NO_ISOLATION
    return sandbox.isolation
