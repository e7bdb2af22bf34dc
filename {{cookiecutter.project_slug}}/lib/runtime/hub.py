"""Explain why a model did not load from the Hugging Face hub, and what to do about it."""

# Exception class of huggingface_hub: cure. The first match counts; the error of a gated model is
# also a subclass of that of a missing one.
_CURES = {
    "GatedRepoError": "it is gated: ask for access on its page, then `hf auth login`",
    "RevisionNotFoundError": "it has no such revision: check base.revision",
    "RepositoryNotFoundError": (
        "the hub has no such model, or shows it to its owner alone: check base.model and "
        "`hf auth whoami`"
    ),
    "RemoteProtocolError": "the download was interrupted: run it again, it resumes",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set and it was never downloaded: unset it",
    "LocalEntryNotFoundError": (
        "the hub is out of reach and it was never downloaded: is there a network? HF_ENDPOINT "
        "names a mirror, and base.model may be a folder"
    ),
}


def ask_once() -> None:
    """Give up on a hub that cannot be reached after the first try.

    huggingface_hub 1.33 retries five times per file, printing a line each time, for half a minute,
    and has no setting for that. Its retries on a busy hub stay.
    """
    from huggingface_hub import file_download

    file_download._DEFAULT_RETRY_ON_EXCEPTIONS = ()  # type: ignore[attr-defined]


def refusal(model: str, error: Exception) -> str:
    """Explain in one line why a model does not load."""
    names = [name for cause in causes(error) for name in class_names(cause)]
    for name, cure in _CURES.items():
        if name in names:
            return f"{model}: {cure}"
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if "custom code" in first:
        return (
            f"{model}: is run by code of its own, which is not run here; take a model that "
            "transformers itself knows, or its version in transformers' format"
        )
    return (
        f"{model}: does not load ({type(error).__name__}: {first}); check base.model and "
        "base.revision, and whether all of its files are whole"
    )


def causes(error: BaseException | None) -> list[BaseException]:
    """List an error and those that caused it; transformers wraps the hub's in its own."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def class_names(error: BaseException) -> list[str]:
    """List the names of an error's classes: importing huggingface_hub to compare takes 0.5 s."""
    return [kind.__name__ for kind in type(error).__mro__]
