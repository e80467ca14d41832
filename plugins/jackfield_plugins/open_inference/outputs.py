"""Which outputs a request asks for, and in which form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jackfield import Signature
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.datatypes import KINDS
from jackfield_plugins.open_inference.parameters import flag, refuse_shared_memory, whole
from jackfield_plugins.open_inference.schema import OutputMessage
from jackfield_plugins.open_inference.texts import shown


class Form(NamedTuple):
    """How an output is given: as binary or JSON, and as its `classes` best classes or (0) as the tensor it is."""

    binary: bool
    classes: int = 0


_FORMS = (Form(False), Form(True))


class Wanted(NamedTuple):
    """The forms of the outputs by name, and that of those that are not named."""

    by_name: Mapping[str, Form]
    default: Form


def wanted(messages: Sequence[OutputMessage] | None, binary: bool) -> Wanted:
    """What `messages` ask for, where `binary` is the request's default."""
    default = _FORMS[binary]
    forms: dict[str, Form] = {}
    for message in messages or ():
        name = message.name
        if name in forms:
            raise InvalidRequest(f"output '{shown(name)}' is asked for twice")
        if not name:
            raise InvalidRequest("an output has an empty name")
        forms[name] = _form(message, default) if message.parameters else default
    return Wanted(forms, default)


def _form(message: OutputMessage, default: Form) -> Form:
    binary, classes = default
    parameters = message.parameters or {}
    for name, value in parameters.items():
        if name == "binary_data":
            binary = flag(name, value)
        elif name == "classification":
            classes = whole(name, value)
            if classes == 0:
                raise InvalidRequest("parameter 'classification' must be at least 1, got 0")
    refuse_shared_memory(message.name, parameters)
    return Form(binary, classes)


def refuse_formless(signature: Signature, asked: Wanted) -> None:
    """Raise InvalidRequest, before anything runs, if an output is to be JSON whose datatype has no such form."""
    forms, default = asked
    for spec in signature.outputs:
        if forms and spec.name not in forms:
            continue
        form = forms.get(spec.name, default)
        if not form.binary and not form.classes and KINDS[spec.datatype].element is None:
            raise InvalidRequest(
                f"output '{spec.name}': {spec.datatype.value} has no JSON form: ask for it as binary data "
                "('binary_data')"
            )
