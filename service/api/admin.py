"""Read what administrators ask for, each of them for the instances that are theirs."""

from typing import Protocol, TypeVar

from aiohttp import web

from service.api import bodies, forms
from service.api.parts import admitted
from service.numbers import InstanceQuery


class OfInstance(Protocol):
    """A body that names the instance it is for."""

    @property
    def instance_id(self) -> str:
        """Its id; "" for the only one."""


Q = TypeVar("Q", bound=InstanceQuery)
B = TypeVar("B", bound=OfInstance)


def query(request: web.Request, shape: type[Q]) -> Q:
    """Return the query, of which all is optional.

    Raises:
        Unauthenticated, Forbidden: who asks may not, or not for this instance.
        MalformedRequest, InvalidField: as `forms.query`.
    """
    _, asker = admitted(request, "admin")
    asked = forms.query(request, shape)
    asker.keep_to(asked.instance_id)
    return asked


async def body(request: web.Request, shape: type[B], most: int = bodies.MAX_BYTES) -> B:
    """Return the body, of JSON and at most so many bytes.

    Raises:
        Unauthenticated, Forbidden: who asks may not, or not for this instance.
        RequestError: as `bodies.read_json`.
    """
    _, asker = admitted(request, "admin")
    asked = await bodies.read_json(request, shape, most)
    asker.keep_to(asked.instance_id)
    return asked
