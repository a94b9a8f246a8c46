"""What the admin calls kinds of rows, where the name that Django makes of a class does not read well."""

from __future__ import annotations

from django.apps import apps

TITLES = {
    "dspevent": "DSP event",
    "fxrate": "FX rate",
    "platformswitch": "platform switch",
    "platformswitchevent": "platform switch event",
}
PLURALS = {"platform switch": "platform switches"}

for name, title in TITLES.items():
    options = apps.get_model("campaigns", name)._meta  # noqa: SLF001 - the documented way to a model's names
    # Here, not in the models: their state in migrations need not know how a page words them.
    options.verbose_name = title
    options.verbose_name_plural = PLURALS.get(title, f"{title}s")
