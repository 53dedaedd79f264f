"""Guards of the state table: one rule, one function, which returns the sentence of refusal or None.

`releases.policy.TRANSITIONS` names them; what the release policy asks of a request is here too, for guards and everybody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from generators.disclosure import POLICIES
from generators.schema import DatasetSchema
from releases import agreement_guards, deadlines, dpias, marks, overrides, selection, standing_approvals
from releases.agreement_guards import listed as _listed
from releases.agreement_guards import no_agreement_needed as no_agreement_needed
from releases.models import ReleaseRequest, Run
from releases.release_policies import judged_by as judged_by
from releases.release_policies import policy_of as policy_of
from releases.release_policies import release_policy


def capacities(request: ReleaseRequest) -> tuple[str, ...]:
    """Capacities that must sign for this request; none while its tier is open."""
    tier = policy_of(request).tier(request.tier)
    return tier.capacities if tier else ()


def signatures(request: ReleaseRequest) -> Counter[str]:
    """How many people of each capacity approved the evidence as it stands now; sign-offs of other evidence do not count."""
    given = request.signoffs.filter(round=request.round, evidence_digest=request.evidence_digest, decision="approve")
    return Counter(given.values_list("capacity", flat=True))


def needed(request: ReleaseRequest) -> dict[str, int]:
    """How many people of each capacity must sign; none while its tier is open."""
    tier = policy_of(request).tier(request.tier)
    return dict(tier.signatures) if tier else {}


def signed_capacities(request: ReleaseRequest) -> set[str]:
    """Capacities in which all who must sign have signed."""
    given = signatures(request)
    return {capacity for capacity, number in needed(request).items() if given[capacity] >= number}


def columns_of(request: ReleaseRequest) -> tuple[str, ...]:
    """Names of the columns a release of this request would hold, each of which needs a reason; "table.column" of several tables.

    Keys are left out: they are issued anew and say nothing (`releases.selection`).
    """
    snapshot = request.version.snapshot if request.version is not None else request.source.current_snapshot
    if snapshot is None:
        return ()
    schema = DatasetSchema.from_dict(snapshot.working_copy.schema)
    held = request.version.schema if request.version is not None else snapshot.working_copy.schema
    present = {(table["name"], column["name"]) for table in held["tables"] for column in table["columns"]}
    return tuple(
        selection.variable(schema, table.name, name)
        for table, names in selection.variables(schema)
        for name in names
        if (table.name, name) in present
    )


Context = dict[str, Any]
Guard = Callable[[ReleaseRequest, Context], str | None]


def described(request: ReleaseRequest, context: Context) -> str | None:
    wanted = {
        "title": "a title",
        "purpose": "a purpose",
        "use_case": "what the data will be used for",
        "description": "a description for readers",
        "tier": "a tier",
        "access_level": "an access level",
        "licence": "a licence",
    }
    missing = [words for field, words in wanted.items() if not str(getattr(request, field)).strip()]
    return f"The request still needs {_listed(missing)}." if missing else None


def variables_justified(request: ReleaseRequest, context: Context) -> str | None:
    columns = columns_of(request)
    missing = [name for name in columns if not str(request.variables.get(name, "")).strip()]
    if missing:
        shown = _listed([f"“{name}”" for name in missing[:5]])
        rest = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return f"The request does not say why it needs {shown}{rest}."
    return None


def version_chosen(request: ReleaseRequest, context: Context) -> str | None:
    return None if request.version else "No version is chosen; generate one and choose it."


def version_of_request(request: ReleaseRequest, context: Context) -> str | None:
    version = context.get("version")
    if version is not None and version.request_id != request.pk:
        return "That version belongs to another request."
    if version is not None and not hasattr(version, "evaluation"):
        return "That version has not been evaluated yet."
    return None


def version_evaluated(request: ReleaseRequest, context: Context) -> str | None:
    if request.version and not hasattr(request.version, "evaluation"):
        return "The chosen version has not been evaluated yet."
    return None


def tier_of_version(request: ReleaseRequest, context: Context) -> str | None:
    if request.version and request.version.tier != request.tier:
        return f"The request says {request.tier}, but the chosen version is {request.version.tier}."
    return None


def gates_green(request: ReleaseRequest, context: Context) -> str | None:
    evaluation = getattr(request.version, "evaluation", None)
    if evaluation is None:
        return None  # version_evaluated says so
    tier = policy_of(request).tier(request.tier)
    if tier and evaluation.gates_version != tier.gates:
        return f"The version was judged by gates {evaluation.gates_version}, the release policy asks for {tier.gates}: generate it again."
    if not evaluation.passed:
        failed = [o["sentence"] for o in evaluation.verdict["outcomes"] if o["level"] == "hard" and not o["passed"]]
        return f"A hard gate failed: {failed[0] if failed else 'see the evaluation'}"
    return None


def soft_gates_answered(request: ReleaseRequest, context: Context) -> str | None:
    """Every soft gate that the chosen version does not meet has its coded reason."""
    missing = len(overrides.unanswered(request))
    if missing:
        which = "A condition that should be met is" if missing == 1 else f"{missing} conditions that should be met are"
        return f"{which} not met: say why it may be released all the same."
    return None


def assertions_hold(request: ReleaseRequest, context: Context) -> str | None:
    """No automatic check of the summary fails where the version holds the column, or for the summary as a whole."""
    summary = request.version.summary if request.version else None
    if request.version is None or summary is None:
        return None
    held = {f"{table['name']}.{column['name']}" for table in request.version.schema["tables"] for column in table["columns"]}
    for failed in summary.failed_assertions:
        if not failed["places"] or held & set(failed["places"]):
            return (
                f"An automatic check of the summary fails ({failed['name']}): {failed['sentence']} "
                "Make a summary without these columns, or confirm the schema anew."
            )
    return None


def access_level_allowed(request: ReleaseRequest, context: Context) -> str | None:
    tier = policy_of(request).tier(request.tier)
    if tier and request.access_level not in tier.access_levels:
        return (
            f"The release policy does not allow {request.access_level or 'unnamed'} access to a {request.tier} release; "
            f"it allows {_listed(list(tier.access_levels))}."
        )
    return None


def licence_allowed(request: ReleaseRequest, context: Context) -> str | None:
    tier = policy_of(request).tier(request.tier)
    if tier and request.licence not in tier.licences:
        return f"That licence does not fit a {request.tier} release; use one of: {', '.join(tier.licences)}."
    return None


def open_needs_policy(request: ReleaseRequest, context: Context) -> str | None:
    """Open access needs the public disclosure policy, by its thresholds and not its name alone; structural data hold nothing observed."""
    tier = policy_of(request).tier(request.tier)
    needed = tier.open_needs_disclosure_policy if tier else None
    if request.access_level != "open" or needed is None or request.version is None:
        return None
    summary = request.version.summary
    if summary is None or summary.policy != POLICIES[needed].as_dict():
        used = f"the “{summary.policy_name}” policy" if summary else "no summary"
        return f"Open access needs aggregates made under the “{needed}” disclosure policy; the chosen version was made from {used}."
    return None


def no_run_active(request: ReleaseRequest, context: Context) -> str | None:
    if request.runs.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
        return "A run of this request is still going; wait for it or cancel it first."
    return None


def summary_of_same_source(request: ReleaseRequest, context: Context) -> str | None:
    summary = context.get("summary")
    if summary is not None and summary.source_id != request.source_id:
        return "That summary belongs to another dataset."
    if summary is not None and summary.snapshot.working_copy.destroyed_at is not None:
        return "The records that summary was made of are destroyed; make a summary of the newest snapshot."
    if request.source.current_snapshot is None:
        return "The dataset has no prepared snapshot yet; confirm its schema first."
    return None


def a_drill(request: ReleaseRequest, context: Context) -> str | None:
    return None if hasattr(request, "drill") else "Only a drill can be handled so."


def not_a_drill(request: ReleaseRequest, context: Context) -> str | None:
    """Neither the request nor the version it chose is a drill's."""
    drilled = hasattr(request, "drill") or (request.version is not None and hasattr(request.version.request, "drill"))
    return "A drill is never published, and only its own end ends it." if drilled else None


