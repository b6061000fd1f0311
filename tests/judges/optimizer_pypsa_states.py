"""Builds a heat case as a PyPSA network with PyPSA's own unit commitment and optimises the weighted sum without a gap.

A unit that may be on or off is a committable link from its source to its header, so its yields have to be the same in every
step; PyPSA counts minimum times in steps, so these have to be of one length and divide the times. A state before the horizon
that nobody knows has no words in PyPSA, nor has a unit that is not there. What it has no words for is refused.

Prints {"name","objective_weighted"} for each case.
"""

import numpy as np

import heatcase
import optimizer_pypsa as plain

# Steps for which something has lasted that is as old as can be.
LONG = 1000


def steady(what, values):
    """A figure that is the same in every step."""
    if np.ptp(values) > 0.0:
        raise ValueError(f"{what} changes from step to step: PyPSA's commitment is not told")
    return float(values[0])


def counted(what, case, hours):
    """Hours as steps."""
    steps = hours / steady("the length of a step", case.hours)
    if abs(steps - round(steps)) > heatcase.HAIR:
        raise ValueError(f"{what} of {hours} h is no number of steps")
    return round(steps)


def unit(n, case, unit):
    """A unit with states as a link that PyPSA commits, another as it is."""
    if not case.decided(unit):
        plain.unit(n, case, unit)
        return
    name = unit["id"]
    full = steady(f"{name} heat_max", case.of(unit, "heat_max"))
    taken, made = (steady(f"{name} yield", per_heat) for per_heat in case.draws(unit))
    was_on, hours = case.before(unit)
    if was_on is None or case.floor(unit).any() or unit.get("outages") or not case.capacity(unit).all():
        raise ValueError(f"{name} has a state, a duty or an absence for which PyPSA has no words")
    age = LONG if np.isinf(hours) else counted(f"{name} state", case, hours)
    source = case.connection(unit["plant"], unit.get("carrier"))
    power = case.power_connection(unit["plant"])
    limits = {}
    up, down = case.ramps(unit)
    start, stop = (steady(f"{name} ramp at its {what}", mw) for what, mw in zip(("start", "stop"), case.changes(unit)))
    for limit, mw in (("up", up[0]), ("down", down[0]), ("start_up", start), ("shut_down", stop)):
        if np.isfinite(mw):
            limits[f"ramp_limit_{limit}"] = mw / full
    n.add(
        "Link",
        name,
        bus0=f"connection {source['id']}" if source else "elsewhere",
        bus1=unit["header"],
        bus2=f"connection {power['id']}" if power else "elsewhere",
        efficiency=1.0 / taken,
        efficiency2=made / taken,
        p_nom=full * taken,
        p_min_pu=case.least(unit) / full,
        p_max_pu=case.capacity(unit) / full,
        marginal_cost=case.heat_cost(unit) / taken,
        committable=True,
        start_up_cost=unit.get("start_cost", 0.0),
        min_up_time=counted(f"{name} min_up_h", case, unit.get("min_up_h", 0.0)),
        min_down_time=counted(f"{name} min_down_h", case, unit.get("min_down_h", 0.0)),
        up_time_before=age if was_on else 0,
        down_time_before=0 if was_on else age,
        p_init=case.initial(unit) * taken,
        **limits,
    )


def judge(case, weights, _weighted_only):
    return plain.optimised(case, plain.network(case, weights, unit), mip_rel_gap=0.0, mip_abs_gap=1e-9)


if __name__ == "__main__":
    heatcase.main(judge, __doc__, states=True)
