from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("floor", "0007_jobs")]

    operations = [
        migrations.AddField(
            model_name="faultdefinition",
            name="category",
            field=models.CharField(
                choices=[
                    ("low", "Low"),
                    ("medium", "Medium"),
                    ("high", "High"),
                    ("critical", "Critical"),
                    ("material", "Material"),
                    ("quality", "Quality"),
                ],
                default="medium",
                help_text="How grave, or whose it is: decides whether and how urgently the machine calls for help. "
                "A fault from upstream or downstream counts as that instead.",
                max_length=8,
            ),
        ),
    ]
