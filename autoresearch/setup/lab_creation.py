"""Creation of a lab: find the target, check its contract, make the lab's folder.

A lab is built beside its final place and renamed, so that a refusal leaves nothing behind.
"""

import codecs
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256 as _sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from autoresearch.common.files import NotUtf8Error, as_text, person_text
from autoresearch.contract import FILE_NAME, Contract, Sealed, parse_contract, sha256
from autoresearch.data.corpora import open_corpus
from autoresearch.data.packed_files import pack_files
from autoresearch.equivalence.fingerprint import fingerprint
from autoresearch.equivalence.normal_form import VERSION as FORM_VERSION
from autoresearch.equivalence.normal_form import interface_of, normal_form
from autoresearch.errors import ContractError, InvalidStateError, NotFoundError
from autoresearch.git.content_elsewhere import lfs_pointers, submodules
from autoresearch.git.repository import Repository, snapshot
from autoresearch.git.signatures import load_signer, prepare_signer
from autoresearch.ledger.ledger import Ledger
from autoresearch.records import Experiment, LabOpened, Proposed, Proposer
from autoresearch.setup.environment import Recipe, Tell, build, python_of, recipe_for
from autoresearch.setup.inputs import find_inputs, hash_inputs
from autoresearch.setup.origin import Origin
from autoresearch.setup.settings import read_settings, write_settings
from autoresearch.system.hashes import file_sha256
from autoresearch.system.home import lab_folder, lab_names
from autoresearch.targets import BESIDE, shipped_files


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """A target to open: an existing lab, a shipped target, or a repository."""

    name: str  # of the lab
    origin: Origin
    existing: Path | None  # the folder of the lab that is there


def find_source(source: str, home: Path, contract: str = "") -> FoundTarget:
    """Raise NotFoundError, listing what there is, or ContractError; write nothing.

    `contract` is a text to use in place of the repository's autoresearch.toml. Raises
    NotFoundError, listing what there is, or ContractError.
    """
    source = source.strip()
    if source in BESIDE:
        folder = lab_folder(home, source)
        there = folder if (folder / "lab.json").exists() else None
        return FoundTarget(source, Origin(shipped=source), there)
    if source in lab_names(home):
        folder = lab_folder(home, source)
        return FoundTarget(source, Origin.parse(read_settings(folder)["source"]), folder)
    path = Path(source).expanduser()
    if not path.is_dir():
        labs = ", ".join(lab_names(home)) or "none yet"
        raise NotFoundError(
            f"There is no target, lab or folder {source!r}.",
            f"Shipped targets: {', '.join(BESIDE)}. Labs: {labs}. Or give a repository's path.",
            reason="target",
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
        by = f"signs with {signer.key}" if signer else "does not sign"
        raise InvalidStateError(
            f"The lab {found.name} already exists, and {by}.",
            "A lab must sign from its first event: open another target, or use another "
            "AUTORESEARCH_HOME.",
            reason="lab_exists",
        )
    create_lab(found, home, key, tell=tell)


def needed_environment(target: FoundTarget, contract: str = "") -> Recipe | None:
    """Return the recipe of the target's own environment, if its contract asks for one."""
    path = target.origin.repository
    read = _shipped_reader(target.origin.shipped) if path is None else snapshot(path).read
    text = contract or read(FILE_NAME)
    return recipe_for(parse_contract(text.encode()), read) if text else None


def _shipped_reader(name: str) -> Callable[[str], str]:
    files = shipped_files(name)
    return lambda path: files[path].read_text() if path in files else ""


def target_recipe(contract: Contract, repository: Repository, commit: str) -> Recipe | None:
    """Return the recipe of a lab's environment at a commit, None if it has none."""
    there = repository.list_files(commit) if contract.environment_paths else ()

    def read(path: str) -> str:
        return as_text(repository.read_file(commit, path)) if path in there else ""

    return recipe_for(contract, read)


def target_python(home: Path, contract: Contract, repository: Repository, commit: str) -> str:
    """Return the interpreter of the target's own environment, "" if it has none."""
    recipe = target_recipe(contract, repository, commit)
    return str(python_of(home, recipe)) if recipe else ""


def create_lab(
    target: FoundTarget,
    home: Path,
    key: Path | None = None,
    *,
    contract: str = "",
    tell: Tell = lambda line: None,
) -> None:
    """Create the lab's folder, its repository, and the ledger's first two events.

    The target's environment is built first, which can take minutes.

    Args:
        target: The target that was found.
        home: The folder of all labs.
        key: An SSH key with which the lab signs.
        contract: A text to use in place of the repository's autoresearch.toml; it is kept in the
            ledger.
        tell: Called with each line of uv's output.

    Raises:
        InvalidStateError: The key can't be used, the name was taken, or the build failed.
        ContractError: The contract does not fit the repository.
    """
    recipe = needed_environment(target, contract)
    if recipe is not None:
        build(home, recipe, tell)
    (home / "labs").mkdir(parents=True, exist_ok=True)
    with FileLock(home / "labs" / ".lock"):
        folder = lab_folder(home, target.name)
        if (folder / "lab.json").exists():
            if read_settings(folder)["source"] != str(target.origin):
                raise InvalidStateError(
                    f"Another lab has just taken the name {target.name}.",
                    "Open it again.",
                    reason="name_taken",
                )
            return
        building = Path(mkdtemp(prefix=".building-", dir=home / "labs"))
        try:
            _build(target, home, building, key, contract)
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
        f"- {key}: {path!r} is not in the commit {commit[:12]}; commit it, or name another file"
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
            f"- sealed.function: {_function_file(contract)!r} is editable, but the code that "
            "computes the metric must be frozen: move it into a file that edit.allow leaves out"
        )
    if brief is not None and brief in files:
        mistakes += _unreadable("brief.path", brief, repository.read_file(commit, brief))
    if mistakes:
        raise ContractError(
            f"{FILE_NAME} does not fit its repository:\n" + "\n".join(mistakes),
            reason="does_not_fit",
        )


