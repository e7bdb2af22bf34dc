"""The `curate.pii` section: which personal data is masked."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from lib.core.config import Section

Entity = Literal[
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "CRYPTO",
    "CN_MOBILE_NUMBER",
    "CN_RESIDENT_ID",
    "PERSON",
    "LOCATION",
    "ORGANIZATION",
]
# National ids that presidio's own recognizers find, by check digit or an unambiguous form.
NationalId = Literal[
    "AU_MEDICARE",
    "AU_TFN",
    "CA_SIN",
    "DE_SOCIAL_SECURITY",
    "DE_TAX_ID",
    "ES_NIE",
    "ES_NIF",
    "FI_PERSONAL_IDENTITY_CODE",
    "IN_AADHAAR",
    "IN_PAN",
    "IT_FISCAL_CODE",
    "KR_RRN",
    "NG_NIN",
    "PL_PESEL",
    "SE_PERSONNUMMER",
    "SG_NRIC_FIN",
    "TH_TNIN",
    "TR_NATIONAL_ID",
    "UK_NHS",
    "UK_NINO",
    "US_ITIN",
    "US_MBI",
    "ZA_ID_NUMBER",
]
NAME_KINDS = {"PERSON", "LOCATION", "ORGANIZATION"}  # found only by a model (ner)


class PiiParams(Section):
    """Which personal data is replaced by placeholders such as <EMAIL_ADDRESS_1>."""

    entities: list[Literal[Entity, NationalId]]  # empty: nothing is masked
    regions: list[str]  # countries whose national phone numbers are recognized; +49 … always is
    score: float = Field(gt=0, le=1)  # lowest confidence of presidio; a phone number scores 0.4
    # environment variable with the key for placeholders that are the same in every record
    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    # a token-classification model: a folder of this project, or hub-id@commit; or spacy:PACKAGE,
    # gliner:FOLDER, or a YAML file with an NLP engine of presidio
    ner: str | None = Field(default=None, min_length=1)

    @field_validator("regions")
    @classmethod
    def _country_codes(cls, regions: list[str]) -> list[str]:
        if not all(re.fullmatch("[A-Z]{2}", region) for region in regions):
            raise ValueError("a list of two-letter country codes such as US, DE")
        return regions

    @model_validator(mode="after")
    def _names_need_a_model(self) -> "PiiParams":
        if bool(NAME_KINDS & set(self.entities)) != bool(self.ner):
            names = ", ".join(sorted(NAME_KINDS))
            raise ValueError(
                f"a section with `ner` and at least one of {names} in entities, or with neither"
            )
        return self
