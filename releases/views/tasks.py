"""A request as a task list: what is done, what is to do, and why something cannot start yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from releases import agreement_guards, dpias, guards, overrides, plain_account, policy
from releases.models import ReleaseRequest, Run
from releases.templatetags.plain_words import counted, day


@dataclass(frozen=True)
class Task:
    """A line of the task list. hint: the reason when it cannot start yet, or what was done."""

    title: str
    status: str
    hint: str = ""
    href: str = ""
    colour: str = ""


def tasks(asked: ReleaseRequest, answers: dict[str, str | None], versions: list[Any], runs: list[Run], steward: bool) -> list[Task]:
    """The task list: each done, in progress, or cannot start yet with the reason."""
    open_ = steward and answers["describe_request"] is None
    frozen = asked.state == ReleaseRequest.State.AGREED
    undescribed = guards.described(asked, {})
    unjustified = guards.variables_justified(asked, {}) if policy.columns_of(asked) else "The dataset is not ready."
    active = next((run for run in runs if run.active), None)
    evaluated = [v for v in versions if hasattr(v, "evaluation")]
    here = [asked.pk]
    found = [
        _task("Purpose", "purpose", here, done=undescribed is None, begun=bool(asked.purpose), hint=undescribed or "", open_=open_),
        _task(
            "Variables and why",
            "variables",
            here,
            done=unjustified is None,
            begun=bool(asked.variables),
            hint="They are what was agreed." if frozen else unjustified or "",
            open_=open_ and not frozen,
        ),
        *_agreement(asked, answers),
        Task(
            "What somebody would predict (optional)",
            "Done" if asked.targets else "Optional",
            ", ".join(asked.targets) if asked.targets else "Versions made after you answer are tested for it.",
            reverse("targets", args=here) if open_ and not frozen else "",
        ),
    ]
    if active is not None and active.kind in (Run.Kind.FIT, Run.Kind.GENERATE):
        found.append(
            Task(
                "Method and data",
                "In progress",
                f"{active.get_kind_display()}, {int(active.fraction * 100)} %",
                reverse("run", args=[active.pk]),
                "blue",
            )
        )
    else:
        found.append(
            _task(
                "Method and data",
                "generate",
                here,
                done=bool(versions),
                begun=False,
                open_=steward and answers["request_generation"] is None,
                hint=counted(len(versions), "version") + " so far"
                if versions
                else answers["request_generation"] or "Choose a method, how many rows, and a seed.",
            )
        )
    if active is not None and active.kind == Run.Kind.EVALUATE:
        found.append(Task("Evaluate", "In progress", f"{int(active.fraction * 100)} %", reverse("run", args=[active.pk]), "blue"))
    elif evaluated:
        found.append(
            Task("Evaluate", "Done", f"{counted(len(evaluated), 'version')} evaluated", reverse("version", args=[evaluated[-1].pk]))
        )
    else:
        found.append(Task("Evaluate", "Cannot start yet", "It starts by itself when data were generated."))
    look = asked.version or (evaluated[-1] if evaluated else None)
    choosing = reverse("compare", args=here) if len(versions) > 1 else reverse("version", args=[look.pk]) if look else ""
    if asked.version is not None:
        found.append(Task("Choose the version to release", "Done", f"Version {asked.version.number}", choosing))
    elif evaluated:
        found.append(
            Task(
                "Choose the version to release",
                "To do",
                "Look at the evidence, then choose.",
                choosing,
                "blue",
            )
        )
    else:
        found.append(Task("Choose the version to release", "Cannot start yet", "No version has been evaluated."))
    found.append(_answers(asked, answers["answer_gates"]))
    found += _written(asked, answers)
    if asked.submitted_at is not None and asked.state not in (ReleaseRequest.State.DRAFT, ReleaseRequest.State.AGREED):
        found.append(Task("Submit for review", "Done", f"{day(asked.submitted_at)}"))
    elif answers["submit"] is None:
        found.append(Task("Submit for review", "To do", "Everything is ready.", reverse("submit", args=here), "blue"))
    else:
        found.append(Task("Submit for review", "Cannot start yet", answers["submit"] or ""))
    return found


def _agreement(asked: ReleaseRequest, answers: dict[str, str | None]) -> list[Task]:
    """The use case, where it must be agreed before anything is generated."""
    tier = agreement_guards.tier_of(asked)
    if tier is None or not tier.needs_agreement:
        return []
    title, here = "Agreement of the use case", [asked.pk]
    if asked.state == ReleaseRequest.State.PROPOSED:
        return [Task(title, "Waiting", "The Synthetic Data Audit Team decides.", reverse("agreement", args=here), "blue")]
    if asked.state != ReleaseRequest.State.DRAFT:
        return [Task(title, "Done", "Agreed by the Synthetic Data Audit Team.", reverse("agreement", args=here))]
    if answers["propose"] is None:
        return [Task(title, "To do", "Propose it; nothing is generated before it is agreed.", reverse("propose", args=here), "blue")]
    return [Task(title, "Cannot start yet", answers["propose"])]


def _written(asked: ReleaseRequest, answers: dict[str, str | None]) -> list[Task]:
    """The plain-English account and the DPIA, where the release policy asks for them."""
    tier, here = agreement_guards.tier_of(asked), [asked.pk]
    if tier is None:
        return []
    found = []
    if tier.needs_account:
        account, href = plain_account.current(asked), reverse("write-account", args=here) if answers["write_account"] is None else ""
        if account is not None:
            words = "Approved" if plain_account.approved(account) else "Not approved by a patient and public involvement member"
            found.append(Task("Plain-English account", "Done", f"Version {account.number}. {words}.", reverse("account-text", args=here)))
        else:
            hint = "For patients; a draft is filled in." if asked.version else "The draft is better once a version is chosen."
            found.append(Task("Plain-English account", "To do", hint, href, "blue"))
    if tier.needs_dpia:
        dpia = dpias.current(asked)
        status = "Not begun" if dpia is None else "Done" if dpia.complete else "In progress"
        hint = "The Synthetic Data Audit Team writes it, before or during the review."
        found.append(Task("Data protection impact assessment", status, hint, reverse("dpia", args=here) if dpia else ""))
    return found


def _answers(asked: ReleaseRequest, refusal: str | None) -> Task:
    """Answering the soft gates that the chosen version does not meet."""
    title, missing = "Answer what is not met", len(overrides.unanswered(asked))
    if asked.version is None:
        return Task(title, "Cannot start yet", "Choose a version first.")
    href = reverse("gates", args=[asked.pk]) if refusal is None else ""
    count = len(overrides.unmet(asked))
    if not count:
        return Task(title, "Done", "Every condition that should be met is met.")
    if not missing:
        return Task(title, "Done", f"{counted(count, 'condition')} answered; the answers are published.", href)
    hint = f"{counted(missing, 'condition')} that should be met {'is' if missing == 1 else 'are'} not."
    return Task(title, "To do" if href else "Not finished", hint, href, "blue" if href else "")


def _task(title: str, name: str, here: list[Any], *, done: bool, begun: bool, hint: str, open_: bool) -> Task:
    href = reverse(name, args=here) if open_ else ""
    if done:
        return Task(title, "Done", hint, href)
    if not open_:
        return Task(title, "Cannot start yet" if not begun else "Not finished", hint)
    return Task(title, "In progress" if begun else "To do", hint, href, "blue")
