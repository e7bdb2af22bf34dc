"""The systems that are asked, by name: SYSTEM in answers/, predictions/ and metrics/eval/."""

PROMPTED = ("base", "few_shot", "retrieval")  # the base with a prompt alone, nothing learnt
SYSTEMS = (*PROMPTED, "tuned", "quantized", "endpoint")
