"""Making sure that a `.pt2` archive runs no code of its own, neither when it is opened nor when it is run.

An exported program is data: a graph of operators in JSON, and weights. But its reader falls back to full unpickling,
loads compiled libraries that it finds inside, evaluates the text of symbolic sizes as Python, looks operators up as
attributes of `torch` (`torch.os.system` would be one), imports modules that the description of its inputs names, and
pastes names into generated source. So everything that it will act upon is checked first, against what an honest export
writes, and through the same archive reader that will read it afterwards, lest two readers disagree on what is inside.
"""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from jackfield.errors import LoadError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|")
_TEXT = re.compile(r"[A-Za-z0-9_.:+/ -]*")  # nothing that could call, quote, index or begin a line
_NAMED = {"name", "as_name", "forward_arg_names"}
_IGNORED = {"metadata", "guards_code", "as_string", "as_strings"}
"""Keys whose text is never acted upon: where nodes come from; guards, which are switched off; literals."""

_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims|prim|quantized|quantized_decomposed|torchvision)"
    r"\.(?!from_file)([A-Za-z]\w*|_[A-Za-z0-9]\w*|__i?(?:and|or|xor|lshift|rshift)__)\.[A-Za-z]\w*"
    r"|torch\.ops\.higher_order\.(cond|while_loop|map|map_impl|scan|associative_scan|out_dtype|hints_wrapper"
    r"|wrap_with_set_grad_enabled|wrap_with_autocast|flex_attention)"
    r"|torch\._?sym_\w+"
    r"|math\.[a-z]\w*"
    r"|_operator\.(abs|add|and_|eq|floordiv|ge|getitem|gt|index|le|lshift|lt|mod|mul|ne|neg|not_|or_|pos|pow|rshift"
    r"|sub|truediv|xor)",
    re.ASCII,
)
_TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}
_SYMBOL = re.compile(r"[A-Za-z_]+[0-9]+|oo|int_oo|True|False", re.ASCII)
_FUNCTION = re.compile(
    r"""Symbol | Integer | Float | Rational | Half | One | Zero | NegativeOne | Infinity | Identity
    | Add | Mul | Pow | Mod | Abs | Max | Min | And | Or | Not | Piecewise | ExprCondPair | Where
    | Equality | Unequality | Eq | Ne | (?:Strict)?(?:Less|Greater)Than | (?:Floor|Ceil|Clean)Div | ModularIndexing
    | PythonMod | (?:Ceil|Floor|Trunc|Round)ToInt | (?:Trunc)?ToFloat | RoundDecimal | [LR]Shift | PowByNatural
    | FloatPow | (?:Float|Int)TrueDiv | IsNonOverlappingAndDenseIndicator | OpaqueUnaryFn_[a-z0-9]+
    | BitwiseFn_bitwise_[a-z]+ | floor | ceiling | sqrt | log | exp""",
    re.VERBOSE | re.ASCII,
)
_EXPRESSION = (
    *(ast.Expression, ast.Load, ast.Name, ast.Call, ast.keyword, ast.Constant),
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.operator, ast.unaryop, ast.cmpop),
)


class Reader(Protocol):
    """PyTorch's archive reader, as far as it is needed."""

    def get_all_records(self) -> list[str]:
        """Names of all members."""
        ...

    def get_record(self, name: str) -> bytes:
        """A member's bytes."""
        ...


def inspect(reader: Reader, source: str) -> None:
    """Check the archive behind `reader`; raises LoadError naming `source` and what it should not hold."""
    records = reader.get_all_records()
    lowered = {name.lower() for name in records}
    if len(lowered) != len(records):  # the archive reader finds members whatever their case
        raise LoadError(f"'{source}' holds members of the same name")
    models = [name for name in records if name.lower().startswith("models/")]
    if models != ["models/model.json"]:
        raise LoadError(f"'{source}' must hold exactly one program, named 'model', as torch.export.save writes it")
    if any(name.startswith("data/aotinductor/") for name in lowered):
        raise LoadError(f"'{source}' holds compiled code, which is refused: save the exported program itself")
    for name in records:
        if name.lower().startswith(("data/weights/", "data/constants/")) and name.lower().endswith(".json"):
            _payloads(_json(reader, name, source), source)
        elif name.lower().startswith("data/") and name.lower().endswith(".pt"):
            _pickle(reader.get_record(name), name, source)
    _graph(_json(reader, models[0], source), "", source)