def _unreadable(key: str, path: str, content: bytes) -> list[str]:
    """Return the mistake of a file that is no text a person can have meant."""
    try:
        person_text(content)
    except NotUtf8Error as error:
        return [f"- {key}: {path!r} {error}"]
    return []


def _find_repository(path: Path, home: Path, text: str) -> FoundTarget:
    there = lab_on(path, home)
    if there is not None:
        return FoundTarget(there, Origin(repository=path), lab_folder(home, there))
    if not text and not (path / FILE_NAME).is_file():
        raise ContractError(
            f"{path} has no {FILE_NAME}, the contract that states what may be edited and measured.",
            f"`autoresearch-mcp init {shlex.quote(str(path))}` proposes one, tests it in runs and "
            "keeps it in a lab; without a terminal, add --yes, and options for what it can't "
            "find out. Or write one (docs/contract.md), commit it, and open the folder again.",
            reason="no_contract",
        )
    given = text.encode() or (path / FILE_NAME).read_bytes()
    contract = parse_contract(given, FILE_NAME if text else str(path / FILE_NAME))
    name = contract.target.name
    if name in BESIDE or lab_folder(home, name).exists():
        name = f"{name}-{_sha256(str(path).encode()).hexdigest()[:6]}"
    return FoundTarget(name, Origin(repository=path), None)


def _build(target: FoundTarget, home: Path, folder: Path, key: Path | None, given: str) -> None:
    origin = target.origin
    signer = prepare_signer(key, folder) if key else None
    repository = Repository.create(folder / "repository.git")
    if origin.repository is None:
        files = shipped_files(origin.shipped)
        commit, found = repository.import_files(files, f"{origin.shipped}, as shipped"), ""
    else:
        commit = found = repository.import_head(origin.repository)
    text = given.encode() or repository.read_file(commit, FILE_NAME)
    contract = parse_contract(text)
    check_files(contract, repository, commit)
    elsewhere = {*lfs_pointers(repository.git, commit), *submodules(repository.git, commit)}
    found_inputs = find_inputs(
        contract.inputs.read_only,
        origin.repository,
        frozenset(repository.list_files(commit)) - elsewhere,
        _never_inputs(contract, origin, home),
        elsewhere,
    )
    documents = folder / "sealed" / "documents"
    documents.parent.mkdir(mode=0o700)
    if contract.sealed is not None:
        _copy_documents(contract, repository, commit, documents)
        _check_documents(contract.sealed, documents)
    opened = LabOpened(
        target=contract.target.name,
        source=str(origin),
        source_commit=found,
        contract_sha256=sha256(text),
        sealed_sha256=file_sha256(documents) if contract.sealed else "",
        product_version=version("autoresearch-mcp"),
        split_sha256=write_settings(folder, origin, signer),
        contract=given,
        inputs=hash_inputs(found_inputs, folder),
    )
    _write_first_events(repository, folder, opened, contract, commit)


def _function_file(contract: Contract) -> str | None:
    function = contract.sealed.function if contract.sealed else ""
    return function.rpartition(":")[0] or None


def _never_inputs(contract: Contract, origin: Origin, home: Path) -> tuple[Path, ...]:
    """The lab's own folder, and the data that are held out, wherever they lie."""
    if contract.sealed is None:
        return (home,)
    # An absolute path, or one from ~, stays as it is.
    places = filter(None, (contract.sealed.data, contract.sealed.targets))
    folder = origin.repository or Path("/")  # a target that ships names them in full
    return (home, *(folder / Path(place).expanduser() for place in places))


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
        normal_form=normal_form(editable, interface_of(editable)),
        normal_form_version=FORM_VERSION,
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
        unmarked = [(path, content.removeprefix(codecs.BOM_UTF8)) for path, content in files]
        documents.write_bytes(pack_files(unmarked if sealed.vocab != "tokens" else files))
        return
    try:
        shutil.copyfile(Path(sealed.data).expanduser(), documents)
    except OSError as error:
        raise ContractError(
            f"- sealed.data: {sealed.data} can't be read: {error.strerror}",
            "Create it first, for example with the target's prepare.py, or name another file.",
            reason="bad_documents",
        ) from error


def _check_documents(sealed: Sealed, documents: Path) -> None:
    if sealed.vocab == "arrays":
        from autoresearch.data.arrays import read_arrays  # numpy

        try:
            read_arrays(documents)
        except ValueError as error:
            where = f"{sealed.data} and {sealed.targets}"
            raise ContractError(
                f"- sealed.data, sealed.targets: {where}: {error}", reason="bad_documents"
            ) from error
        return
    try:
        corpus = open_corpus(sealed.vocab, documents)
        count, problem = corpus.different, corpus.problem
    except ValueError as error:
        raise ContractError(
            f"- sealed.data: {sealed.data}: {error}", reason="bad_documents"
        ) from error
    if problem:
        raise ContractError(
            f"- sealed.data: {sealed.data} {problem}",
            "Create the file again.",
            reason="bad_documents",
        )
    if count < 10 * sealed.held_out:
        raise ContractError(
            f"- sealed.held_out: {sealed.data} has {count} different documents, so "
            f"{sealed.held_out} can't be held out.",
            "Ask for at most a tenth of the documents.",
            reason="held_out_size",
        )
