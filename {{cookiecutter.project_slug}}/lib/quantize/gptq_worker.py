"""Quantize with GPTQModel in its own environment; started by `lib.quantize.gptq`.

usage   PYTHON gptq_worker.py < JOB    (JSON: source, folder, rows, threads, seed, device,
        group: columns that share a scale, -1 for a whole row)
"""

import json
import os
import random
import sys


def main() -> None:
    job = json.load(sys.stdin)
    os.environ["GPTQMODEL_CPU_WORKERS"] = str(max(job["threads"], 2))  # its loader asks for two
    import torch
    from gptqmodel import GPTQModel, QuantizeConfig

    torch.set_num_threads(job["threads"])
    random.seed(job["seed"])
    torch.manual_seed(job["seed"])
    config = QuantizeConfig(
        bits=4, group_size=job["group"], sym=True, desc_act=False, device=job["device"]
    )
    model = GPTQModel.load(job["source"], config)
    rows = [{"input_ids": row, "attention_mask": [1] * len(row)} for row in job["rows"]]
    model.quantize(rows, batch_size=1)
    model.save(job["folder"])


if __name__ == "__main__":
    main()
