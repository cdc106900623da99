"""Calls that only look: of built-in functions, and of functions of `math` and `numpy`."""

MODULES = frozenset({"math", "cmath", "numpy"})
# fmt: off
USING_UP = frozenset({  # what they are given, if it is an iterator
    "dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple",
})
BUILTINS = USING_UP | {
    "abs", "bool", "complex", "divmod", "float", "int", "isinstance", "len", "range", "round",
}
_OF_ONE = (
    "abs", "absolute", "ceil", "cos", "cosh", "erf", "exp", "expm1", "fabs", "float32", "float64",
    "floor", "int32", "int64", "isfinite", "isnan", "log10", "log1p", "log2", "sign", "sin",
    "sinh", "sqrt", "square", "tan", "tanh",
)
_OF_TWO = (
    "array", "concatenate", "cumsum", "dot", "eye", "hypot", "log", "maximum", "mean", "minimum",
    "ones", "ones_like", "outer", "pow", "power", "prod", "reshape", "round", "stack", "std",
    "sum", "transpose", "var", "zeros", "zeros_like",
)
_OF_THREE = ("arange", "clip", "full", "full_like", "linspace", "where")
# fmt: on
MOST_ARGUMENTS = {  # one more may be an array that is written to
    **dict.fromkeys(_OF_ONE, 1),
    **dict.fromkeys(_OF_TWO, 2),
    **dict.fromkeys(_OF_THREE, 3),
}
