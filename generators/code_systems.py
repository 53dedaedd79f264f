"""Public code systems: what their codes look like, which are valid, and what they have in common (for rare codes to be rolled up to).

Only what is published about each system is here, nothing observed. ICD-10: chapters by the ranges of the World Health Organization's
tabular list. OPCS-4: NHS England. SNOMED CT: release file specification (partition identifier, Verhoeff check digit); dm+d codes are
SNOMED CT codes. BNF codes: NHS Business Services Authority. Postcode districts: the areas of Royal Mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stdnum import verhoeff

FITTING = 0.95
"""Share of a column's different values that must be valid codes of a system for it to be proposed."""


@dataclass(frozen=True)
class Level:
    """What codes have in common. name: of the level; of: the group of a valid code, None where it is in none; stand_in: the code that is
    generated for a group: the group itself or its first code by the public list, never an observed one.
    """

    name: str
    of: Callable[[str], str | None]
    stand_in: Callable[[str], str]


@dataclass(frozen=True)
class CodeSystem:
    """A public code system. pattern: of its codes; levels: from the narrowest to the widest; named: of columns that hold such codes."""

    name: str
    pattern: re.Pattern[str]
    levels: tuple[Level, ...]
    named: re.Pattern[str]
    check: Callable[[str], bool] = lambda code: True

    def valid(self, code: str) -> bool:
        """Whether `code` can be a code of this system: pattern and check digit; not whether it is in use."""
        return self.pattern.fullmatch(code) is not None and self.check(code)

    def level(self, name: str) -> Level | None:
        """The level called `name`."""
        return next((level for level in self.levels if level.name == name), None)


_CHAPTERS = (
    ("I", "A00", "B99"),
    ("II", "C00", "D49"),
    ("III", "D50", "D89"),
    ("IV", "E00", "E90"),
    ("V", "F00", "F99"),
    ("VI", "G00", "G99"),
    ("VII", "H00", "H59"),
    ("VIII", "H60", "H95"),
    ("IX", "I00", "I99"),
    ("X", "J00", "J99"),
    ("XI", "K00", "K95"),
    ("XII", "L00", "L99"),
    ("XIII", "M00", "M99"),
    ("XIV", "N00", "N99"),
    ("XV", "O00", "O99"),
    ("XVI", "P00", "P96"),
    ("XVII", "Q00", "Q99"),
    ("XVIII", "R00", "R99"),
    ("XIX", "S00", "T98"),
    ("XX", "V01", "Y98"),
    ("XXI", "Z00", "Z99"),
    ("XXII", "U00", "U99"),
)
_FIRST = {chapter: first for chapter, first, _ in _CHAPTERS}
_AREAS = frozenset(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU GY HA HD HG "
    "HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA "
    "SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE".split()
)


def _chapter(code: str) -> str | None:
    return next((chapter for chapter, first, last in _CHAPTERS if first <= code[:3] <= last), None)


def _area(code: str) -> str | None:
    letters = re.match("[A-Z]+", code)
    return letters[0] if letters and letters[0] in _AREAS else None


def _itself(code: str) -> str:
    return code


CODE_SYSTEMS: dict[str, CodeSystem] = {
    system.name: system
    for system in (
        CodeSystem(
            "ICD-10",
            re.compile(r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?"),
            (Level("category", lambda code: code[:3], _itself), Level("chapter", _chapter, lambda chapter: _FIRST[chapter])),
            re.compile(r"icd|diag"),
            lambda code: _chapter(code) is not None,
        ),
        CodeSystem(
            "OPCS-4",
            re.compile(r"[A-HJ-Z][0-9]{2}(\.?[0-9])?"),
            (Level("category", lambda code: code[:3], _itself), Level("chapter", lambda code: code[0], lambda letter: letter + "01")),
            re.compile(r"opcs|proc|operation"),
        ),
        CodeSystem(
            "UK postcode district",
            re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?"),
            (Level("area", _area, lambda area: area + "1"),),
            re.compile(r"post_?code|district|outward|outcode|zip"),
            lambda code: _area(code) is not None,
        ),
        CodeSystem(
            "SNOMED CT",
            re.compile(r"[1-9][0-9]{5,17}"),
            (),
            re.compile(r"snomed|concept|dmd|dm_d|vmp|amp|sctid"),
            lambda code: code[-3:-1] in ("00", "01", "02", "10", "11", "12") and bool(verhoeff.is_valid(code)),
        ),
        CodeSystem(
            "BNF",
            re.compile(r"(0[1-9]|1[0-9]|2[0-3])[0-9]{4}[0-9A-Z]([0-9A-Z]{2}){1,4}"),
            (Level("chemical substance", lambda code: code[:9], _itself), Level("section", lambda code: code[:4], lambda s: s + "00000")),
            re.compile(r"bnf"),
        ),
    )
}
"""The systems by name, which is what `ColumnSchema.code_system` holds."""


def detected(values: Sequence[str], word: str) -> str | None:
    """The system whose codes at least `FITTING` of these different values of a column are; of several the one its name speaks of.

    word: the column's name, as `generators.profiling.identifiers.spelled` spells it.

    Where the name speaks of none, postcode districts need an area of two letters among them, ICD-10 codes of three chapters, and OPCS-4
    is never taken: its codes look like those of ICD-10.
    """
    if len(values) < 5:
        return None
    fitting = [s for s in CODE_SYSTEMS.values() if sum(s.valid(v) for v in values) >= FITTING * len(values)]
    named = [s.name for s in fitting if s.named.search(word)]
    if named:
        return named[0]
    names = [s.name for s in fitting if s.name != "OPCS-4"]
    if "ICD-10" in names and len({v[0] for v in values}) < 3:
        names.remove("ICD-10")
    if "UK postcode district" in names and not any(re.match("[A-Z]{2}", v) for v in values):
        names.remove("UK postcode district")
    return names[-1] if "UK postcode district" in names else next(iter(names), None)
