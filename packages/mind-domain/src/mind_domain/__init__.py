"""What a plugin author imports from mind-domain: the shapes of a domain and of a judge."""

from mind_domain.domain import Domain, Label, Verdict
from mind_domain.hookspecs import hookimpl

__all__ = ["Domain", "Label", "Verdict", "hookimpl"]
