"""Creation of a lab: find the target, check its contract, make the lab's folder.

A lab is built beside its final place and renamed, so that a refusal leaves nothing behind.
"""

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256 as _sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from autoresearch.contract import FILE_NAME, Contract, Sealed, parse_contract, sha256
from autoresearch.data.corpora import open_corpus
from autoresearch.data.held_out import pack_files
from autoresearch.errors import ContractError, InvalidStateError, NotFoundError
from autoresearch.git.repository import Repository, snapshot
from autoresearch.git.signatures import load_signer, prepare_signer
from autoresearch.ledger.ledger import Ledger
from autoresearch.patches.patch import fingerprint
from autoresearch.records import Experiment, LabOpened, Proposed, Proposer
from autoresearch.setup.environment import Recipe, Tell, build, python_of, recipe_for
from autoresearch.setup.inputs import find_inputs, hash_inputs
from autoresearch.setup.settings import read_settings, write_settings
from autoresearch.system.hashes import file_sha256
from autoresearch.system.home import lab_folder, lab_names
from autoresearch.targets import BESIDE, shipped_files

SHIPPED = "shipped:"


@dataclass(frozen=True, slots=True)
class Source:
    """The target to open: an existing lab, a shipped target, or a repository."""

    name: str  # of the lab
    location: str  # "shipped:NAME" or an absolute path
    existing: Path | None


def find_source(source: str, home: Path, contract: str = "") -> Source:
    """Return the target that `source` names, without writing anything.

    `contract` is a text to use in place of the repository's autoresearch.toml. Raises
    NotFoundError, listing what there is, or ContractError.
    """
    source = source.strip()
    if source in BESIDE:
        folder = lab_folder(home, source)
        there = folder if (folder / "lab.json").exists() else None
        return Source(source, SHIPPED + source, there)
    if source in lab_names(home):
        folder = lab_folder(home, source)
        return Source(source, read_settings(folder)["source"], folder)
    path = Path(source).expanduser()
    if not path.is_dir():
        labs = ", ".join(lab_names(home)) or "none yet"
        raise NotFoundError(
            f"No target, lab or folder {source!r}.",
            f"Shipped targets: {', '.join(BESIDE)}. Labs: {labs}. Or give a repository's path.",
        )
    return _find_repository(path.resolve(), home, contract)


def lab_on(path: Path, home: Path) -> str | None:
    """Return the name of the lab on a folder, None if there is none."""
    source = str(path.expanduser().resolve())
    named = (
        name
        for name in lab_names(home)
        if read_settings(lab_folder(home, name))["source"] == source
    )
    return next(named, None)


def open_signed(source: str, home: Path, key: Path, tell: Tell = lambda line: None) -> None:
    """Create a lab that signs verdicts with an SSH key; raise InvalidStateError if it exists."""
    found = find_source(source, home)
    if found.existing is not None:
        signer = load_signer(found.existing)
        if signer is not None and signer.key == key.expanduser().absolute():
            return
        by = f"signs with {signer.key}" if signer else "signs nothing"
        raise InvalidStateError(
            f"The lab {found.name} is there already, and {by}.",
            "A lab signs from its first event on: open another target, or one in another "
            "AUTORESEARCH_HOME.",
        )
    create_lab(found, home, key, tell=tell)


def needed_environment(source: Source, contract: str = "") -> Recipe | None:
    """Return the recipe of the target's own environment, None if its contract asks for none."""
    if source.location.startswith(SHIPPED):
        read = _shipped_reader(source.location.removeprefix(SHIPPED))
    else:
        read = snapshot(Path(source.location)).read
    text = contract or read(FILE_NAME)
    return recipe_for(parse_contract(text.encode()), read) if text else None


def _shipped_reader(name: str) -> Callable[[str], str]:
    files = shipped_files(name)
    return lambda path: files[path].read_text() if path in files else ""


def target_recipe(contract: Contract, repository: Repository, commit: str) -> Recipe | None:
    """Return the recipe of a lab's environment at a commit, None if it has none."""
    there = repository.list_files(commit) if contract.environment_paths else ()

    def read(path: str) -> str:
        return repository.read_file(commit, path).decode() if path in there else ""

    return recipe_for(contract, read)


