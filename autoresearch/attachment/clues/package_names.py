"""Names that may be asked of a package index: those a repository declares, and well-known ones.

Whoever owns a name on an index decides which code comes with it. A module that somebody forgot to
commit often has the name of a stranger's package, so an import alone is no reason to install one.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from autoresearch.attachment.imports import PACKAGES
from autoresearch.git.snapshot import Snapshot

# Imported by the name that the index knows them by; those with another name are in PACKAGES.
WELL_KNOWN = frozenset(
    re.findall(
        r"\S+",
        """
    absl accelerate aiohttp albumentations altair anyio av bitsandbytes bokeh boto3 bottleneck
    catboost cffi click cloudpickle colorama coverage cryptography cupy cvxpy cython dask
    datasets deap deepspeed diffusers dill django docopt duckdb einops evaluate faker fastapi
    filelock fire flask flax fsspec gensim geopandas gradio gym gymnasium h5py httpx
    huggingface_hub hypothesis imageio ipython jax jaxlib jinja2 joblib jsonschema keras
    langchain librosa lightgbm lightning llvmlite loguru lxml lz4 markdown matplotlib mido
    mlflow mlx mpmath msgpack msgspec networkx nevergrad nltk nox numba numexpr numpy
    omegaconf onnx onnxruntime openai openpyxl optax optuna orjson ortools packaging pandas
    patsy peft plotly polars pooch protobuf psutil psycopg2 pyarrow pybind11 pydantic pygame
    pymongo pyparsing pyro pytest pytest_benchmark pytorch_lightning pytz ray redis regex
    requests rich safetensors scipy seaborn sentence_transformers sentencepiece shap shapely
    simplejson six sortedcontainers soundfile spacy sqlalchemy stable_baselines3
    starlette statsmodels streamlit sympy tabulate tensorboard tensorboardX tensorflow
    termcolor tiktoken timm tokenizers toml tomli tomlkit toolz torch torchaudio torchmetrics
    torchtext torchvision tqdm transformers treelib triton trl typer typing_extensions ujson
    uvicorn wandb websockets xarray xgboost zarr zstandard
    """,
    )
)


def plain(package: str) -> str:
    """Return a package's name alone, as indexes compare it."""
    name = re.match(r"[A-Za-z0-9._-]+", package)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def package_of(module: str) -> str:
    """Return the name under which an imported module is installed."""
    return PACKAGES.get(module, module)


def is_well_known(module: str) -> bool:
    """Return whether everybody knows whose package that module is."""
    return module in WELL_KNOWN or module in PACKAGES


def declared_names(snapshot: Snapshot) -> frozenset[str]:
    """Return the packages that some file says the repository needs, as indexes compare them."""
    return frozenset(filter(None, map(plain, _declared(snapshot))))


def _declared(snapshot: Snapshot) -> Iterator[str]:
    for path in snapshot.files:
        name = path.rpartition("/")[2]
        if re.fullmatch(r"(?:.*[-_.])?requirements?(?:[-_.].*)?\.(?:txt|in)", name):
            yield from (line.strip() for line in snapshot.read(path).splitlines())
        elif re.fullmatch(r"environment.*\.ya?ml", name):
            yield from re.findall(r"^\s*-\s+(?:[\w-]+::)?([\w.-]+)", snapshot.read(path), re.M)
    yield from _of_project(_table(snapshot.read("pyproject.toml")))
    for file in ("uv.lock", "poetry.lock", "pylock.toml"):
        locked = _table(snapshot.read(file))
        for one in (*_list(locked.get("package")), *_list(locked.get("packages"))):
            if isinstance(one, dict):
                yield str(one.get("name", ""))
    pipfile = _table(snapshot.read("Pipfile"))
    yield from (name for key in ("packages", "dev-packages") for name in _dict(pipfile.get(key)))
    for text in (snapshot.read("setup.py"), snapshot.read("setup.cfg")):
        for found in re.finditer(
            r"(?:install|extras)_require\w*\s*=\s*([\[({].*?[\])}]|(?:\n[ \t].*)+)", text, re.S
        ):
            yield from re.findall(r"[A-Za-z][\w.-]*", found[1])


def _of_project(pyproject: dict[str, Any]) -> Iterator[str]:
    project = _dict(pyproject.get("project"))
    poetry = _dict(_dict(pyproject.get("tool")).get("poetry"))
    lists = [
        project.get("dependencies"),
        *_dict(project.get("optional-dependencies")).values(),
        *_dict(pyproject.get("dependency-groups")).values(),
    ]
    yield from (one for listed in lists for one in _list(listed) if isinstance(one, str))
    yield from _dict(poetry.get("dependencies"))
    yield from (
        name
        for group in _dict(poetry.get("group")).values()
        for name in _dict(_dict(group).get("dependencies"))
    )


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
