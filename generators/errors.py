"""The errors a person can act on.

Every message names the thing, the place and the way out, and never a record's value.
"""

from __future__ import annotations


class InputError(ValueError):
    """Data, a schema or an option that cannot be used as given. The message is one line, fit to show a user as it is."""


class DisclosureRefused(InputError):
    """The disclosure policy does not allow this to be computed or released (for example: too few persons)."""


class Cancelled(Exception):
    """Raised by a progress callback to stop a long computation; whatever was half-written is removed by the caller."""