def target_python(home: Path, contract: Contract, repository: Repository, commit: str) -> str:
    """Return the interpreter of the target's own environment, "" if it has none."""
    recipe = target_recipe(contract, repository, commit)
    return str(python_of(home, recipe)) if recipe else ""


def create_lab(
    source: Source,
    home: Path,
    key: Path | None = None,
    *,
    contract: str = "",
    tell: Tell = lambda line: None,
) -> None:
    """Create the lab's folder, its repository, and the ledger's first two events.

    The target's environment is built first, which can take minutes.

    Args:
        source: The target.
        home: The folder of all labs.
        key: An SSH key with which the lab signs.
        contract: A text to use in place of the repository's autoresearch.toml; it is kept in the
            ledger.
        tell: Called with each line of uv's output.

    Raises:
        InvalidStateError: The key can't be used, the name was taken, or the build failed.
        ContractError: The contract does not fit the repository.
    """
    recipe = needed_environment(source, contract)
    if recipe is not None:
        build(home, recipe, tell)
    (home / "labs").mkdir(parents=True, exist_ok=True)
    with FileLock(home / "labs" / ".lock"):
        folder = lab_folder(home, source.name)
        if (folder / "lab.json").exists():
            if read_settings(folder)["source"] != source.location:
                raise InvalidStateError(
                    f"Another lab took the name {source.name} just now.", "Open it again."
                )
            return
        building = Path(mkdtemp(prefix=".building-", dir=home / "labs"))
        try:
            _build(source, home, building, key, contract)
            building.rename(folder)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


def check_files(contract: Contract, repository: Repository, commit: str) -> None:
    """Raise ContractError if the commit lacks files that the contract names."""
    files = set(repository.list_files(commit))
    editable = set(repository.matching(commit, contract.edit.allow))
    brief = contract.brief.path if contract.brief else None
    named = {"brief.path": brief}
    if contract.sealed is not None:
        named["sealed.entry"] = contract.sealed.entry.partition(":")[0]
        named |= dict(zip(("sealed.data", "sealed.targets"), contract.sealed_paths, strict=False))
        named["sealed.function"] = _function_file(contract)
    mistakes = [
        f"- {key}: {path!r} is not in the commit {commit[:12]}; commit it, or name another"
        for key, path in named.items()
        if path is not None and path not in files
    ]
    if not editable:
        mistakes.append(f"- edit.allow: {list(contract.edit.allow)} matches no file of the commit")
    mistakes += [
        f"- edit.allow: matches {path!r}, which must stay frozen"
        for path in (FILE_NAME, *contract.sealed_paths, brief, *contract.environment_paths)
        if path in editable
    ]
    if _function_file(contract) in editable:
        mistakes.append(
            f"- sealed.function: {_function_file(contract)!r} is editable, and what computes the "
            "metric must be frozen: move it into a file of its own that edit.allow leaves out"
        )
    if mistakes:
        raise ContractError(f"{FILE_NAME} does not fit its repository:\n" + "\n".join(mistakes))


def _find_repository(path: Path, home: Path, text: str) -> Source:
    there = lab_on(path, home)
    if there is not None:
        return Source(there, str(path), lab_folder(home, there))
    if not text and not (path / FILE_NAME).is_file():
        raise ContractError(
            f"{path} has no {FILE_NAME}, the contract that says what may be edited and measured.",
            f"`autoresearch-mcp init {shlex.quote(str(path))}` proposes one, proves it by runs and "
            "keeps it in a lab; where there is no terminal add --yes, and options for what it "
            "can't know. Or write one (docs/contract.md), commit it, and open the folder again.",
        )
    given = text.encode() or (path / FILE_NAME).read_bytes()
    contract = parse_contract(given, FILE_NAME if text else str(path / FILE_NAME))
    name = contract.target.name
    if name in BESIDE or lab_folder(home, name).exists():
        name = f"{name}-{_sha256(str(path).encode()).hexdigest()[:6]}"
    return Source(name, str(path), None)