def reaudit_passed(request: ReleaseRequest, context: Context) -> str | None:
    """The newest re-audit was made since the suspension, under the gates in force, and passed."""
    suspended = request.announcements.filter(kind="suspended").order_by("-number").first()
    last = request.reaudits.order_by("-made_at").first()
    if last is None or last.outcome != "passed" or (suspended is not None and last.made_at < suspended.asked_at):
        return "It can be released again once a re-audit made since then has passed; the Synthetic Data Audit Team starts one."
    tier = release_policy().tier(request.tier)
    if tier and last.gates_version != tier.gates:
        return f"The last re-audit was under gates {last.gates_version}; those in force are {tier.gates}: it must be re-audited again."
    return None


def standing_approval_allowed(request: ReleaseRequest, context: Context) -> str | None:
    """The policy in force allows a standing approval of this kind of data, and this way of making them has none."""
    tier = release_policy().tier(request.tier)
    if tier is None or tier.standing_approval_days is None:
        return f"The release policy allows no standing approval of {request.tier} data: each release is decided on by itself."
    now = timezone.now()
    if request.version is not None and standing_approvals.of_mechanism(request.version, request.tier, now) is not None:
        return "This way of making data has a standing approval already; revoke that one first to give another."
    return None


def assessed_for_standing(request: ReleaseRequest, context: Context) -> str | None:
    """A standing approval rests on a complete DPIA, whether or not a single release of this kind needs one."""
    if dpias.complete(request):
        return None
    return "A standing approval needs a complete data protection impact assessment; a member of the Synthetic Data Audit Team writes it."


