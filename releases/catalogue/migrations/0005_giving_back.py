"""Reports, records of use, releases taken off display."""

from __future__ import annotations

import uuid
from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("catalogue", "0004_access")]
    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            model_name='releaseversion',
            name='display_held',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='mailedlink',
            name='purpose',
            field=models.CharField(choices=[('confirm', 'confirm an e-mail address'), ('password', 'choose a password'), ('referee', 'act as referee'), ('deletion', 'confirm a deletion'), ('hold', 'take a release off display')], max_length=20),
        ),
        migrations.CreateModel(
            name='ProblemReport',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('problem', 'Something is wrong with the data or this page'), ('disclosure', 'I believe that it tells something about a real person')], max_length=20)),
                ('said', models.TextField()),
                ('reply_to', models.EmailField(blank=True, max_length=254)),
                ('made_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('answer', models.TextField(blank=True)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='catalogue.releaseversion')),
            ],
            options={
                'ordering': ('due_at', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='DisplayHold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('put_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('why_lifted', models.TextField(blank=True)),
                ('lifted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('put_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='catalogue.releaseversion')),
                ('report', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='catalogue.problemreport')),
            ],
            options={
                'ordering': ('put_at',),
            },
        ),
        migrations.CreateModel(
            name='RecordedUse',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('use', 'We used it'), ('publication', 'A publication that uses it')], max_length=20)),
                ('what', models.CharField(max_length=400)),
                ('who', models.CharField(blank=True, max_length=200)),
                ('link', models.URLField(blank=True, max_length=400)),
                ('made_at', models.DateTimeField()),
                ('shown', models.BooleanField(null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recorded_uses', to='catalogue.release')),
            ],
            options={
                'ordering': ('made_at',),
            },
        ),
        migrations.AddConstraint(
            model_name='problemreport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answered_at__isnull', False), ('answered_by__isnull', False)), models.Q(('answered_at__isnull', True), ('answered_by__isnull', True)), _connector='OR'), name='report_answered_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='displayhold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifted_at__isnull', False), ('lifted_by__isnull', False)), models.Q(('lifted_at__isnull', True), ('lifted_by__isnull', True)), _connector='OR'), name='hold_lifted_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='displayhold',
            constraint=models.CheckConstraint(condition=models.Q(('put_by__isnull', False), ('report__isnull', False), _connector='OR'), name='hold_by_an_officer_or_for_a_report'),
        ),
        migrations.AddConstraint(
            model_name='displayhold',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('version',), name='one_hold_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='recordeduse',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('shown__isnull', False)), models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('shown__isnull', True)), _connector='OR'), name='use_decided_by_somebody'),
        ),
    ]
