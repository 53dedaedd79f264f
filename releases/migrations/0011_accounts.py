"""Invitations, second factors, lock-outs."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0010_policies_and_standing_approvals")]
    operations: ClassVar[list[Operation]] = []
