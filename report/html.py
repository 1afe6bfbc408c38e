"""HTML: templates → one page that needs nothing else, under a policy that lets it run its own script and load nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..model.errors import NewsgaugeError

if TYPE_CHECKING:
    from jinja2 import Environment

STYLE, SCRIPT = "report.css", "report.js"


class ReportError(NewsgaugeError):
    """A report cannot be made."""


def missing_extra(name: str | None) -> ReportError:
    """What to say where a library of the extra is not there."""
    return ReportError(f"Reports need {name}, which is not installed; run: pip install 'newsgauge[report]'")


def environment() -> Environment:
    """The templates of this package, with everything escaped that is put into them; :class:`ReportError` without the extra's libraries."""
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise missing_extra(error.name) from error
    # Plots come last, and an hour of scoring may come before them.
    if find_spec("matplotlib") is None:
        raise missing_extra("matplotlib")
    made = Environment(loader=FunctionLoader(_template), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.policies["json.dumps_function"] = _compact
    made.filters["percent"] = percent
    return made


def page(environment: Environment, template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The pieces of a page made from *template* and *values*, with the style, the script and the policy that allows just these."""
    from markupsafe import Markup

    style, script = _template(STYLE), _template(SCRIPT)
    own = {"style": Markup(style), "script": Markup(script), "policy": policy(style, script)}
    return environment.get_template(template).generate({**values, **own})


def policy(style: str, script: str) -> str:
    """The content security policy of a page with this inline style and script."""
    return f"default-src 'none'; style-src '{_source(style)}'; script-src '{_source(script)}'; base-uri 'none'; form-action 'none'"


def percent(share: float) -> str:
    """A share in [0, 1] for people."""
    return f"{share * 100:.0f} %"


def _source(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _compact(value: Any, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _template(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")
