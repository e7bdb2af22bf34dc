"""National numbers are found by presidio's own recognizers where params.yaml names them."""

from typing import get_args

import pytest
from pydantic import ValidationError

from lib.pii.params import NationalId, PiiParams
from lib.pii.redact import Finder, Redactor

VALID = {
    "AU_MEDICARE": "2704999622",
    "AU_TFN": "830388368",
    "CA_SIN": "296-030-620",
    "DE_SOCIAL_SECURITY": "15070649C999",
    "DE_TAX_ID": "87831012228",
    "ES_NIE": "X8995790F",
    "ES_NIF": "68595748L",
    "FI_PERSONAL_IDENTITY_CODE": "131052-308T",
    "IN_AADHAAR": "265707049996",
    "IN_PAN": "ABCPE2914F",
    "IT_FISCAL_CODE": "RSSMRA85T10A562S",
    "KR_RRN": "960121-1291417",
    "NG_NIN": "20278683873",
    "PL_PESEL": "44051460837",
    "SE_PERSONNUMMER": "19811218-9876",
    "SG_NRIC_FIN": "S1234567D",
    "TH_TNIN": "1867565088995",
    "TR_NATIONAL_ID": "18999133036",
    "UK_NHS": "943 476 5439",
    "UK_NINO": "AB 12 34 56 C",
    "US_ITIN": "911-70-1234",
    "US_MBI": "1EG4-TE5-MK73",
    "ZA_ID_NUMBER": "8001013880281",
}


def finder(*kinds: str) -> Finder:
    """A finder of these kinds only."""
    return Finder(PiiParams.model_validate({"entities": [*kinds], "regions": [], "score": 0.35}))


def test_all_are_tried() -> None:
    assert set(VALID) == set(get_args(NationalId))


@pytest.mark.parametrize(("kind", "number"), VALID.items())
def test_named_kinds_are_found(kind: str, number: str) -> None:
    assert Redactor(finder(kind)).redact(f"it is {number}, ok?") == f"it is <{kind}_1>, ok?"


def test_grouping_does_not_matter() -> None:
    redacted = Redactor(finder("UK_NHS")).redact("943 476 5439 or 9434765439")
    assert redacted == "<UK_NHS_1> or <UK_NHS_1>"


def test_wrong_check_digit_stays() -> None:
    assert not finder("UK_NHS", "IN_AADHAAR").find("943 476 5438, 265707049997")


def test_unnamed_kinds_stay() -> None:
    assert not finder("UK_NHS").find("RSSMRA85T10A562S")


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="UK_NHS"):
        finder("UK_NHX")