def _json(reader: Reader, name: str, source: str) -> Any:
    try:
        return json.loads(reader.get_record(name))
    except (ValueError, RecursionError) as error:
        raise LoadError(f"'{source}' is damaged: its member '{name}' is not JSON") from error


def _pickle(content: bytes, name: str, source: str) -> None:
    """Tensors and plain containers only. The reader tries the same first, so it never gets to the unsafe second."""
    import torch

    if not content:
        return
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise LoadError(
            f"'{source}' holds a pickle of more than tensors in '{name}', which could run any code and is refused: "
            "export the model anew with example inputs that are tensors"
        ) from error


def _payloads(description: Any, source: str) -> None:
    for name, payload in description.get("config", {}).items():
        place = str(payload.get("path_name", ""))
        if payload.get("use_pickle") or place.startswith(("custom_obj", "opaque_obj")):
            raise LoadError(
                f"'{source}' holds '{name}' as a pickle, which could run any code and is refused: make it a plain "
                "tensor and export the model anew"
            )


def _graph(value: Any, key: str, source: str) -> None:
    if isinstance(value, dict):
        for inner, item in value.items():
            _need(_TEXT.fullmatch(inner) or (key == "range_constraints" and _is_expression(inner)), inner, source)
            if inner not in _IGNORED:
                _graph(item, inner, source)
    elif isinstance(value, list):
        for item in value:
            _graph(item, key, source)
    elif isinstance(value, str):
        _text(value, key, source)


def _text(text: str, key: str, source: str) -> None:
    if key in ("target", "as_operator"):
        if not _OPERATOR.fullmatch(text):
            raise LoadError(f"'{source}' calls {_shown(text)}, which is no operator that a served model may use")
    elif key == "expr_str":
        _need(_is_expression(text), text, source)
    elif key in ("in_spec", "out_spec"):
        _tree(text, source)
    else:
        _need((_NAME if key in _NAMED else _TEXT).fullmatch(text), text, source)


def _is_expression(text: str) -> bool:
    """Arithmetic over symbols: no attributes, no text but symbols' names, no calls but of known functions."""
    try:
        nodes: Sequence[ast.AST] = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return all(isinstance(node, _EXPRESSION) and _is_harmless(node, id(node) in called) for node in nodes)


def _is_harmless(node: ast.AST, called: bool) -> bool:
    if isinstance(node, ast.Name):
        return (_FUNCTION if called else _SYMBOL).fullmatch(node.id) is not None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _SYMBOL.fullmatch(node.value) is not None
    return not called and not (isinstance(node, ast.Constant) and isinstance(node.value, bytes))


def _tree(text: str, source: str) -> None:
    if not text:
        return
    try:
        _, tree = json.loads(text)
        _branch(tree, source)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise LoadError(f"'{source}' is damaged: it describes its inputs or outputs wrongly") from error


def _branch(tree: dict[str, Any], source: str) -> None:
    if tree["type"] not in _TREES:
        raise LoadError(
            f"'{source}' takes or returns a {_shown(str(tree['type']))}, which only its own code could make: use "
            "tensors, tuples, lists and dicts"
        )
    context = json.loads(tree["context"]) if tree["context"] is not None else None
    for key in context if isinstance(context, list) else [context]:
        _need(key is None or isinstance(key, int) or (isinstance(key, str) and _TEXT.fullmatch(key)), key, source)
    for child in tree["children_spec"]:
        _branch(child, source)


def _need(held: object, given: object, source: str) -> None:
    if not held:
        raise LoadError(f"'{source}' holds {_shown(str(given))} where a plain name or size belongs, and is refused")


def _shown(text: str) -> str:
    short = text if len(text) <= 60 else text[:57] + "..."
    return ascii(short)
