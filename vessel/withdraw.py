"""Takes the packages of one source out of a stream, for one architecture, as one version that goes without them.

The version that was stays as it is, so that moving the stream back brings them back. Whoever asks says what they have
seen: where something else has been published since, or is about to be, nothing is taken away.
"""

from datetime import datetime

from django.db import transaction

from vessel import offer
from vessel.collection import NotAdmissible, withdraw
from vessel.locks import channel_lock
from vessel.models import Branch, Channel, Import, Stream, Withdrawal
from vessel.orders import ChannelMismatch, UnknownStream, WithdrawalOrder, Withdrawn
from vessel.publish import contents_of, finish_unfinished, make_version


def withdraw_source(*, order: WithdrawalOrder, at: datetime) -> Withdrawn:
    """Publishes a version without the packages of a source. Idempotent by reference: again gives the same result.

    Raises `UnknownStream`, `ChannelMismatch` for a branch, `NotAdmissible` where the stream holds a package of the
    source that was not seen or an import of it is under way, `OSError` when the disk fails, with the rows taken back.
    """
    with channel_lock(order.channel):
        channel = _stream(order).channel
        finish_unfinished(channel, at=at)
        if not Withdrawal.objects.filter(reference=order.reference).exists():
            _begin(order, at=at)
            finish_unfinished(channel, at=at)
        done = Withdrawal.objects.get(reference=order.reference)
        return Withdrawn(version=str(done.version_id), removed=tuple(done.removed))


def _begin(order: WithdrawalOrder, *, at: datetime) -> None:
    """Commits the rows of the version that goes without; none where nothing is left to take away."""
    stream = _stream(order)
    version = offer.version_of(channel=order.channel, stream=order.stream)
    present = contents_of(version)
    with transaction.atomic():
        Channel.objects.select_for_update().get(pk=stream.channel_id)
        _check_imports(stream, order)
        contents = withdraw(present, (order.source_name, order.architecture), seen=order.seen)
        gone = [present[key] for key in sorted(present.keys() - contents.keys())]
        if gone:
            summary = f"{order.source_name} withdrawn" + (f": {order.why}" if order.why else "")
            version = make_version(stream, present, contents, summary=summary[:500], at=at)
        Withdrawal.objects.create(
            reference=order.reference,
            stream=stream,
            source_name=order.source_name,
            architecture=order.architecture,
            version=version,
            removed=[item.name for item in gone],
            who=order.who[:150],
            why=order.why[:500],
            withdrawn_at=at,
        )


def _check_imports(stream: Stream, order: WithdrawalOrder) -> None:
    """Raises `NotAdmissible` where an import of the source is under way: it would bring back what goes."""
    expected = {
        "order__expected__source_name": order.source_name,
        "order__expected__architecture": order.architecture,
    }
    if Import.objects.open().filter(stream=stream, **expected).exists():
        raise NotAdmissible(f"a build of {order.source_name} is being published to {stream} at this moment")


def _stream(order: WithdrawalOrder) -> Stream:
    found = Stream.objects.named(order.channel, order.stream).select_related("channel", "version").first()
    if found is None or found.version is None:
        raise UnknownStream(f"there is no stream {order.channel}/{order.stream}")
    if Branch.objects.filter(stream=found).exists():
        raise ChannelMismatch(f"stream {found} is a branch: what is built there decides what it holds")
    return found