def covered_by_standing_approval(request: ReleaseRequest, context: Context) -> str | None:
    found = standing_approvals.outlook(request, timezone.now())
    if found.covered:
        return None
    return found.sentences[0] if found.sentences else "No standing approval is in force for data made in this way."


def approval_stands(request: ReleaseRequest, context: Context) -> str | None:
    """The standing approval that approved it, if one did, is not revoked; what is being published already is published."""
    leaning = request.standing_approval
    if leaning is None or leaning.revoked_at is None or hasattr(request, "publication"):
        return None
    return "The standing approval it was approved by is revoked."


def approval_revoked(request: ReleaseRequest, context: Context) -> str | None:
    return None if approval_stands(request, context) else "Only what leaned on a revoked standing approval is returned so."


def approval_in_time(request: ReleaseRequest, context: Context) -> str | None:
    """The approval has not expired, or its publication has begun: what was attested is published."""
    if deadlines.behind(request.changed_at):
        return "The clock of this site was set back to before the approval; nothing is published until it is right."
    over = approval_over(request, context) is None
    return "The approval has expired: it was not published in time. The request goes back to its author." if over else None


def approval_over(request: ReleaseRequest, context: Context) -> str | None:
    ends = deadlines.approval_ends(request)
    if ends is None or ends > timezone.now():
        return "The approval has not expired."
    return "Its publication has begun." if hasattr(request, "publication") else None


def no_own_doubt(request: ReleaseRequest, context: Context) -> str | None:
    """Nobody approves what they themselves marked as must change. context: `reviewer`."""
    doubts = marks.own_doubts(request, context["reviewer"]) if context.get("reviewer") else []
    if not doubts:
        return None
    which = _listed([f"“{doubt.about}”" for doubt in doubts[:3]]) + (f" and {len(doubts) - 3} more" if len(doubts) > 3 else "")
    return f"You marked {which} as must change: return the request, or mark it anew if it may stay as it is."


def signatures_outstanding(request: ReleaseRequest, context: Context) -> str | None:
    return None if _outstanding(request, context) else "All signatures are there."


def last_signature(request: ReleaseRequest, context: Context) -> str | None:
    outstanding = _outstanding(request, context)
    return f"{_listed([c.upper() for c in outstanding])} must still sign." if outstanding else None


def outstanding(request: ReleaseRequest) -> list[str]:
    """Capacities in which somebody must still sign."""
    return _outstanding(request, {})


def _outstanding(request: ReleaseRequest, context: Context) -> list[str]:
    given = signatures(request) + Counter([context["capacity"]] if context.get("capacity") else [])
    return [capacity for capacity, number in needed(request).items() if given[capacity] < number]


GUARDS: dict[str, Guard] = {
    guard.__name__: guard
    for guard in (
        *agreement_guards.GUARDS,
        described,
        variables_justified,
        version_chosen,
        version_of_request,
        version_evaluated,
        tier_of_version,
        gates_green,
        soft_gates_answered,
        assertions_hold,
        access_level_allowed,
        licence_allowed,
        open_needs_policy,
        no_run_active,
        summary_of_same_source,
        a_drill,
        not_a_drill,
        reaudit_passed,
        standing_approval_allowed,
        assessed_for_standing,
        covered_by_standing_approval,
        approval_stands,
        approval_revoked,
        approval_in_time,
        approval_over,
        no_own_doubt,
        signatures_outstanding,
        last_signature,
    )
}