def _build(source: Source, home: Path, folder: Path, key: Path | None, given: str) -> None:
    signer = prepare_signer(key, folder) if key else None
    repository = Repository.create(folder / "repository.git")
    if source.location.startswith(SHIPPED):
        name = source.location.removeprefix(SHIPPED)
        commit = repository.import_files(shipped_files(name), f"{name}, as it ships")
        found = ""
    else:
        commit = found = repository.import_head(Path(source.location))
    text = given.encode() or repository.read_file(commit, FILE_NAME)
    contract = parse_contract(text)
    check_files(contract, repository, commit)
    found_inputs = find_inputs(
        contract.inputs.read_only,
        None if source.location.startswith(SHIPPED) else Path(source.location),
        frozenset(repository.list_files(commit)),
        _private_places(contract, source, home),
    )
    documents = folder / "sealed" / "documents"
    documents.parent.mkdir(mode=0o700)
    if contract.sealed is not None:
        _copy_documents(contract, repository, commit, documents)
        _check_documents(contract.sealed, documents)
    opened = LabOpened(
        target=contract.target.name,
        source=source.location,
        source_commit=found,
        contract_sha256=sha256(text),
        sealed_sha256=file_sha256(documents) if contract.sealed else "",
        product_version=version("autoresearch-mcp"),
        split_sha256=write_settings(folder, source.location, signer),
        contract=given,
        inputs=hash_inputs(found_inputs, folder),
    )
    _write_first_events(repository, folder, opened, contract, commit)


def _function_file(contract: Contract) -> str | None:
    function = contract.sealed.function if contract.sealed else ""
    return function.rpartition(":")[0] or None


def _private_places(contract: Contract, source: Source, home: Path) -> tuple[Path, ...]:
    """Return the lab's own folder, and held-out data, wherever they lie."""
    if contract.sealed is None:
        return (home,)
    # An absolute path, or one from ~, stays as it is.
    places = filter(None, (contract.sealed.data, contract.sealed.targets))
    return (home, *(Path(source.location) / Path(place).expanduser() for place in places))


def _write_first_events(
    repository: Repository, folder: Path, opened: LabOpened, contract: Contract, commit: str
) -> None:
    ledger = Ledger(
        repository,
        cache_path=folder / "cache.sqlite",
        anchor_path=folder / "ledger-head.json",
        signer=load_signer(folder),
    )
    brief = repository.read_file(commit, contract.brief.path) if contract.brief else b""
    editable = {
        path: repository.read_file(commit, path)
        for path in repository.matching(commit, contract.edit.allow)
    }
    baseline = Experiment(
        id="e0",
        hypothesis="the code as it was found",
        base=None,
        commit=commit,
        fingerprint=fingerprint(editable),
        changes=(),
        brief_sha256=sha256(brief),
        prediction=None,
        proposer=Proposer(client="autoresearch-mcp", client_version=opened.product_version),
    )
    ledger.append_all(lambda _: (opened, Proposed(experiment=baseline)))


def _copy_documents(
    contract: Contract, repository: Repository, commit: str, documents: Path
) -> None:
    """Copy the documents to a folder that only supervisors and scorers read."""
    sealed = contract.sealed
    assert sealed is not None
    if not sealed.outside:
        files = [(path, repository.read_file(commit, path)) for path in contract.sealed_paths]
        documents.write_bytes(pack_files(files))
        return
    try:
        shutil.copyfile(Path(sealed.data).expanduser(), documents)
    except OSError as error:
        raise ContractError(
            f"- sealed.data: {sealed.data} can't be read: {error.strerror}",
            "Make it first, as the target's prepare.py does, or name another.",
        ) from error


def _check_documents(sealed: Sealed, documents: Path) -> None:
    if sealed.vocab == "arrays":
        from autoresearch.data.arrays import read_arrays  # numpy

        try:
            read_arrays(documents)
        except ValueError as error:
            where = f"{sealed.data} and {sealed.targets}"
            raise ContractError(f"- sealed.data, sealed.targets: {where}: {error}") from error
        return
    try:
        corpus = open_corpus(sealed.vocab, documents)
        count, problem = corpus.different, corpus.problem
    except ValueError as error:
        raise ContractError(f"- sealed.data: {sealed.data}: {error}") from error
    if problem:
        raise ContractError(f"- sealed.data: {sealed.data} {problem}", "Make the file again.")
    if count < 10 * sealed.held_out:
        raise ContractError(
            f"- sealed.held_out: {sealed.held_out} documents of {count} different ones in "
            f"{sealed.data} cannot be held out.",
            "A tenth is held out: ask for at most a tenth of the documents.",
        )
