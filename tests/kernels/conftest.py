"""Every numeric backend in turn, those that need a GPU marked so."""

import pytest

from tapeout.device import BACKENDS, READY, choose_device, devices

STATE = devices()


def marks(name):
    """A GPU's backends run with `-m gpu`; JAX may drive either kind."""
    on_cpu = name == "numpy" or (name == "jax" and "CPU" in STATE[name])
    return [] if on_cpu else [pytest.mark.gpu]


@pytest.fixture(params=[pytest.param(name, marks=marks(name)) for name in BACKENDS])
def on(request):
    """A backend that answers; the test is skipped on the others, with the reason."""
    if not STATE[request.param].startswith(READY):
        pytest.skip(f"{request.param}: {STATE[request.param]}")
    return choose_device(request.param)
