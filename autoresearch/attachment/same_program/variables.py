"""Variables of the user: which tell nothing of a program, and which may be secrets."""

import re
from collections.abc import Mapping, Sequence

from autoresearch.errors import ContractError

# The terminal, the session, the shell: they differ from window to window.
UNTOLD = re.compile(
    r"PATH|PWD|OLDPWD|SHELL|SHLVL|HOME|USER|LOGNAME|USERNAME|HOSTNAME|TERM\w*|COLORTERM|COLUMNS|"
    r"LINES|LANG|LANGUAGE|LC_\w+|TMPDIR|TEMP|TMP|TZ|EDITOR|VISUAL|PAGER|BROWSER|DISPLAY|LS_COLORS|"
    r"NO_COLOR|FORCE_COLOR|CLICOLOR\w*|PY_COLORS|WAYLAND_DISPLAY|XAUTHORITY|DBUS_\w+|SSH_\w+|"
    r"XDG_SESSION\w*|XDG_RUNTIME_DIR|XDG_CURRENT_DESKTOP|VSCODE_\w+|JPY_\w+|CONDA_\w+|VIRTUAL_ENV\w*|"
    r"PYTEST_\w+|PYTHON(?:DONTWRITEBYTECODE|NOUSERSITE|UNBUFFERED|HASHSEED|PATH|STARTUP|BREAKPOINT|"
    r"WARNINGS|IOENCODING|UTF8|HOME)|AUTORESEARCH_\w+|CLAUDE\w*|CODEX\w*|UV_?\w*|_"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS(?:WORD|WD|PHRASE)?$|PASSWORD|CREDENTIAL|AUTH|PRIVATE")
_HARMLESS = re.compile(r".*(?:TOKENS|TOKENIZERS?\w*|KEYS?_?(?:SIZE|DIM)|MAX_TOKEN\w*|AUTHOR\w*)")
_LONGEST = 400
_RANDOM = re.compile(r"[A-Za-z0-9_=-]{24,}")


def is_telling(name: str, value: str) -> bool:
    """Return whether a variable may hold a secret, by its name or by the look of its value."""
    upper = name.upper()
    if _SECRET.search(upper) and not _HARMLESS.fullmatch(upper):
        return True
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    random = bool(_RANDOM.fullmatch(value)) and mixed
    return random or len(value) > _LONGEST or bool(re.search(r"://[^/\s]*@|\n", value))


def given_variables(given: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of --env; raise ContractError for a name that is not set here."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not re.fullmatch(r"[A-Za-z_]\w*", name) or not (equals or name in environ):
            raise ContractError(
                f"--env {name} has no value: it is not set here."
                if re.fullmatch(r"[A-Za-z_]\w*", name)
                else f"{name!r} is not the name of a variable.",
                "Give --env NAME=VALUE, or --env NAME for a variable that is set for you.",
                reason="variable_unknown",
            )
        found[name] = value if equals else environ[name]
    return found
