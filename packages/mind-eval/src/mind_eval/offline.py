"""Keep lm-eval and its libraries off the network, and their chatter off stderr."""

from __future__ import annotations

import logging
import os
import sys

OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")


def stay_offline(*, hub: bool = False) -> None:
    """Set the libraries' own switches; called before lm-eval is imported, for they read them then.

    With `hub` data sets may be fetched: nothing is switched, so the user's own switches hold.
    Progress bars and warnings of lm-eval are turned off: mind-eval says the same in its own words.
    """
    if not hub:
        for name in OFFLINE:
            os.environ[name] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if "tqdm" not in sys.modules:
        os.environ.setdefault("TQDM_DISABLE", "1")
    for name in ("lm_eval", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
