"""Marks and comments of reviewers on the items of a round."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0012_withdrawal_and_notices")]
    operations: ClassVar[list[Operation]] = []
