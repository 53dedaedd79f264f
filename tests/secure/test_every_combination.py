"""Every combination of state, action, person, whether they are the author, and kind of data: the outcome, beside a table written by hand.

Until a request is approved, `test_state` has the table; here is what comes after, what the site does by itself, and the count.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction

from releases import permissions, policy
from releases.permissions import ACTIONS as PERMITTED
from tests.secure.conftest import World
from tests.secure.test_state import ACTIONS, PEOPLE, STATES, TIERS, expected, placed

AUTHORS = ("steward", "ig", "sdat")

# Written down a second time, by hand: (action, state) → the people who may; "*": every kind of data, else those named.
AFTER: dict[tuple[str, str], tuple[set[str], set[str]]] = {
    ("grant_standing_approval", "submitted"): ({"ig", "other_ig"}, {"structural", "publicly-sourced"}),
    ("grant_standing_approval", "approved"): ({"ig", "other_ig"}, {"structural", "publicly-sourced"}),
    ("grant_standing_approval", "published"): ({"ig", "other_ig"}, {"structural", "publicly-sourced"}),
    ("reaudit", "published"): ({"sdat"}, {"*"}),
    ("reaudit", "suspended"): ({"sdat"}, {"*"}),
    ("suspend", "published"): ({"ig", "other_ig"}, {"*"}),
    ("withdraw", "published"): ({"ig", "other_ig"}, {"*"}),
    ("withdraw", "suspended"): ({"ig", "other_ig"}, {"*"}),
    ("rereview", "published"): ({"ig", "other_ig"}, {"*"}),
    ("mark_items", "submitted"): ({"ig", "other_ig"}, {"*"}),  # and SDAT where it signs
    ("answer_remarks", "submitted"): ({"steward"}, {"*"}),
    ("answer_remarks", "returned"): ({"steward"}, {"*"}),
}
EVEN_THEIR_OWN = {"reaudit", "suspend", "answer_remarks"}
"""What the author may do too: looking again and taking off the shelf are always the safer side, and answers are theirs to give."""
AFTERWARDS = ("grant_standing_approval", "reaudit", "suspend", "resume", "withdraw", "rereview", "mark_items", "answer_remarks")
# By the site itself, of a request that is no drill, that no standing approval covers, whose approval is fresh. Resuming needs a re-audit.
BY_ITSELF = {"publish": {"approved"}, "suspend": {"published"}}
ITSELF = ("publish", "suspend", "approve_by_standing", "return_leaning", "expire", "propose_drill", "submit_drill", "reveal_drill")
DECISIONS = ("approve", "return", "reject")


def after(person: str, action: str, state: str, tier: str, author: str) -> bool:
    if (action, state, person, tier) == ("mark_items", "submitted", "sdat", "privately-sourced"):
        return person != author
    people, kinds = AFTER.get((action, state), (set(), set()))
    return person in people and bool(kinds & {"*", tier}) and (person != author or action in EVEN_THEIR_OWN)


def outcomes(world: World, tier: str, author: str) -> Iterator[tuple[bool, bool, str]]:
    """(whether it is possible, whether it should be, in words), of every state, action and person."""
    people = world.people
    for state in STATES:
        request = placed(world.ready, state, tier, getattr(people, author))
        for action in ITSELF:
            possible = policy.refusal(request, action) is None
            yield possible, state in BY_ITSELF.get(action, set()), f"the site / {action} / {state} / {tier}"
        for person in PEOPLE:
            actor = getattr(people, person)
            for action in AFTERWARDS:
                refusal = permissions.explain(actor, action, request)
                assert refusal is None or (refusal[0].isupper() and refusal.endswith(".")), refusal
                words = f"{person} / {action} / {state} / {tier} / author {author}: {refusal}"
                yield refusal is None, after(person, action, state, tier, author), words


@pytest.mark.promise("router.7")
def test_every_action_there_is_has_its_place_in_one_of_the_tables() -> None:
    about = {*ACTIONS, *AFTERWARDS, "sign_off"}
    assert about <= set(PERMITTED)
    assert {*about, *ITSELF, *DECISIONS} >= set(policy.ACTIONS)
    assert len(STATES) * len(PEOPLE) * len(AUTHORS) * len(TIERS) == 11 * 9 * 3 * 3


@pytest.mark.promise("router.7")
def test_every_state_action_person_author_and_kind_has_the_outcome_written_down(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    tried, wrong = 0, []
    for tier in TIERS:
        for author in AUTHORS:
            with transaction.atomic():  # what is withdrawn stays so, in the database too
                for outcome, possible, words in outcomes(world, tier, author):
                    tried += 1
                    if outcome != possible:
                        wrong.append(words)
                transaction.set_rollback(True)
    assert wrong == []
    before = len(STATES) * len(PEOPLE) * len(AUTHORS) * len(TIERS) * (len(ACTIONS) + len(DECISIONS))
    with capsys.disabled():
        print(f"\n{tried + before:,} combinations of state, action, person, author and kind of data, each with its outcome")
    assert tried + before >= 20_000
    assert expected("steward", "submit", "draft", "structural", "steward")
