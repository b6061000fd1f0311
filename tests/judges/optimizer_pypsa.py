"""Builds a heat case as a PyPSA network and optimises the weighted sum.

A unit is a link from its header to its connections whose power is minus its heat, so that ramps and limits are in heat
whatever its yield does. PyPSA applies no standing loss to the initial content of a store: what is given to it as initial has
lost the first step's share already.

Prints {"name","objective_weighted"} for each case.
"""

import logging
import warnings

import numpy as np
import pandas as pd
import pypsa

import heatcase

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")


# What PyPSA takes where an attribute is not given.
DEFAULTS = {
    "sign": 1.0,
    "p_min_pu": 0.0,
    "p_max_pu": 1.0,
    "marginal_cost": 0.0,
    "efficiency": 1.0,
    "efficiency2": 1.0,
    "bus2": "",
    "ramp_limit_up": np.nan,
    "ramp_limit_down": np.nan,
    "p_init": np.nan,
    "committable": False,
    "start_up_cost": 0.0,
    "min_up_time": 0,
    "min_down_time": 0,
    "up_time_before": 1,
    "down_time_before": 0,
    "ramp_limit_start_up": np.nan,
    "ramp_limit_shut_down": np.nan,
}


class Bulk:
    """Components, noted one by one and added kind by kind, which is how PyPSA is fast."""

    def __init__(self):
        self.kinds = {}

    def add(self, kind, name, **attributes):
        self.kinds.setdefault(kind, {})[name] = attributes

    def network(self, case):
        n = pypsa.Network()
        n.set_snapshots(pd.RangeIndex(case.steps, name="snapshot"))
        for weighting in n.snapshot_weightings.columns:
            n.snapshot_weightings[weighting] = case.hours
        for kind, components in self.kinds.items():
            columns = {}
            for attribute in dict.fromkeys(key for given in components.values() for key in given):
                values = [given.get(attribute, DEFAULTS.get(attribute)) for given in components.values()]
                timed = [isinstance(value, np.ndarray) and bool((value != value[0]).any()) for value in values]
                if any(timed):
                    table = np.column_stack([np.broadcast_to(value, (case.steps,)) for value in values])
                    columns[attribute] = pd.DataFrame(table, index=n.snapshots, columns=list(components))
                else:
                    plain = [value[0] if isinstance(value, np.ndarray) else value for value in values]
                    columns[attribute] = pd.Series(plain, index=list(components))
            n.add(kind, list(components), **columns)
        return n


def unit(n, case, unit):
    """A unit without states."""
    taken, made = case.draws(unit)
    source = case.connection(unit["plant"], unit.get("carrier"))
    power = case.power_connection(unit["plant"])
    up, down = case.ramps(unit)
    now = case.initial(unit)
    limits = {}
    # Power is minus heat: what lets heat rise lets power fall.
    if np.isfinite(up).any():
        limits["ramp_limit_down"] = up
    if np.isfinite(down).any():
        limits["ramp_limit_up"] = down
    if now is not None:
        limits["p_init"] = -now
    n.add(
        "Link",
        unit["id"],
        bus0=unit["header"],
        bus1=f"connection {source['id']}" if source else "elsewhere",
        bus2=f"connection {power['id']}" if power else "elsewhere",
        efficiency=taken if source else case.series(0.0),
        efficiency2=-made if power else case.series(0.0),
        p_nom=1.0,
        p_min_pu=-case.capacity(unit),
        p_max_pu=-case.floor(unit),
        marginal_cost=-case.heat_cost(unit),
        **limits,
    )


def network(case, weights, add_unit=unit):
    """The network of a case; `add_unit` adds a unit to it."""
    n = Bulk()
    for header in case.headers:
        n.add("Bus", header)
        n.add("Load", f"fixed loss {header}", bus=header, p_set=case.fixed_loss(header))
        n.add("Generator", f"vent {header}", bus=header, sign=-1.0, p_nom=1e6)
    for connection in case.connections:
        bus, carrier = f"connection {connection['id']}", connection["carrier"]
        n.add("Bus", bus)
        n.add("Load", f"base {bus}", bus=bus, p_set=case.of(connection, "base_load"))
        most = case.of(connection, "max_import")
        n.add("Generator", f"import {bus}", bus=bus, p_nom=1.0, p_max_pu=most, marginal_cost=case.buy[carrier])
        most = case.of(connection, "max_export")
        if most.any():
            earned = -case.sell.get(carrier, case.series(0.0))
            n.add("Generator", f"export {bus}", bus=bus, sign=-1.0, p_nom=1.0, p_max_pu=most, marginal_cost=earned)
    n.add("Bus", "elsewhere")
    n.add("Generator", "elsewhere", bus="elsewhere", p_nom=1e6)
    n.add("Generator", "beyond", bus="elsewhere", sign=-1.0, p_nom=1e6)
    for each in case.units:
        add_unit(n, case, each)
    for link in case.links:
        for cap, ends in (("cap", ("from", "to")), ("cap_reverse", ("to", "from"))):
            n.add(
                "Link",
                f"{cap} {link['id']}",
                bus0=link[ends[0]],
                bus1=link[ends[1]],
                efficiency=1.0 - link.get("loss_frac", 0.0),
                p_nom=1.0,
                p_max_pu=case.of(link, cap),
            )
    for storage in case.storages:
        inside, capacity = f"inside {storage['id']}", storage["capacity_mwh"]
        n.add("Bus", inside)
        lower, upper = case.series(0.0), case.series(capacity)
        if case.final(storage) is not None:
            lower[-1] = upper[-1] = case.final(storage)
        n.add(
            "Store",
            storage["id"],
            bus=inside,
            e_nom=1.0,
            e_min_pu=lower,
            e_max_pu=upper,
            e_initial=storage["initial_mwh"] * case.kept(storage)[0],
            standing_loss=storage.get("loss_per_h", 0.0),
        )
        flows = (
            ("charge", storage["header"], inside),
            ("discharge", inside, storage["header"]),
        )
        for way, source, target in flows:
            efficiency = storage.get(f"{way}_eff", 1.0)
            # The limit is on the header's side: on the sending end of a charge, on the receiving end of a discharge.
            most = case.of(storage, f"{way}_max") / (1.0 if way == "charge" else efficiency)
            n.add(
                "Link",
                f"{way} {storage['id']}",
                bus0=source,
                bus1=target,
                efficiency=efficiency,
                p_nom=1.0,
                p_max_pu=most,
            )
    for demand in case.demands:
        asked, sheddable = case.asked(demand)
        n.add("Load", demand["id"], bus=demand["header"], p_set=asked)
        weight = weights[case.classes.index(demand["class"])]
        n.add(
            "Generator",
            f"unserved {demand['id']}",
            bus=demand["header"],
            p_nom=1.0,
            p_max_pu=sheddable,
            marginal_cost=weight,
        )
    return n.network(case)


def optimised(case, n, **more):
    """The optimum of a network."""
    options = {
        "output_flag": False,
        "threads": 1,
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
        **more,
    }
    status, condition = n.optimize(solver_name="highs", solver_options=options, log_to_console=False, progress=False)
    if status != "ok":
        raise RuntimeError(f"{case.name}: {status}, {condition}")
    return {"name": case.name, "objective_weighted": float(n.objective)}


def judge(case, weights, _weighted_only):
    return optimised(case, network(case, weights))


if __name__ == "__main__":
    heatcase.main(judge, __doc__)
