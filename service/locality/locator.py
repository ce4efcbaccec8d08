"""Place callees and our own numbers, from memory.

A mobile belongs where the operator issued its first seven digits, a landline where its area code
is. Not for reading files and not for asking CCC about a prefix that the table lacks: the bytes
and the answers come in.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from service.locality.names import normal_city, normal_province
from service.locality.number import (
    Kind,
    Number,
    area_code_of,
    is_mobile,
    read_dialled,
    root_of,
)
from service.locality.table import FIRST_PREFIX, NOWHERE, Locality, read_table

# Area codes that ceased when one city joined another, while phone.dat still has them: 莱芜 became
# part of 济南 in January 2019.
_MERGED = {"0634": "0531"}

PREFIX = 7  # digits
TOLL_FREE = ("400", "800")

_is_prefix = re.compile(r"1[3-9][0-9]{5}").fullmatch


class Callee(msgspec.Struct, frozen=True, gc=False):
    """A number to be called: its canonical form, which is its key anywhere, and its place."""

    number: str
    kind: Kind
    locality: Locality


class Locator:
    """The places of all numbers: one prefix table, and what was learned since it was made."""

    def __init__(self, phone_dat: bytes) -> None:
        """Build the table.

        Args:
            phone_dat: the bytes of a phone.dat.

        Raises:
            ValueError: they are not one.
        """
        table = read_table(phone_dat)
        self._ids = table.ids
        self._places = [_as_of_today(place) for place in table.places]
        self._of_area_code = _by_area_code(table.places[place] for place in set(table.ids))
        self._area_codes = _by_names(self._places)
        self._learned: dict[str, Locality] = {}
        self.version = 0  # another one once places may have changed

    def locate(self, dialled: str) -> Callee:
        """The callee behind a number as dialled.

        Args:
            dialled: as dialled, with ASCII spaces, hyphens and any of +86, 0086, 86, trunk 0.

        Returns:
            Its canonical number, its kind and its place.

        Raises:
            InvalidCalledNumber: it cannot be dialled; the reason does not repeat the number.
        """
        if is_mobile(dialled):  # what nearly every client sends, so it comes first
            return Callee(dialled, "mobile", self._of_prefix(dialled[:PREFIX]))
        number = read_dialled(dialled)
        return Callee(number.digits, number.kind, self._of_number(number))

    def place(self, number: str, province: str = "", city: str = "") -> Locality:
        """The locality of one of our own numbers.

        CCC's names win over the table's; a landline keeps its own area code, a mobile takes the
        one of the city that CCC names. All others are where CCC says, and have no code that a
        callee's could be matched by; a 400 number is nowhere.

        Args:
            number: as `restore_number` gives it.
            province: CCC's Province, "" where it has none.
            city: CCC's City, "" where it has none.

        Returns:
            The locality, names in normal form.
        """
        return self.place_at(root_of(number), province, city)

    def place_at(self, root: str, province: str = "", city: str = "") -> Locality:
        """The locality, as `place` gives it, of all numbers that have this `root_of` and names."""
        if root in TOLL_FREE:
            return NOWHERE
        province, city = normal_province(province), normal_city(city)
        if not root:
            return Locality(province, city)
        own = self._of_code(root) if root[0] == "0" else self._of_prefix(root)
        province = province or own.province
        in_province = own if province == own.province else NOWHERE
        city = city or in_province.city
        own_code = own.area_code if root[0] == "0" else self._area_code(province, city)
        return Locality(province, city, own_code or in_province.area_code)

    def city(self, name: str) -> Locality | None:
        """Return the place of a city by its name, with or without its rank; None if unknown."""
        wanted = normal_city(name)
        return next((place for place in self._places if wanted and place.city == wanted), None)

    def knows(self, name: str) -> bool:
        """Return whether a province or a city has this name, with or without its rank."""
        return self.has_province(name) or self.city(name) is not None

    def has_province(self, name: str) -> bool:
        """Return whether a province has this name, with or without its rank."""
        wanted = normal_province(name)
        return any(wanted and place.province == wanted for place in self._places)

    def unknown_prefix(self, callee: Callee) -> str:
        """The seven digits to ask CCC about, or "".

        Args:
            callee: as `locate` gave it.

        Returns:
            The prefix of a mobile that neither the table nor anything learned places.
        """
        is_unknown = callee.kind == "mobile" and callee.locality is NOWHERE
        return callee.number[:PREFIX] if is_unknown else ""

    def learn(self, prefix: str, province: str, city: str) -> None:
        """Take in what CCC said of a prefix; the table, where it has one, still wins.

        An answer without names counts too: the prefix was asked and is not asked again.

        Args:
            prefix: seven digits of a mobile number.
            province: as CCC names it, or "".
            city: as CCC names it, or "".

        Raises:
            ValueError: the prefix is none.
        """
        if not _is_prefix(prefix):
            raise ValueError("a mobile prefix is 1, 3-9 and five digits")
        province, city = normal_province(province), normal_city(city)
        self._learned[prefix] = Locality(province, city, self._area_code(province, city))
        self.version += 1

    def _of_number(self, number: Number) -> Locality:
        if number.kind == "mobile":
            return self._of_prefix(number.digits[:PREFIX])
        if number.kind == "landline":
            return self._of_code(area_code_of(number.digits))
        return Locality(country=number.country)

    def _of_code(self, area_code: str) -> Locality:
        # A code that the table lacks is taken as it stands: it may be newer than the table (0448 of
        # 梅河口), and the numbers that share it still match.
        return self._of_area_code.get(area_code) or Locality(area_code=area_code)

    def _of_prefix(self, prefix: str) -> Locality:
        place = self._ids[int(prefix) - FIRST_PREFIX]
        return self._places[place] if place else self._learned.get(prefix, NOWHERE)

    def _area_code(self, province: str, city: str) -> str:
        """The code of a city, or of a province that has one alone (海南, 北京); "" if not known."""
        return self._area_codes.get((province, city)) or self._area_codes.get((province, ""), "")


def _as_of_today(place: Locality) -> Locality:
    code = place.area_code
    return msgspec.structs.replace(place, area_code=_MERGED.get(code, code))


def _by_area_code(places: Iterable[Locality]) -> dict[str, Locality]:
    """Return each area code's place; it has no city where several share the code.

    Keyed by the codes of the file, so that a number with a code merged since is still placed.
    """
    sharing: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for place in places:
        sharing[place.area_code].add((place.province, place.city))
    of_code: dict[str, Locality] = {}
    for code, named in sharing.items():
        provinces, cities = zip(*named, strict=True)
        of_code[code] = _as_of_today(Locality(_only(provinces), _only(cities), code))
    return of_code


def _by_names(places: Iterable[Locality]) -> dict[tuple[str, str], str]:
    """The area code of each (province, city), and of (province, "") where it has one alone."""
    codes = {(place.province, place.city): place.area_code for place in places}
    of_province: defaultdict[str, set[str]] = defaultdict(set)
    for (province, _), code in codes.items():
        of_province[province].add(code)
    return codes | {(province, ""): _only(all_of) for province, all_of in of_province.items()}


def _only(values: Iterable[str]) -> str:
    """The one value that all have, "" where they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else ""
