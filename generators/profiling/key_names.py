"""What the names of tables and columns say about keys: which column numbers a table's own rows, which refers to which table."""

from __future__ import annotations

import re

from generators.profiling.identifiers import spelled

PERSON_TABLE = re.compile(r"(^|_)(person|patient|participant|subject|demographic|client|member)$")
"""A table of this (singular) name has a row for each person."""

VOCABULARY = re.compile(
    r"(^|_)(concept|vocabulary|terminology|dictionary|lookup|lkp|code|code_?list|code_?system|code_?set|snomed|icd_?\d*|opcs_?\d*|atc|loinc|"
    r"rxnorm|dmd|bnf|icd\d+_?code|domain|concept_class)$|^concept_|^(lookup|lkp|ref|lu)_"
)
"""A table of this (singular) name lists codes."""

SEQUENCE = re.compile(
    r"(^|_)(line|row|item|seq|sequence|version|episode|index|idx|order|position|spell|segment)(_?(no|num|nr|number))?$|^(no|num|nr|number)$"
)
"""A column of this name counts the rows of something: part of a composite key, never a key by itself."""

_KEYISH = re.compile(r"(^|_)(id|ids|key|uuid|guid|pk|fk|code|ref|reference|no|num|nr|number)$|^id_|_id_")
_ENDING = r"_?(id|key|uuid|guid|pk|no|num|nr|number|code|ref|reference)"
_GENERIC = re.compile(r"^(id|key|uuid|guid|pk|code|no|num|nr|number|ref|reference|name|row_id|record_id|index)$")
_KIN = re.compile(
    r"(^|_)(parent|previous|preceding|prior|next|following|linked|mother|father|manager|supervisor|original|replaces|replaced|master)"
    r"(_(id|key|no|number|ref))?$"
)
_PREFIX = re.compile(r"^(tbl|dim|fact|t|omop|cdm)_")


def singular(table: str) -> str:
    """A table's name without prefixes of modellers and in the singular: ``tbl_Visits`` → ``visit``."""
    word = _PREFIX.sub("", spelled(table))
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def keyish(column: str) -> bool:
    """Whether the name speaks of a key or of a part of one."""
    return bool(_KEYISH.search(spelled(column)) or SEQUENCE.search(spelled(column)))


def own_key(table: str, column: str) -> int | None:
    """How well the name says "this numbers the rows of this table", 0 the best; None when it does not."""
    word, one = spelled(column), singular(table)
    if word in (f"{one}_id", f"{spelled(table)}_id"):
        return 0
    if word in (one, spelled(table)) or re.fullmatch(re.escape(one) + _ENDING, word):
        return 1
    stem = re.sub(_ENDING + "$", "", word)
    part = len(stem) > 2 and stem != word and (one.endswith(f"_{stem}") or one.startswith(f"{stem}_"))
    return 2 if part or (_GENERIC.search(word) and word != "name") else None


def refers(column: str, table: str, key: str, *, same_table: bool) -> int:
    """How strongly a column's name says that it refers to `table` by its key column `key`; 0 when it does not.

    4: it has the key's own name; 3: it is named after the table; 2: one of the two with a role before or after it
    (``preceding_visit_id``); 1: a shortened table name, or, within one table, a word of kinship (``parent_id``).
    """
    word, target, one = spelled(column), spelled(key), singular(table)
    specific = not _GENERIC.search(target)
    if specific and word == target:
        return 0 if same_table else 4
    if not same_table and (word == one or re.fullmatch(re.escape(one) + _ENDING, word)):
        return 3
    if specific and (word.endswith(f"_{target}") or word.startswith(f"{target}_")):
        return 2
    if same_table:
        return 1 if _KIN.search(word) else 0
    if re.search(f"(^|_){re.escape(one)}{_ENDING}$", word) or word.endswith(f"_{one}"):
        return 2
    stem = re.sub(_ENDING + "$", "", word)
    return 1 if len(stem) > 2 and stem != word and (one.startswith(f"{stem}_") or one.endswith(f"_{stem}")) else 0


def generic(column: str) -> bool:
    """Whether a key of this name could be any table's."""
    return bool(_GENERIC.search(spelled(column)))
