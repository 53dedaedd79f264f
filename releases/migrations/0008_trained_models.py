"""Models that learned from records. Only columns that may be empty are added to older tables: none is made anew, so no trigger is lost."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0007_reaudits_and_drills"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="rounds",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="what",
            field=models.CharField(
                choices=[
                    ("summary", "Summary released"),
                    ("refused", "Summary refused"),
                    ("learned", "Model learned"),
                    ("attempt", "Generation asked for"),
                    ("generation", "Version generated"),
                    ("proposed", "Budget proposed"),
                    ("set", "Budget set"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(
                choices=[
                    ("profile", "Reading the file"),
                    ("prepare", "Preparing the working copy"),
                    ("summarise", "Summarising"),
                    ("fit", "Learning from the records"),
                    ("generate", "Generating"),
                    ("evaluate", "Evaluating"),
                    ("reaudit", "Re-auditing"),
                    ("drill", "Making a drill"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="TrainedModel",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("generator", models.CharField(max_length=50)),
                ("generator_version", models.CharField(max_length=20)),
                ("tier", models.CharField(max_length=30)),
                ("schema", models.JSONField()),
                ("choices", models.JSONField()),
                ("choices_digest", models.CharField(max_length=64)),
                ("epsilon", models.FloatField(blank=True, null=True)),
                ("delta", models.FloatField(blank=True, null=True)),
                ("contributions", models.PositiveIntegerField(blank=True, null=True)),
                ("digest", models.CharField(max_length=64)),
                ("files", models.JSONField()),
                ("report", models.JSONField(blank=True, default=dict)),
                ("made_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(blank=True, null=True)),
                ("destroyed_because", models.CharField(blank=True, max_length=200, null=True)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trained_models", to="releases.releaserequest"
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                ("run", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="made_model", to="releases.run")),
                (
                    "snapshot",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="trained_models", to="releases.snapshot"),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trained_models", to="releases.sourcedataset"
                    ),
                ),
            ],
            options={
                "ordering": ("-made_at",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("contributions__isnull", False), ("delta__isnull", False), ("epsilon__isnull", False)),
                            models.Q(("contributions__isnull", True), ("delta__isnull", True), ("epsilon__isnull", True)),
                            _connector="OR",
                        ),
                        name="model_private_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("destroyed_at__isnull", False), ("destroyed_because__isnull", False)),
                            models.Q(("destroyed_at__isnull", True), ("destroyed_because__isnull", True)),
                            _connector="OR",
                        ),
                        name="model_destroyed_whole",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="run",
            name="trained",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="releases.trainedmodel"
            ),
        ),
        migrations.AddField(
            model_name="syntheticversion",
            name="trained",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="releases.trainedmodel"
            ),
        ),
    ]
