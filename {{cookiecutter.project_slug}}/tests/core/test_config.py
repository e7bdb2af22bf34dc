"""params.yaml: a mistake is one line that names the key, the value and what is allowed."""

from pathlib import Path

import pytest

from lib.core.config import Section, load
from lib.core.params import HardwareParams, TaskParams
from lib.curate.params import CurateParams, DataParams
from lib.engines.params import AnswerParams
from lib.evaluate.params import EvalParams
from lib.quantize.params import QuantizeParams
from lib.runtime.errors import UserError
from lib.similarity.params import SplitParams
from lib.train.params import LoraParams, TrainParams
from tests.toy import PARAMS

FINE = "split: {seed: 0, val: 0.2, test: 0.2, threshold: 0.6, ngram: 2, on_leak: fail}"


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def test_loads(params: Path) -> None:
    params.write_text(FINE)
    assert load("split", SplitParams, params).val == 0.2


@pytest.mark.parametrize(
    ("found", "wrong", "said"),
    [
        ("test: 0.2", "tset: 0.2", r"split has an unknown key 'tset'; its keys are seed, val,"),
        ("seed: 0, ", "", r"split\.seed is missing; the keys of the section are seed, val"),
        ("0.6", "many", r"split\.threshold is 'many'; it must be a number$"),
        ("0.6", "1.5", r"split\.threshold is 1.5; it must be at most 1$"),
        ("ngram: 2", "ngram: '2'", r"split\.ngram is '2'; it must be an integer$"),
        ("fail", "pass", r"split\.on_leak is 'pass'; it must be 'fail' or 'drop_train'$"),
        ("val: 0.2", "val: 0.9", r"must be a section whose val and test leave a share for train"),
        ("split:", "slit:", r"the section 'split' is missing; its keys are seed"),
        ("val: 0.2", "val: 0.9", r"; it has val 0\.9, test 0\.2$"),
        ("seed: 0", "seed: 0, 3: 4", r"split\.3 has a key that is not a string; put it in quotes"),
        (FINE, "split: 5", r"split is 5; it must be a section of seed, val, test"),
        ("0.6", "0.6, benchmarks: [5]", r"split\.benchmarks\.0 is 5; it must be a section of path"),
        (
            "0.6",
            "0.6, balance: {weights: {404: 2}}",
            r"weights\.404 has a key that is not a string; put",
        ),
        (FINE, "split: {", r"params\.yaml:\d: is not valid YAML"),
        (FINE, "text", r"must contain sections such as `split:`, found 'text'"),
    ],
)
def test_mistakes_are_named(params: Path, found: str, wrong: str, said: str) -> None:
    params.write_text(FINE.replace(found, wrong))
    with pytest.raises(UserError, match=said) as error:
        load("split", SplitParams, params)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("section", [TrainParams, QuantizeParams, EvalParams])
def test_a_seed_is_one_that_numpy_takes(section: type[Section]) -> None:
    limits = {type(one).__name__: one for one in section.model_fields["seed"].metadata}
    assert limits["Lt"].lt == 2**32


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ("5", r"target_modules is 5; it must be a string or a list, such as \[a, b\]$"),
        ("[5]", r"target_modules\.0 is 5; it must be a string$"),
    ],
)
def test_mistakes_where_text_or_a_list_may_stand(params: Path, modules: str, said: str) -> None:
    params.write_text(f"lora: {{rank: 4, alpha: 8, dropout: 0.1, target_modules: {modules}}}")
    with pytest.raises(UserError, match=said):
        load("lora", LoraParams, params)


def test_mistakes_in_a_mapping_name_its_key(params: Path) -> None:
    params.write_text("task: {system: hello, output: json, fields: {urgency: [1, 2]}}")
    with pytest.raises(UserError, match=r"task\.fields\.urgency\.0 is 1; it must be a string$"):
        load("task", TaskParams, params)


def test_a_file_in_another_encoding_is_named(params: Path) -> None:
    params.write_bytes(b"split:\n  seed: \xff\xfe")
    with pytest.raises(UserError, match=r"params\.yaml:2: is not UTF-8"):
        load("split", SplitParams, params)


def test_a_list_that_may_not_be_empty_says_so(params: Path) -> None:
    params.write_text("data: {sources: []}")
    with pytest.raises(UserError, match=r"sources is \[\]; it must be a list of 1 or more items$"):
        load("data", DataParams, params)


def test_mistakes_inside_lists_and_sections(params: Path) -> None:
    params.write_text(PARAMS.replace("path:", "pth:"))
    with pytest.raises(
        UserError, match=r"data\.sources\.0 has an unknown key 'pth'; its keys are path"
    ):
        load("data", DataParams, params)


def test_mistake_in_a_section_of_a_section(params: Path) -> None:
    params.write_text(PARAMS.replace("EMAIL_ADDRESS", "EMAIL"))
    with pytest.raises(UserError, match=r"curate\.pii\.entities\.0 is 'EMAIL'; it must be"):
        load("curate", CurateParams, params)


@pytest.mark.parametrize("server", ["{command: []}", "{command: [serve, my-model]}"])
def test_a_server_that_has_one_model_for_all_systems_is_refused(params: Path, server: str) -> None:
    section = "batch_tokens: 1, max_new_tokens: 8, seed: 1, engine: server"
    params.write_text(f"answer: {{{section}, server: {server}}}")
    with pytest.raises(UserError, match=r"server\.command contains \{model\}.*answer\.endpoint"):
        load("answer", AnswerParams, params)


def test_a_section_that_contradicts_itself_is_not_printed_whole(params: Path) -> None:
    params.write_text("task: {system: hello, output: text, scenario: intent}")
    with pytest.raises(UserError) as error:
        load("task", TaskParams, params)
    said = str(error.value)
    assert "task must be a section whose scenario is one of its fields (it has none)" in said
    assert "hello" not in said


def test_a_switch_says_what_it_takes(params: Path) -> None:
    params.write_text("hardware: {device: cpu, threads: 1, deterministic: perhaps}")
    with pytest.raises(UserError, match="deterministic is 'perhaps'; it must be true or false"):
        load("hardware", HardwareParams, params)


def test_missing_file(params: Path) -> None:
    with pytest.raises(UserError, match="not found; run from the project's root folder"):
        load("split", SplitParams, params)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "primary: rougeL",
            "a section whose primary is one of its checks, or of chrf",
        ),
        ("checks: {exact_match: .}", "a mapping without the name exact_match"),
        ("canaries: ['']", r"eval\.canaries\.0"),
    ],
)
def test_metrics_are_told_apart_before_anything_runs(params: Path, change: str, said: str) -> None:
    section = f"eval: {{bootstrap: 100, seed: 1, {change}}}"
    params.write_text(section, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        load("eval", EvalParams, params)
