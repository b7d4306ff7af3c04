"""A study as JSON. Pure."""

import json
from dataclasses import asdict
from typing import Any

from wattwatch.report.study import Study


def study_document(study: Study) -> dict[str, Any]:
    """The records of a study as JSON values, in SI units; unknown is null. Keys are those of `report.study`.

    `{"title", "by", "simulated", "groups": […], "comparison": {"contrasts": […], "interaction"}, "cautions",
    "method", "runs": […]}`; `runs` are the run documents.
    """
    whole = asdict(study)
    return {
        "title": study.title,
        "by": list(study.by),
        "simulated": study.is_simulated,
        "groups": whole["groups"],
        "comparison": {"contrasts": whole["contrasts"], "interaction": study.interaction or None},
        "cautions": whole["cautions"],
        "method": list(study.method),
        "runs": list(study.documents),
    }


def text_of(study: Study) -> str:
    """The document, indented."""
    return json.dumps(study_document(study), indent=2) + "\n"
