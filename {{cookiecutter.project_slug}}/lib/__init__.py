"""What the stages share."""

import os

# No progress bar, of ours or of a library, for what takes less than a second.
os.environ.setdefault("TQDM_DELAY", "1")
