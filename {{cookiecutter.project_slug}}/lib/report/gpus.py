"""GPUs by name: what they can do, and hours on them in words."""

# name: (dense bf16 operations a second, bytes of memory), from NVIDIA's data sheets
GPUS = {
    "L4 24 GB": (121e12, 24e9),
    "RTX 4090 24 GB": (165e12, 24e9),
    "A100 80 GB": (312e12, 80e9),
    "H100 80 GB": (989e12, 80e9),
    "H200 141 GB": (989e12, 141e9),
}


def hours_in_words(hours: dict[str, float], prices: dict[str, float]) -> str:
    """Hours by the name of the GPU as people read them, with their cost where `prices` has that of
    an hour."""
    return ", ".join(
        f"{name} {duration(time)}" + (f" for {cost(time * prices[name])}" if name in prices else "")
        for name, time in hours.items()
    )


def cost(amount: float) -> str:
    """An amount to the cent, or that it is less."""
    return f"{amount:.2f}" if amount >= 0.005 else "less than 0.01"


def duration(hours: float) -> str:
    """Hours, or what is too little to be told in hours."""
    return f"{hours:.2g} h" if hours >= 0.02 else "about a minute or less"
