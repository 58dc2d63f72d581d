"""What the jobs of some cases are done from, as one digest, for rules that name one file of many.

Snakemake takes an input for unchanged that is newer but has its old bytes. In one run that does no
harm, since what follows a job runs behind it. But where a run ends between the two (it was stopped,
or asked for no more, as by `--until prepare`), the next one looks at the file alone, and whatever
else the job made anew goes unseen: other images of the old geometry, say. So a rule that names one
file of a case also has this digest among its parameters.

Standard library only: it runs whenever a run is planned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any


def digest(rules: Any, cases_of: Mapping[str, Iterable[str]]) -> str:
    """Digest the parameters of the jobs of some rules.

    Parameters
    ----------
    rules : object
        Snakemake's, with the `params` of each rule: plain values, or functions of the wildcards
        that give such.
    cases_of : mapping of rule to iterable of str
        Of which cases its jobs count.

    Returns
    -------
    str
        Equal exactly when rules, cases and all parameters are.
    """
    total = hashlib.sha256()
    for rule, cases in sorted(cases_of.items()):
        params = getattr(rules, rule).params
        for case in cases:
            wildcards = SimpleNamespace(case=case)
            values = [given(wildcards) if callable(given) else given for given in params]
            total.update(f"{rule} {case} {values!r}\n".encode())
    return total.hexdigest()
