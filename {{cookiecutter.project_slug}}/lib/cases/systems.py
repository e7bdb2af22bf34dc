"""Name the systems that are compared: SYSTEM in answers/, predictions/ and metrics/eval/."""

PROMPTED = ("base", "few_shot", "retrieval")  # the base with prompting only
SYSTEMS = (*PROMPTED, "tuned", "quantized", "endpoint")
