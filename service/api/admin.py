"""Read what administrators ask for, each of them for the instances that are theirs."""

from typing import Protocol, TypeVar

from aiohttp import web

from service.api import bodies, forms
from service.api.auth import Asker
from service.api.parts import Api, admitted
from service.numbers import InstanceQuery


class OfInstance(Protocol):
    """A body that names the instance it is for."""

    @property
    def instance_id(self) -> str:
        """Its id; "" for the only one."""


Q = TypeVar("Q", bound=InstanceQuery)
B = TypeVar("B", bound=OfInstance)


def query(request: web.Request, shape: type[Q]) -> tuple[Api, Asker, Q]:
    """Return the parts, who asks, and the query, of which all is optional.

    Raises:
        Unauthenticated, Forbidden: who asks may not, or not for this instance.
        MalformedRequest, InvalidField: as `forms.query`.
    """
    api, asker = admitted(request, "admin")
    asked = forms.query(request, shape)
    asker.keep_to(asked.instance_id)
    return api, asker, asked


async def body(
    request: web.Request, shape: type[B], most: int = bodies.MAX_BYTES
) -> tuple[Api, Asker, B]:
    """Return the parts, who asks, and the body, of JSON and at most so many bytes.

    Raises:
        Unauthenticated, Forbidden: who asks may not, or not for this instance.
        RequestError: as `bodies.read_json`.
    """
    api, asker = admitted(request, "admin")
    asked = await bodies.read_json(request, shape, most)
    asker.keep_to(asked.instance_id)
    return api, asker, asked
