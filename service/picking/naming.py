"""What a request names besides a callee: the instance it is for, and one of our own numbers."""

from collections.abc import Mapping
from typing import TypeVar

from service.errors import InvalidField, UnknownInstance
from service.locality import restore_number
from service.locality.refusal import why_refused

T = TypeVar("T")


def instance_named(instances: Mapping[str, T], instance_id: str) -> T:
    """The instance of this id; of the one that is configured, the id may be left out.

    Raises:
        UnknownInstance: no such instance is configured.
        InvalidField: none is named, and there are several.
    """
    if instance_id:
        try:
            return instances[instance_id]
        except KeyError:
            raise UnknownInstance(
                f"instance_id: no instance {instance_id!r} is configured here"
            ) from None
    if len(instances) > 1:
        raise InvalidField("instance_id", "several instances are configured: name one")
    return next(iter(instances.values()))


def own_number(field: str, given: str) -> str:
    """The canonical form of one of our own numbers, as a request has it in a field.

    Raises:
        InvalidField: it is no number; the reason does not repeat it.
    """
    try:
        return restore_number(given)
    except ValueError:
        raise InvalidField(field, why_refused(given)) from None
