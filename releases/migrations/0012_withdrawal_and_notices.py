"""Withdrawal, notifications and the register."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("releases", "0011_accounts")]
    operations: ClassVar[list[Operation]] = []
